"""``manage.py reconcile``: compare connections with ours; a dry run unless ``--apply`` is said."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from integrations.models import Connection, ReconciliationReport
from integrations.services import reconciliation
from integrations.sync_selectors import totals
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.core.scoping import organization_scope
from project.tenancy.models import Organization

#: How long to wait for a worker that has the lease, in seconds.
HELD_S = 0.5


class Command(BaseCommand):
    """Exit 0: nothing differs any more. 1: something differs, or could not be compared. 2: bad use."""

    help = "Compare campaigns, leads and messages of an organization's connections with what is stored here."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--organization", required=True, help="slug of the organization")
        parser.add_argument("--connection", help="id of one connection; default: all that can be compared")
        parser.add_argument("--part", action="append", default=[], choices=["campaigns", "leads", "messages"])
        parser.add_argument("--since", help="messages: from this day (UTC) on, YYYY-MM-DD; default: 14 days")
        parser.add_argument("--apply", action="store_true", help="take over what differs")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare here, turn by turn, and print."""
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            self._fail(f"There is no organization {options['organization']!r}.")
        since = self._since(options["since"])
        with organization_scope(organization.id):
            reports = [self._one(connection, options, since) for connection in self._connections(options)]
            told = [self._told(report) for report in reports]
        for row in told:
            self.stdout.write(
                f"{row['connection']}: {row['state']}{': ' + row['error'] if row['error'] else ''}"
            )
            for name, counts in row["counts"].items():
                self.stdout.write(f"  {name}: " + ", ".join(f"{n} {word}" for word, n in counts.items()))
            for note in row["notes"]:
                self.stdout.write(f"  {note}")
        if options["json"]:
            self.stdout.write(json.dumps({"mode": self._mode(options), "reports": told}))
        if any(self._differs(report, applied=options["apply"]) for report in reports):
            sys.exit(1)

    def _since(self, text: str | None) -> datetime | None:
        if not text:
            return None
        try:
            return datetime.combine(date.fromisoformat(text), time_of_day(), UTC)
        except ValueError:
            self._fail("Say the day as YYYY-MM-DD.")

    def _connections(self, options: dict[str, Any]) -> list[Connection]:
        rows = Connection.objects.exclude(status=Connection.Status.DISABLED).order_by("name", "id")
        if options["connection"]:
            rows = rows.filter(id=parse_uuid(options["connection"]))
            if not rows:
                self._fail("This organization has no such connection.")
        return [row for row in rows if reconciliation.parts_of(row.provider)]

    def _one(
        self, connection: Connection, options: dict[str, Any], since: datetime | None
    ) -> ReconciliationReport:
        offered = reconciliation.parts_of(connection.provider)
        parts = [name for name in options["part"] if name in offered]
        try:
            report = reconciliation.request(
                connection=connection,
                mode=self._mode(options),
                trigger="command",
                parts=parts,
                since=since,
            )
        except Refused as error:
            self._fail(error.message)
        if report is None:
            self._fail(f"{connection} is being reconciled already.")
        # Workers may take turns as well: whoever has the lease compares.
        while report.refreshed().state in reconciliation.ACTIVE:
            if not reconciliation.run(report.id):
                time.sleep(HELD_S)
        return report

    def _mode(self, options: dict[str, Any]) -> str:
        return "apply" if options["apply"] else "dry_run"

    def _told(self, report: ReconciliationReport) -> dict[str, Any]:
        return {
            "id": str(report.id),
            "connection": report.connection.name,
            "state": report.state,
            "error": report.error,
            "counts": report.counts,
            "notes": report.notes,
        }

    def _differs(self, report: ReconciliationReport, *, applied: bool) -> bool:
        found = totals(report)
        open_ones = found["missing"] + found["errors"]
        if not applied:
            open_ones += found["created"] + found["updated"]
        return report.state != ReconciliationReport.State.DONE or bool(open_ones)

    def _fail(self, message: str) -> NoReturn:
        print(message, file=sys.stderr)
        sys.exit(2)
