"""``manage.py switches``: stop all sending of the installation, or let it go."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.models import PlatformSwitch
from integrations.services import switches
from project.core.scoping import platform_scope


class Command(BaseCommand):
    """Exit 0: done, or nothing is stopped. 1: ``status`` while all sending is stopped. 2: bad use."""

    help = "Show, throw or let go the kill switch of the whole installation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("act", choices=["status", "stop", "go"])
        parser.add_argument("--reason", default="", help="why, for everybody to see")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Act and print how it stands."""
        with platform_scope("platform kill switch"):
            if options["act"] != "status":
                switches.switch_platform(on=options["act"] == "stop", reason=options["reason"], actor=None)
            found = PlatformSwitch.objects.first()
        if options["json"]:
            self.stdout.write(
                json.dumps({"stopped": found is not None, "reason": found.reason if found else ""})
            )
        else:
            self.stdout.write(
                f"All sending is stopped. {found.reason}".rstrip() if found else "Sending goes on."
            )
        if options["act"] == "status" and found is not None:
            sys.exit(1)
