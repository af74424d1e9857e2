"""``manage.py replay``: applies stored webhook calls once more, or says what that would change."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.models import ReplayRun
from integrations.services import rehearsals, replays
from integrations.services.rehearsals import DryRun
from integrations.webhook_filters import Filter
from project.core.refusals import Refused
from project.core.scoping import organization_scope
from project.tenancy.models import Organization

FILTERS = {
    "provider": "of one provider, such as unipile",
    "connection": "of one connection (id)",
    "sender": "about one sender account (id)",
    "client": "of one client's accounts (id)",
    "event-type": "with the provider's name of the event",
    "state": "in this state: dead, failed, ignored, processed, received",
    "since": "that came in since: 2026-11-20T09:12, or 09:12 today",
    "until": "that came in until",
    "text": "whose body or ids hold this text",
    "reason": "that died of this (as the page and the API name it)",
}


class Command(BaseCommand):
    """Exit 0: done. 1: some of them failed, or would. 2: bad use, or nothing to replay."""

    help = (
        "Apply stored webhook calls once more, oldest first: those of --id, or all that the filters take. What is"
        " known already changes nothing, so that replaying twice is harmless. --dry-run rolls it back and prints"
        " what would change."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--organization", help="slug of one organization; default: all of them")
        parser.add_argument(
            "--id", action="append", default=[], help="one delivery; may be given several times"
        )
        for name, text in FILTERS.items():
            parser.add_argument(f"--{name}", default="", help=f"only calls {text}")
        parser.add_argument("--all", action="store_true", help="every call, where no filter is given")
        parser.add_argument("--dry-run", action="store_true", help="change nothing, print what would change")
        parser.add_argument(
            "--limit", type=int, default=1000, help="calls that a dry run tries in each organization (1000)"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay or rehearse, and print."""
        try:
            criteria = self._criteria(options)
            organizations = self._organizations(options["organization"])
        except Refused as error:
            self._bad_use(error.message)
        act = self._rehearse if options["dry_run"] else self._replay
        results = {}
        for organization in organizations:
            with organization_scope(organization.id):
                result = act(organization.slug, criteria, options)
            if result is not None:
                results[organization.slug] = result
        if not results:
            self._bad_use("None of these deliveries can be replayed.")
        troubled = any(result.pop("troubled") for result in results.values())
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], "organizations": results}))
        if troubled:
            sys.exit(1)

    def _criteria(self, options: dict[str, Any]) -> Filter:
        renamed = {"connection": "connection_id", "sender": "sender_id", "client": "client_id"}
        given = {name.replace("-", "_"): options[name.replace("-", "_")] for name in FILTERS}
        named = {renamed.get(name, name): value for name, value in given.items()}
        criteria = Filter.parse({**named, "ids": options["id"]})
        if criteria.is_empty and not options["all"]:
            raise Refused("Say which deliveries with a filter or --id, or --all.")
        return criteria

    def _organizations(self, slug: str | None) -> list[Organization]:
        rows = Organization.objects.order_by("slug")
        found = list(rows.filter(slug=slug) if slug else rows)
        if not found:
            raise Refused(f"There is no organization {slug!r}.")
        return found

    def _rehearse(self, slug: str, criteria: Filter, options: dict[str, Any]) -> dict[str, Any] | None:
        found = rehearsals.dry_run(criteria=criteria, limit=options["limit"], seconds=600)
        if not found.total:
            return None
        if not options["json"]:
            self._tell_dry_run(slug, found)
        return {**found.as_json(), "troubled": bool(found.troubles)}

    def _tell_dry_run(self, slug: str, found: DryRun) -> None:
        difference = found.difference
        self.stdout.write(
            f"{slug}: {found.tried} of {found.total} tried and rolled back. {found.changed} would tell something new,"
            f" {found.known} are known already."
        )
        if found.gave_way:
            self.stdout.write("  It ended early because live work waited for the same accounts.")
        for change in difference.changes:
            self.stdout.write(f"  {change.sign} {change.kind}: {change.text}")
        self.stdout.write(
            f"  {difference.count('+')} rows added, {difference.count('~')} changed, {difference.count('-')} withdrawn,"
            f" {len(difference.stopped)} sequences stopped, {difference.bookkeeping} rows of bookkeeping."
        )
        for reason, count in found.ignored.most_common():
            self.stdout.write(f"  {count} come to nothing: {reason}")
        for trouble in found.troubles:
            self.stdout.write(f"  {trouble.delivery_id} ({trouble.event_type}): {trouble.reason}")

    def _replay(self, slug: str, criteria: Filter, options: dict[str, Any]) -> dict[str, Any] | None:
        try:
            made = replays.request(criteria=criteria, actor=None, start=False)
        except Refused:
            return None
        told = None if options["json"] else self._told(slug)
        state = replays.run(made.id, told=told)
        run = made.refreshed()
        counts = {name: getattr(run, name) for name in ("total", "done", "changed", "failed", "skipped")}
        if not options["json"]:
            self.stdout.write(
                f"{slug}: {run.done} of {run.total} replayed, {run.changed} told something new, {run.failed} failed,"
                f" {run.skipped} could not be replayed."
            )
        return {"id": str(run.id), "state": state, **counts, "troubled": bool(run.failed or run.error)}

    def _told(self, slug: str) -> Any:
        def told(run: ReplayRun) -> None:
            if run.done % 500 == 0:
                self.stdout.write(f"{slug}: {run.done} of {run.total}")

        return told

    def _bad_use(self, message: str) -> None:
        print(message, file=sys.stderr)
        sys.exit(2)
