"""What the lists of the JSON API are made of: query sets narrowed to the clients within reach, and derived
figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from integrations.models import (
    Connection,
    KillSwitch,
    LimitWindow,
    OutboundMessage,
    RateUsage,
    SenderAccount,
    SyncRun,
    WebhookDelivery,
)
from integrations.services import rates, switches
from project.core.clock import now
from project.tenancy.access import Access


@dataclass(frozen=True, slots=True)
class Budget:
    """One daily budget of an account: ``used`` of ``limit`` units of ``action`` on ``day``."""

    action: str
    used: int
    limit: int
    day: date


@dataclass(frozen=True, slots=True)
class SenderState:
    """An account with its budgets of today, and what waits for it."""

    sender: SenderAccount
    budgets: tuple[Budget, ...]
    queued: int
    unknown: int


def senders(access: Access, *, client_id: UUID | None = None) -> QuerySet[SenderAccount]:
    """Sender accounts within reach, with client and connection."""
    rows = SenderAccount.objects.select_related("client", "connection").filter(access.client_filter())
    found: QuerySet[SenderAccount] = rows.filter(client_id=client_id) if client_id else rows
    return found


def sender_states(accounts: list[SenderAccount]) -> list[SenderState]:
    """Return accounts with today's budgets and queue, in a constant number of queries."""
    at = now()
    days = {account.id: rates.day_of(account, at) for account in accounts}
    used = {
        (row.sender_id, row.action): row.used
        for row in RateUsage.objects.filter(
            sender__in=accounts, window=LimitWindow.DAY, day__in=set(days.values())
        )
        if row.day == days[row.sender_id]
    }
    limits = rates.limits_of_many(accounts)
    counted = (
        OutboundMessage.objects.filter(sender__in=accounts, state__in=["queued", "unknown"])
        .order_by()
        .values("sender_id")
        .annotate(
            queued=Count("id", filter=Q(state="queued")), unknown=Count("id", filter=Q(state="unknown"))
        )
    )
    waiting = {row["sender_id"]: row for row in counted}
    return [
        SenderState(
            sender=account,
            budgets=tuple(
                Budget(action, used.get((account.id, action), 0), limit, days[account.id])
                for action, limit in sorted(limits[account.id].items())
            ),
            queued=waiting.get(account.id, {}).get("queued", 0),
            unknown=waiting.get(account.id, {}).get("unknown", 0),
        )
        for account in accounts
    ]


def connections(access: Access) -> QuerySet[Connection]:
    """Connections within reach; those of no client belong to members over all clients."""
    found: QuerySet[Connection] = Connection.objects.filter(access.client_filter())
    return found


def deliveries(
    access: Access, *, state: str = "", connection_id: UUID | None = None
) -> QuerySet[WebhookDelivery]:
    """Webhook deliveries within reach."""
    rows = WebhookDelivery.objects.all()
    if access.client_ids is not None:
        rows = rows.filter(connection_id__in=connections(access).values("id"))
    if state:
        rows = rows.filter(state=state)
    if connection_id:
        rows = rows.filter(connection_id=connection_id)
    found: QuerySet[WebhookDelivery] = rows
    return found


def outbox(access: Access, *, state: str = "") -> QuerySet[OutboundMessage]:
    """Outbox rows within reach, with sender and connection; ``unknown`` are the ambiguous ones."""
    rows = OutboundMessage.objects.select_related("sender__connection").filter(access.client_filter())
    found: QuerySet[OutboundMessage] = rows.filter(state=state) if state else rows
    return found


def sync_runs(access: Access) -> QuerySet[SyncRun]:
    """Runs of accounts within reach."""
    rows = SyncRun.objects.select_related("sender")
    found: QuerySet[SyncRun] = rows.filter(access.client_filter("sender__client_id"))
    return found


def kill_switches(access: Access) -> list[dict[str, Any]]:
    """Return the switches that are on and concern what is within reach."""
    rows = list(KillSwitch.objects.order_by("created_at"))
    ids = [row.target_id for row in rows]
    names: dict[UUID, str] = {access.organization.id: access.organization.name}
    names |= {client.id: client.name for client in access.clients().filter(id__in=ids)}
    names |= {account.id: account.name for account in senders(access).filter(id__in=ids)}
    names |= {target.id: target.name for target in switches.targets_of(access)}
    return [
        {
            "id": row.id,
            "level": row.level,
            "target_id": row.target_id,
            "target_name": names.get(row.target_id, ""),
            "node_id": row.node_id,
            "reason": row.reason,
            "since": row.created_at,
        }
        for row in rows
        if access.client_ids is None or row.target_id in names
    ]


def switch_target(access: Access, level: str, target_id: UUID) -> Any:
    """Return the client, campaign or sender that a switch would stop, ``None`` if it is not within reach."""
    if level == "client":
        return access.clients().filter(id=target_id).first()
    if level == "campaign":
        return next((target for target in switches.targets_of(access) if target.id == target_id), None)
    return senders(access).filter(id=target_id).first()
