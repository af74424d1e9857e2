"""Real PostgreSQL and Redis for a test run: started once per run in a temporary directory, on free ports.

Loaded by ``-p`` before Django's settings are read, because they read ``DATABASE_URL`` and ``REDIS_URL``. Runs
with parallel workers share the servers: each worker has its own database (pytest-django) and its own Redis
database number. Servers that the environment names are used as they are.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from tests.plugins import template


def _worker_redis_url(url: str, worker: str) -> str:
    """Return ``url`` with the database number of parallel worker ``gwN`` (N + 1; 0 is the controller's)."""
    base, _, _ = url.rpartition("/")
    return f"{base}/{int(worker.removeprefix('gw')) + 1}"


def _keep_bytecode() -> None:
    """Keep what is compiled, also where the environment says not to, as that of containers does.

    A run starts a hundred processes, and each would compile Django and the product anew for seconds.
    """
    if not sys.dont_write_bytecode:
        return
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(template.ROOT / ".pytest_cache" / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start what the environment does not name, before pytest-django imports the settings."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None:
        os.environ["REDIS_URL"] = _worker_redis_url(os.environ["REDIS_URL"], worker)
        return
    _keep_bytecode()
    only_help = early_config.known_args_namespace.help or early_config.known_args_namespace.version
    if only_help or (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        return
    directory = Path(tempfile.mkdtemp(prefix="outbound-tests-"))
    # At exit, not in pytest_unconfigure: that hook is not called when loading the settings fails.
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    started = template.start(directory)
    atexit.register(started.stop)
    os.environ.setdefault("DATABASE_URL", started.postgres.url)
    os.environ.setdefault("REDIS_URL", started.redis.url)
    os.environ.setdefault("DATA_DIR", str(directory))
