"""``manage.py rollups``: count what is new, prove the sums, or count everything anew."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Organization
from reporting.services import rollups


class Command(BaseCommand):
    """Exit 0: done. 1: ``--check`` found sums that a fresh count does not confirm. 2: no such organization."""

    help = "Count facts into the sums of reports: what is new, or (--rebuild) everything; --check compares."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        acts = parser.add_mutually_exclusive_group()
        acts.add_argument(
            "--check", action="store_true", help="count everything beside what is stored and compare"
        )
        acts.add_argument(
            "--rebuild", action="store_true", help="count everything from the facts that are kept"
        )
        parser.add_argument("--organization", default="", help="slug of one organization; all without it")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Act on each organization and print what came of it."""
        with platform_scope("manage.py rollups"):
            chosen = Organization.objects.order_by("slug")
            if options["organization"]:
                chosen = chosen.filter(slug=options["organization"])
            found = list(chosen)
        if options["organization"] and not found:
            self.stderr.write(f"There is no organization {options['organization']!r}.")
            sys.exit(2)
        rows = [self._one(organization, options) for organization in found]
        differing = sum(len(row["differences"]) for row in rows)
        if options["json"]:
            self.stdout.write(json.dumps({"organizations": rows, "ok": not differing}, default=str))
        if differing:
            sys.exit(1)

    def _one(self, organization: Organization, options: dict[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {"organization": organization.slug, "sums": 0, "differences": []}
        with organization_scope(organization.id):
            if options["check"]:
                row["differences"] = [self._told(one) for one in rollups.differences()]
                said = f"{len(row['differences'])} differences"
            else:
                row["sums"] = rollups.rebuild() if options["rebuild"] else rollups.count()
                said = f"{row['sums']} sums written"
            row["counted_at"] = rollups.counted_at()
        self.stdout.write(f"{organization.slug}: {said}, counted at {row['counted_at'] or 'never'}")
        return row

    def _told(self, one: rollups.Difference) -> dict[str, Any]:
        self.stdout.write(
            f"  {one.grain} {one.subject_id} {one.part} {one.day} {one.kind}:"
            f" stored {one.stored[0]} ({one.stored[1]} people), counted {one.counted[0]} ({one.counted[1]} people)"
        )
        return {
            "grain": one.grain, "subject_id": one.subject_id, "part": one.part, "day": one.day, "kind": one.kind,
            "stored": one.stored, "counted": one.counted,
        }  # fmt: skip
