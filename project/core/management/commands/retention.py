"""``manage.py retention``: let months of ledgers go that are past the time for which they are kept."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat

from project.core import retention
from project.core.db.base import owner_connection
from project.core.scoping import platform_scope


class Command(BaseCommand):
    """Exit 0: done. 1: a month past its time is held. 2: a setting cannot be."""

    help = (
        "Let old months of ledgers go (KEEP_CALLS_MONTHS, KEEP_EVENTS_MONTHS, KEEP_FACTS_MONTHS), as a task does"
        " every day. Sums of reports stay."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--dry-run", action="store_true", help="only say what would go, and what is held")
        parser.add_argument(
            "--detach",
            action="store_true",
            help="leave the tables in the database, by themselves, to be archived",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Act as the owner of the tables, and print what came of each month."""
        try:
            with platform_scope("manage.py retention"), owner_connection():
                done = retention.run(dry_run=options["dry_run"], detach=options["detach"])
        except ImproperlyConfigured as error:
            self.stderr.write(str(error))
            sys.exit(2)
        for one in done:
            size = f", {filesizeformat(one.bytes)}" if one.bytes else ""
            self.stdout.write(
                f"{one.table} {one.month}: {one.did} (about {one.rows} rows{size})"
                + (f": {one.why}" if one.why else "")
            )
        if not done:
            self.stdout.write("Nothing is past its time.")
        if options["json"]:
            self.stdout.write(json.dumps({"months": [asdict(one) for one in done]}))
        if any(one.did == "held" for one in done):
            sys.exit(1)
