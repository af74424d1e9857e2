"""``manage.py metrics flush|list``: take a metric snapshot now, or show the newest ones."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from reporting.models import MetricSnapshot
from reporting.services import snapshots


class Command(BaseCommand):
    """Exit status 0 when done."""

    help = "Metric snapshots: flush takes one now and has it exported, list shows the newest."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the act and the options."""
        parser.add_argument("act", choices=("flush", "list"))
        parser.add_argument("--limit", type=int, default=20, help="how many to list")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and print."""
        if options["act"] == "flush":
            snapshots.take(reason="flush")
            snapshots.export()
        limit = 1 if options["act"] == "flush" else max(1, options["limit"])
        rows = [snapshots.payload(row) for row in MetricSnapshot.objects.order_by("-taken_at", "-id")[:limit]]
        if options["json"]:
            self.stdout.write(json.dumps({"snapshots": rows}))
            return
        for row in rows:
            self.stdout.write(f"{row['taken_at']}  {row['reason']}  {json.dumps(row['figures'])}")
