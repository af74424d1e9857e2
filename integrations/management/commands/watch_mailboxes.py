"""``manage.py watch_mailboxes``: hold connections to mailboxes, so that what comes in is fetched at once."""

from __future__ import annotations

import os
import signal
from typing import Any

from django.core.management.base import BaseCommand

from integrations.services.watching import Watcher


class Command(BaseCommand):
    """Watch until SIGTERM or Ctrl-C."""

    help = "Watch mailboxes for news; part of `manage.py up`."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the loop; ends within two seconds of a signal."""
        watcher = Watcher()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: watcher.stop())
        watcher.run()
        self.stdout.flush()
        # Threads that wait for a slow server hold nothing and are not waited for.
        os._exit(0)
