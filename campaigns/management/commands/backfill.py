"""``manage.py backfill``: read messages of a window, all connections, ids of chats, or count days and use of limits."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from campaigns.models import Campaign, CampaignSender
from integrations.errors import ProviderError
from integrations.models import SenderAccount, SyncRun
from integrations.services import healing, rates, sync
from project.core.clock import now
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.core.scoping import organization_scope
from project.tenancy.models import Organization

#: How long to wait for a worker that has the lease, in seconds.
HELD_S = 0.5
WHAT = ("messages", "connections", "chats", "ledger", "usage")
_RESOURCES = {
    "messages": sync.HISTORY,
    "connections": sync.CONNECTIONS,
    "chats": sync.CHATS,
    "ledger": sync.LEDGER,
}


class Command(BaseCommand):
    """Exit 0: done. 1: some account could not be read, or lacks messages. 2: bad use."""

    help = "Fill in what is missing from the providers' records; what is here already stays as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("what", choices=WHAT)
        parser.add_argument("--organization", required=True, help="slug of the organization")
        parser.add_argument("--sender", help="id of one account; default: all that are not removed")
        parser.add_argument(
            "--campaign",
            help="id of one campaign; connections: of its LinkedIn accounts, told to its people only",
        )
        parser.add_argument("--since", help="first day (UTC), YYYY-MM-DD; default: yesterday")
        parser.add_argument("--until", help="last day (UTC); default: as --since")
        parser.add_argument("--dry-run", action="store_true", help="messages: only count what is missing")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read here, turn by turn, and print."""
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            self._fail(f"There is no organization {options['organization']!r}.")
        if options["campaign"] and options["what"] != "connections":
            self._fail("Only connections are read for a campaign.")
        days = self._days(options)
        with organization_scope(organization.id):
            campaign = self._campaign(options)
            told = [
                self._one(options["what"], sender, days, dry=options["dry_run"], campaign=campaign)
                for sender in self._senders(options, campaign)
            ]
        for row in told:
            facts = ", ".join(
                f"{name} {value}" for name, value in row.items() if name not in {"sender", "ok"}
            )
            self.stdout.write(f"{row['sender']}: {facts}")
        if options["json"]:
            self.stdout.write(json.dumps({"what": options["what"], "accounts": told}))
        if not all(row["ok"] for row in told):
            sys.exit(1)

    def _days(self, options: dict[str, Any]) -> list[date]:
        yesterday = now().astimezone(UTC).date() - timedelta(days=1)
        try:
            since = date.fromisoformat(options["since"]) if options["since"] else yesterday
            until = date.fromisoformat(options["until"]) if options["until"] else since
        except ValueError:
            self._fail("Say days as YYYY-MM-DD.")
        if until < since or until - since >= sync.LONGEST_WINDOW:
            self._fail(
                f"The last day comes after the first one; at most {sync.LONGEST_WINDOW.days} days at once."
            )
        return [since + timedelta(days=number) for number in range((until - since).days + 1)]

    def _campaign(self, options: dict[str, Any]) -> Campaign | None:
        if not options["campaign"]:
            return None
        found: Campaign | None = Campaign.objects.filter(id=parse_uuid(options["campaign"])).first()
        if found is None:
            self._fail("This organization has no such campaign.")
        return found

    def _senders(self, options: dict[str, Any], campaign: Campaign | None) -> list[SenderAccount]:
        rows = SenderAccount.objects.select_related("connection", "client").exclude(status="deleted")
        if campaign is not None:
            links = CampaignSender.objects.filter(campaign=campaign, sender__channel="linkedin")
            rows = rows.filter(id__in=links.values("sender_id"))
            if not rows:
                self._fail("No LinkedIn account works for this campaign.")
        if options["sender"]:
            rows = rows.filter(id=parse_uuid(options["sender"]))
            if not rows:
                self._fail("This organization has no such account.")
        return list(rows.order_by("name", "id"))

    def _one(
        self, what: str, sender: SenderAccount, days: list[date], *, dry: bool, campaign: Campaign | None
    ) -> dict[str, Any]:
        since, until = _start(days[0]), _start(days[-1]) + timedelta(days=1)
        told: dict[str, Any] = {"sender": sender.name, "ok": True}
        try:
            if what == "usage":
                return told | {"raised": rates.backfill(sender=sender, since=since, until=until)}
            if what == "messages" and dry:
                found = healing.preview(sender=sender, since=since, until=until)
                return told | {"listed": found.listed, "missing": found.missing, "complete": found.complete}
            if what == "ledger":
                return told | self._ledger(sender, days)
            about: dict[str, Any] = {"since": since, "until": until} if what == "messages" else {}
            if campaign is not None:
                about["campaign_id"] = campaign.id
            run = self._run(sender, _RESOURCES[what], **about)
        except (Refused, ProviderError) as error:
            return told | {"ok": False, "error": error.message}
        done = run.state == SyncRun.State.DONE
        return told | {
            "ok": done,
            "state": run.state,
            "seen": run.seen,
            "created": run.created,
            "error": run.error,
        }

    def _ledger(self, sender: SenderAccount, days: list[date]) -> dict[str, Any]:
        runs = [
            self._run(sender, sync.LEDGER, since=_start(day), until=_start(day) + timedelta(1))
            for day in days
        ]
        listed = sum(run.result.get("listed", 0) for run in runs)
        missing = listed - sum(run.result.get("stored", 0) for run in runs)
        ok = not missing and all(run.state == SyncRun.State.DONE for run in runs)
        return {"ok": ok, "listed": listed, "missing": missing}

    def _run(self, sender: SenderAccount, resource: str, **about: Any) -> SyncRun:
        run = sync.request(sender=sender, resource=resource, trigger="command", **about)
        if run is None:
            raise Refused("Something of this account is being read already.")
        # Workers may take turns as well: whoever has the lease reads.
        while run.refreshed().state in sync.ACTIVE:
            if not sync.run(run.id):
                time.sleep(HELD_S)
        return run

    def _fail(self, message: str) -> NoReturn:
        print(message, file=sys.stderr)
        sys.exit(2)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
