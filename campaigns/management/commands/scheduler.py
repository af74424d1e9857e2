"""``manage.py scheduler``: whether due actions are worked on, how far behind that is, and stopping and starting it."""

from __future__ import annotations

import getpass
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from campaigns.services import engine, scheduler
from project.core.scoping import platform_scope


class Command(BaseCommand):
    """Exit 0: done, or it runs. 1: ``status`` of a stopped scheduler. 2: bad use."""

    help = "Show, stop and start the scheduler of campaigns; work on what is due until told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "act", choices=["status", "stop", "start", "run"], help="run: one tick in this process"
        )
        parser.add_argument("--reason", default="", help="why it is stopped, for everybody to see")
        parser.add_argument("--seconds", type=float, default=20.0, help="how long a tick of run may take")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Act and print how it stands."""
        with platform_scope("scheduler"):
            if options["act"] in {"stop", "start"}:
                scheduler.set_platform(running=options["act"] == "start", reason=options["reason"], by=_who())
            elif options["act"] == "run":
                with engine.stopping_on_signals():
                    done = engine.tick(seconds=options["seconds"])
                self.stdout.write(f"{done} actions done.")
            found = scheduler.status()
        if options["json"]:
            self.stdout.write(json.dumps(found.as_json()))
        else:
            self._tell(found)
        if options["act"] == "status" and not found.is_running:
            sys.exit(1)

    def _tell(self, found: scheduler.Status) -> None:
        state = "running" if found.is_running else f"stopped by {found.changed_by} {found.reason}".rstrip()
        last = f"{found.last_tick_at:%Y-%m-%d %H:%M:%S} UTC" if found.last_tick_at else "never"
        self.stdout.write(f"The scheduler is {state}. Last tick: {last}.")
        for row in found.organizations:
            stopped = "" if row.is_running else f", stopped {row.reason}".rstrip()
            self.stdout.write(
                f"  {row.slug}: {row.due} due ({row.held} held before), {row.claimed_lanes} lanes in work,"
                f" {row.lag_s:.0f} s behind{stopped}"
            )


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "the command line"
