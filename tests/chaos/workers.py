"""Processes of our own on the test's database and Redis, started as an installation starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from project.core.embedded import parts
from tests.contracts.base import eventually


def environment(**values: str) -> dict[str, str]:
    """What a process needs to work on the test's rows."""
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    return {
        **os.environ,
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "project.settings.test",
        **values,
    }


@contextmanager
def running_workers(log: Path, **values: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The installation's two workers, ready for work; ``log`` has what they say."""
    from celery import current_app

    plan = parts.Plan(host="127.0.0.1", port=1, data_dir=log.parent, sandbox_port=1)
    with log.open("wb") as out:
        started = {
            part.name: subprocess.Popen(
                ["nice", "-n", str(part.niceness), sys.executable, "-m", *part.command],
                env=environment(**values),
                stdout=out,
                stderr=out,
            )
            for part in parts.build(parts.NAMES["worker"], plan, {})
        }
        try:
            eventually(
                lambda: len(current_app.control.ping(timeout=0.5)) == len(started) or None, seconds=120
            )
            yield started
        finally:
            for process in started.values():
                process.send_signal(signal.SIGKILL)
                process.wait()
