"""Limits that are used up, and mail that comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, QuerySet

from campaigns.models import Brake
from integrations.limit_selectors import ACTION_LABELS, CAP_LABELS, caps_by_action, in_a_sentence
from integrations.models import SenderAccount
from integrations.services.rates import CapState
from project.core.clock import now
from project.tenancy.models import Client
from reporting.alert_rules.base import Figures, Finding, names, rule
from reporting.models import Fact, Severity

#: Fewer than these prove nothing, whatever share they are.
LEAST_BOUNCES: Final = 5
LEAST_COMPLAINTS: Final = 2
#: Caps that many accounts share: one alert for all of them.
_SHARED: Final = frozenset({"client_day", "organization_day"})


@rule(
    "limit_reached",
    title="Limit reached",
    says="So much of a limit is used: what is beyond it waits for the next window. Nothing is dropped.",
    unit="% of a limit",
    threshold=100,
)
def limit_reached(figures: Figures) -> list[Finding]:
    """Accounts and shared budgets whose deciding limit is used up, or nearly so if the threshold says so."""
    accounts = list(
        SenderAccount.objects.filter(status=SenderAccount.Status.OK, paused_at=None).order_by("name", "id")
    )
    by_account = caps_by_action(accounts)
    found: dict[str, Finding] = {}
    for sender in accounts:
        for action, caps in by_account[sender.id].items():
            cap = next((one for one in caps if one.binds), None)
            if cap is None or cap.used * 100 < cap.limit * figures.threshold:
                continue
            finding = _used_up(sender, ACTION_LABELS.get(action, action), action, cap)
            found.setdefault(finding.key, finding)
    return list(found.values())


def _used_up(sender: SenderAccount, label: str, action: str, cap: CapState) -> Finding:
    shared = cap.key in _SHARED
    of_client = cap.key == "client_day"
    what = "sends" if shared else in_a_sentence(label)
    left = f"{cap.remaining:,} left until" if cap.remaining else "more from"
    return Finding(
        key=f"{cap.key}:{sender.client_id if of_client else ''}" if shared else f"{sender.id}:{action}",
        subject=CAP_LABELS[cap.key] if shared else sender.name,
        message=f"{cap.used:,} of {cap.limit:,} {what} used ({CAP_LABELS[cap.key].lower()}), "
        f"{left} {cap.resets_at:%a %H:%M} UTC.",
        path="ops/rates/",
        client_id=sender.client_id if of_client or not shared else None,
    )


@rule(
    "bounces",
    title="Bounces",
    says=f"So much of an account's mail came back, {LEAST_BOUNCES} or more.",
    unit="% of its e-mails",
    threshold=5,
    minutes=1440,
)
def bounces(figures: Figures) -> list[Finding]:
    """Accounts of whose e-mails too many bounced, whoever sent them: our engine or a provider."""
    return _came_back(figures, Fact.Kind.BOUNCED, LEAST_BOUNCES, 100, "bounced")


@rule(
    "complaints",
    title="Spam complaints",
    says=f"So many people marked an account's mail as spam, {LEAST_COMPLAINTS} or more.",
    unit="of 1,000 e-mails",
    threshold=2,
    minutes=1440,
)
def complaints(figures: Figures) -> list[Finding]:
    """Accounts of whose e-mails too many were marked as spam."""
    return _came_back(figures, Fact.Kind.COMPLAINED, LEAST_COMPLAINTS, 1000, "were marked as spam")


def _came_back(figures: Figures, kind: str, least: int, per: int, what: str) -> list[Finding]:
    """Accounts with at least ``least`` facts of ``kind`` that reach ``threshold`` of ``per`` of what they sent."""
    clients = list(Client.objects.values_list("id", flat=True))
    since = now() - timedelta(minutes=figures.minutes)
    recent = Fact.objects.filter(client_id__in=clients, occurred_at__gte=since).order_by()
    counted = _by_sender(recent.filter(kind=kind), least)
    if not counted:
        return []
    sent = _by_sender(recent.filter(kind=Fact.Kind.EMAILED, sender_id__in=list(counted)), 1)
    called = names()
    hours = figures.minutes / 60
    return [
        Finding(
            key=str(sender_id),
            subject=called.get(sender_id, "A removed account"),
            message=f"{_share(count, sent.get(sender_id, 0))} {what} in the last {hours:g} hours. "
            "Look at the list that was written to.",
            severity=Severity.CRITICAL,
            path="campaigns/brakes/",
        )
        for sender_id, count in counted.items()
        if count * per >= figures.threshold * sent.get(sender_id, 0)
    ]


def _share(count: int, sent: int) -> str:
    if sent < count:
        return f"{count:,} e-mails, more than left in that time,"
    return f"{count:,} of {sent:,} e-mails"


def _by_sender(rows: QuerySet[Fact], least: int) -> dict[UUID, int]:
    counted = rows.exclude(sender_id=None).values_list("sender_id").annotate(count=Count("id"))
    return {sender_id: count for sender_id, count in counted if count >= least}


@rule(
    "braked",
    title="Sending stopped itself",
    says="A brake is on, because too much came back. Until it is released.",
)
def braked(figures: Figures) -> list[Finding]:
    """Brakes that are on."""
    rows = Brake.objects.filter(released_at=None).order_by("-tripped_at", "-id")
    called = names() if rows else {}
    return [
        Finding(
            key=str(row.id),
            subject=_target(row, called),
            message=f"{row.reason} Nothing more leaves "
            f"{f'until {row.ends_at:%a %H:%M} UTC' if row.ends_at else 'until somebody releases it'}.",
            severity=Severity.CRITICAL,
            path="campaigns/brakes/",
            client_id=row.client_id,
        )
        for row in rows
    ]


def _target(row: Brake, called: dict[UUID, str]) -> str:
    if row.scope == Brake.Scope.SENDER:
        return called.get(UUID(row.target), "A removed account")
    return row.target if row.scope == Brake.Scope.DOMAIN else "An imported list"
