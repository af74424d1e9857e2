"""Run a command against throw-away servers: ``python -m project.core.embedded.temporary COMMAND ...``.

The command finds ``DATABASE_URL``, ``REDIS_URL`` and ``DATA_DIR`` of a fresh, empty installation in its
environment and decides the exit code. ``--durable`` writes as safely as a real installation (for benchmarks).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from project.core.embedded import servers


def main(arguments: Sequence[str]) -> int:
    """Run the command given by ``arguments``; return its exit code (2 when the servers do not start)."""
    durable = arguments[:1] == ["--durable"]
    command = list(arguments[1:] if durable else arguments)
    if not command:
        print("usage: python -m project.core.embedded.temporary [--durable] COMMAND ...", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory(prefix="outbound-temporary-", ignore_cleanup_errors=True) as folder:
        try:
            with servers.running(Path(folder), durable=durable) as running:
                return subprocess.run(command, env=_environment(running), check=False).returncode
        except servers.FAILURES as error:
            print(error, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130


def _environment(running: servers.Servers) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": running.postgres.url,
        "REDIS_URL": running.redis.url,
        "DATA_DIR": str(running.data_dir),
    }


def _leave(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
