"""Reads of synchronisation: one function per screen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Aggregate, Count, F, FloatField, Q, Sum
from django.utils.timezone import localtime

from integrations import registry
from integrations.base import Capability
from integrations.models import (
    LedgerDay,
    LedgerIncident,
    ProviderEvent,
    ReconciliationReport,
    SenderAccount,
    SyncCursor,
    SyncRun,
    WebhookDelivery,
)
from integrations.selectors import connections, senders
from integrations.services import freshness, readers, reconciliation
from integrations.services.sync import RESOURCES
from integrations.services.sync_sources import can_list
from project.core.clock import now
from project.core.pagination import Page, keyset_page
from project.tenancy.access import Access

ACTIVE: Final = (SyncRun.State.QUEUED, SyncRun.State.RUNNING)
#: Lag is measured over what came by webhook in this time.
LAG_OVER: Final = timedelta(hours=1)

#: How fresh the answers to campaigns are: ``campaign_id``, ``name``, ``path`` below the organization's address,
#: ``state`` in words, ``tone``, ``at``, ``why``. The worst come first.
CampaignRows = Callable[[Access], list[dict[str, Any]]]
_campaign_rows: dict[str, CampaignRows] = {}


def register_campaigns(name: str, source: CampaignRows) -> None:
    """Register who knows the campaigns that accounts send for. Registering a name again replaces it."""
    _campaign_rows[name] = source


def sync_page(access: Access) -> dict[str, Any]:
    """Each account: how fresh, how late, what is going on, the last error in plain words and the next try."""
    found = senders(access)
    ids = [sender.id for sender in found]
    shared = readers.readers_for(
        {row.connection_id for row in found if readers.is_shared(row.connection.provider)}
    )
    asked = {*ids, *shared.values()}
    cursors: dict[UUID, dict[str, SyncCursor]] = {}
    for cursor in SyncCursor.objects.filter(sender_id__in=asked):
        cursors.setdefault(cursor.sender_id, {})[cursor.resource] = cursor
    runs = {run.sender_id: run for run in SyncRun.objects.filter(sender_id__in=asked, state__in=ACTIVE)}
    incidents = list(
        LedgerIncident.objects.filter(sender_id__in=ids, state=LedgerIncident.State.OPEN)
        .select_related("sender__client")
        .order_by("-day", "sender__name")[:20]
    )
    missing = {incident.sender_id for incident in incidents}
    lags = _lags(ids)
    rows = [
        _row(
            sender,
            cursors.get(sender.id, {}) | cursors.get(shared.get(sender.connection_id, sender.id), {}),
            runs.get(sender.id) or runs.get(shared.get(sender.connection_id, sender.id)),
            lags.get(sender.id),
        )
        for sender in found
    ]
    # Whoever needs a person comes first.
    rows.sort(key=lambda row: ("bad", "warn", "ok").index(row["tone"]))
    return {
        "rows": rows,
        "campaigns": [row for source in _campaign_rows.values() for row in source(access)],
        "incidents": incidents,
        "kpis": _kpis(access, rows, missing, lags),
    }


def _lags(sender_ids: list[UUID]) -> dict[UUID, float]:
    """Seconds from the network to here below which 95 of 100 messages of the last hour lay, by account."""
    rows = ProviderEvent.objects.filter(
        sender_id__in=sender_ids,
        source=ProviderEvent.Source.WEBHOOK,
        kind="message_received",
        occurred_at__gte=now() - LAG_OVER,
    )
    told = (
        rows.order_by().values_list("sender_id").annotate(late=_Slowest(F("recorded_at") - F("occurred_at")))
    )
    return {sender_id: max(0.0, float(late)) for sender_id, late in told}


class _Slowest(Aggregate):
    """Seconds below which 95 of 100 intervals lie."""

    template = "percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM %(expressions)s))"
    output_field = FloatField()


def _row(
    sender: SenderAccount, cursors: dict[str, SyncCursor], run: SyncRun | None, lag: float | None
) -> dict[str, Any]:
    messages = cursors.get("messages")
    signs = [sender.last_inbound_at, sender.last_webhook_at, messages.last_success_at if messages else None]
    provider = sender.connection.provider
    can_sync = readers.can_read(provider)
    # An account that only sends has nothing that could be read: an attempt of long ago is no trouble of today.
    failing = next((cursor for cursor in cursors.values() if cursor.last_error), None) if can_sync else None
    is_ok = sender.status == SenderAccount.Status.OK
    status = sync_status(sender, messages, run)
    return {
        "sender": sender,
        "fresh": max((sign for sign in signs if sign is not None), default=None),
        "lag": lag,
        "tone": _tone(is_ok=is_ok, is_late=failing is not None or (can_sync and status in _LATE)),
        "going_on": _going_on(sender, messages, failing, is_ok),
        "next_try": failing.next_try_at if failing else None,
        "run": run,
        "doing": RESOURCES.get(run.resource, run.resource) if run else "",
        "can_sync": can_sync,
    }


_LATE = frozenset({"failing", "lagging"})


def _tone(*, is_ok: bool, is_late: bool) -> str:
    if not is_ok:
        return "bad"
    return "warn" if is_late else "ok"


def _going_on(
    sender: SenderAccount, messages: SyncCursor | None, failing: SyncCursor | None, is_ok: bool
) -> str:
    if not is_ok:
        return sender.status_reason or sender.get_status_display()
    return failing.last_error if failing is not None else _way(sender, messages)


def _way(sender: SenderAccount, messages: SyncCursor | None) -> str:
    """How what comes to an account that works is learnt at present."""
    if sender.webhooks_silent_since:
        return f"Polling: no webhook told of what came since {localtime(sender.webhooks_silent_since):%H:%M}"
    provider = sender.connection.provider
    quiet = timedelta(seconds=settings.SYNC_SILENT_SECONDS)
    if sender.last_webhook_at and now() - sender.last_webhook_at < quiet:
        return "Live by webhook"
    if messages is not None and messages.note:
        return messages.note
    if not readers.can_read(provider):
        return "By webhook only; nothing came lately"
    if not freshness.is_told(provider):
        return "Read every minute"
    quietness = "webhooks are quiet" if sender.last_webhook_at else "no webhook has come yet"
    return f"Read every few minutes: {quietness}"


def sync_status(sender: SenderAccount, messages: SyncCursor | None, run: SyncRun | None) -> str:
    """How the reading of an account's messages goes: ``running``, ``failing``, ``lagging``, ``limited``, ``never`` or
    ``ok``.
    """
    if run is not None and run.state in ACTIVE and run.resource == "messages":
        return "running"
    if messages is not None and messages.last_error:
        return "failing"
    heard = [at for at in (messages.last_success_at if messages else None, sender.last_webhook_at) if at]
    if not heard:
        return "never"
    # Two silent intervals: one poll was missed.
    silent = timedelta(seconds=2 * settings.SYNC_SILENT_SECONDS)
    if messages is not None and messages.note:
        return "limited"
    is_late = now() - max(heard) > silent and readers.can_read(sender.connection.provider)
    return "lagging" if is_late else "ok"


def _kpis(
    access: Access, rows: list[dict[str, Any]], missing: set[UUID], lags: dict[UUID, float]
) -> dict[str, Any]:
    lines = LedgerDay.objects.filter(sender_id__in=[row["sender"].id for row in rows])
    last = lines.order_by("-day").values_list("day", flat=True).first()
    told = lines.filter(day=last).aggregate(listed=Sum("listed"), stored=Sum("stored")) if last else {}
    at = now()
    deliveries = WebhookDelivery.objects.filter(received_at__gte=at - timedelta(days=1))
    if access.client_ids is not None:
        deliveries = deliveries.filter(connection_id__in={row["sender"].connection_id for row in rows})
    calls = deliveries.aggregate(
        recent=Count("id", filter=Q(received_at__gte=at - timedelta(minutes=5))),
        dead=Count("id", filter=Q(state=WebhookDelivery.State.DEAD)),
    )
    return {
        "lag": max(lags.values(), default=None),
        "per_minute": round(calls["recent"] / 5),
        "dead": calls["dead"],
        "day": last,
        "listed": told.get("listed") or 0,
        "stored": told.get("stored") or 0,
        "troubled": sum(1 for row in rows if row["tone"] != "ok" or row["sender"].id in missing),
        "accounts": len(rows),
    }


def account_page(sender: SenderAccount) -> dict[str, Any]:
    """One account: what is read and how far, the last runs, the last days of its ledger, and what can be asked for."""
    provider = sender.connection.provider
    reader = readers.reader_of(sender)
    cursors = list(SyncCursor.objects.filter(sender__in=[sender, reader]).order_by("resource"))
    runs = list(SyncRun.objects.filter(sender__in=[sender, reader]).order_by("-created_at", "-id")[:15])
    active = next((run for run in runs if run.state in ACTIVE), None)
    today = now().date()
    return {
        "sender": sender,
        "cursors": [(RESOURCES.get(row.resource, row.resource), row) for row in cursors],
        "runs": [(RESOURCES.get(run.resource, run.resource), run) for run in runs],
        "run": active,
        "doing": RESOURCES.get(active.resource, active.resource) if active else "",
        "days": list(LedgerDay.objects.filter(sender=sender).order_by("-day")[:14]),
        "incidents": list(
            LedgerIncident.objects.filter(sender=sender, state=LedgerIncident.State.OPEN).order_by("-day")[
                :20
            ]
        ),
        "lists": can_list(provider),
        "has_relations": registry.can(provider, Capability.SYNCS_RELATIONS),
        "has_chats": registry.can(provider, Capability.SYNCS_MESSAGES),
        "can_sync": readers.can_read(provider),
        "since": (today - timedelta(days=7)).isoformat(),
        "until": today.isoformat(),
    }


def ledger_days(access: Access, *, differing: bool = False, sender_id: UUID | None = None) -> Any:
    """Lines of the ledger within reach."""
    rows = LedgerDay.objects.select_related("sender__client").filter(access.client_filter("sender__client"))
    if differing:
        rows = rows.exclude(listed=F("stored"))
    return rows.filter(sender_id=sender_id) if sender_id else rows


def incidents(access: Access, *, state: str = "") -> Any:
    """Incidents of the ledger within reach."""
    rows = LedgerIncident.objects.select_related("sender__client", "sender__connection")
    rows = rows.filter(access.client_filter("sender__client"))
    return rows.filter(state=state) if state in LedgerIncident.State.values else rows


def ledger_page(access: Access, *, differing: bool, cursor: str | None) -> dict[str, Any]:
    """The ledger, newest day first, with the incidents that are open."""
    page: Page[LedgerDay] = keyset_page(
        ledger_days(access, differing=differing), order=("-day", "-id"), cursor=cursor, limit=50
    )
    open_ones = incidents(access, state=LedgerIncident.State.OPEN)
    by_day = {
        (incident.sender_id, incident.day): incident
        for incident in open_ones.filter(day__in={row.day for row in page.items})
    }
    return {
        "rows": [(row, by_day.get((row.sender_id, row.day))) for row in page.items],
        "next_cursor": page.next_cursor,
        "differing": differing,
        "open": open_ones.count(),
    }


#: What a report counts, and what that means.
OUTCOMES: Final = (
    ("created", "New here", "there and not here; recorded by applying"),
    ("updated", "Changed", "here and different there"),
    ("unchanged", "The same", "nothing is written for these"),
    ("missing", "Gone there", "here, and not at the provider any more"),
    ("not_ours", "Not ours", "there, and made past us; left alone, the sentences say why"),
    ("errors", "Not comparable", "see the sentences"),
)


def reports(access: Access) -> Any:
    """Reconciliations within reach: of connections of no client for members over all clients only."""
    rows = ReconciliationReport.objects.select_related("connection__client", "requested_by")
    return rows.filter(access.client_filter("connection__client_id"))


def reports_page(access: Access, *, cursor: str | None) -> dict[str, Any]:
    """Reconciliations, newest first, and the connections that can be compared."""
    page: Page[ReconciliationReport] = keyset_page(
        reports(access), order=("-created_at", "-id"), cursor=cursor, limit=30
    )
    offered = [(row, reconciliation.parts_of(row.provider)) for row in connections(access)]
    return {
        "rows": [(row, totals(row)) for row in page.items],
        "next_cursor": page.next_cursor,
        "connections": [(row, parts) for row, parts in offered if parts],
        "since": (now() - reconciliation.LOOK_BACK).date().isoformat(),
        "today": now().date().isoformat(),
    }


def totals(report: ReconciliationReport) -> dict[str, int]:
    """The counts of a report over its parts."""
    counts = report.counts.values()
    return {name: sum(part.get(name, 0) for part in counts) for name, _label, _means in OUTCOMES}


def report_page(report: ReconciliationReport) -> dict[str, Any]:
    """One reconciliation by part: counts and sentences."""
    parts = [
        {
            "name": name,
            "counts": [report.counts.get(name, {}).get(outcome, 0) for outcome, _label, _means in OUTCOMES],
            "samples": [
                (label, report.counts[name].get(outcome, 0), report.samples.get(name, {}).get(outcome, []))
                for outcome, label, _means in OUTCOMES
                if report.samples.get(name, {}).get(outcome)
            ],
        }
        for name in report.parts
    ]
    found = totals(report)
    return {
        "report": report,
        "parts": parts,
        "outcomes": OUTCOMES,
        "totals": found,
        "differs": found["created"] + found["updated"],
        "is_active": report.state in reconciliation.ACTIVE,
        "is_dry": report.mode == ReconciliationReport.Mode.DRY_RUN,
    }
