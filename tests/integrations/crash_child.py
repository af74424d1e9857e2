"""A worker of its own that is killed while it sends: run by ``test_crashes`` against the test's database.

``python -m tests.integrations.crash_child <organization> <sender> <ledger> <before|after>`` writes what
really left into the ledger file, and dies by SIGKILL before or after that.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import Any


def main(organization_id: str, sender_id: str, ledger: str, when: str) -> None:
    import django

    django.setup()
    from django.conf import settings

    from integrations import registry
    from integrations.tasks import dispatch_sender
    from tests.integrations import world

    settings.UNIPILE_BASE_URL = "http://127.0.0.1:9"

    def deliver(self: Any, entry: dict[str, Any]) -> dict[str, Any]:
        if when == "after":
            with Path(ledger).open("a") as file:
                file.write(entry["text"] + "\n")
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")

    world.World.deliver = deliver  # type: ignore[method-assign]
    real = registry.get("unipile")
    registry._PROVIDERS["unipile"] = dataclasses.replace(
        real, adapter_path="tests.integrations.world:WorldAdapter"
    )
    dispatch_sender.run(organization_id=organization_id, sender_id=sender_id)


if __name__ == "__main__":
    main(*sys.argv[1:5])
