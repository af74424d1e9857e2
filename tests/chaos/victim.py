"""A worker of its own that is killed in the middle of a task: run by ``test_killed_processes`` on the test's database.

``python -m tests.chaos.victim <JSON>`` with ``task`` and its ``arguments``, the ``call`` (``module:Class.method`` or
``module:function``) that it dies at by SIGKILL, the ``nth`` time, ``before`` or ``after`` that was done, and values to
``set`` first (``module:Class.name``; settings by name alone).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any


def _owner(path: str) -> tuple[Any, str]:
    module, _, rest = path.rpartition(":")
    if not module:
        from django.conf import settings

        return settings, rest
    owner: Any = import_module(module)
    *classes, name = rest.split(".")
    for part in classes:
        owner = getattr(owner, part)
    return owner, name


def main(order: dict[str, Any]) -> None:
    import django

    django.setup()
    for path, value in order["set"].items():
        owner, name = _owner(path)
        setattr(owner, name, value)
    owner, name = _owner(order["call"])
    real, calls = getattr(owner, name), [0]

    def dies(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        is_last = calls[0] == order["nth"]
        if is_last and order["when"] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(*args, **kwargs)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(owner, name, dies)
    task, _ = _owner(order["task"])
    getattr(task, order["task"].rpartition(":")[2]).run(**order["arguments"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
