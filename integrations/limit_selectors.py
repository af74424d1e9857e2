"""Reads about limits: what each account may still do and why, what accounts share, requests of connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from integrations import registry
from integrations.base import Capability
from integrations.models import (
    Channel,
    Connection,
    LimitScope,
    LimitWindow,
    RateLimit,
    RateUsage,
    SenderAccount,
)
from integrations.services import freezing, rates, warmups
from integrations.services.rates import CapState
from integrations.services.rates.periods import key_of, period_of, resets_at
from integrations.services.rates.slots import RequestState, states_of
from integrations.services.senders import action_paused_until
from integrations.warmup import PLANS, Stage
from project.core.clock import now
from project.core.pagination import Page, keyset_page
from project.tenancy.access import Access
from project.tenancy.models import Client

ACTION_LABELS: Final = {
    "invite": "Invites",
    "message": "Messages",
    "inmail": "InMails",
    "profile_view": "Profiles",
    "email": "E-mails",
    "sms": "SMS",
}
#: What an account of a channel does.
ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    Channel.LINKEDIN: ("inmail", "invite", "message", "profile_view"),
    Channel.EMAIL: ("email",),
    Channel.SMS: ("sms",),
}
WINDOW_WORDS: Final = {"hour": "this hour", "day": "today", "week": "this week"}
CAP_LABELS: Final = {
    "account_day": "Daily limit",
    "account_week": "Weekly limit",
    "mailbox_hour": "Hourly limit",
    "warmup": "Warm-up",
    "velocity": "Growth",
    "client_day": "Client, a day",
    "organization_day": "Organization, a day",
}
PAGE_SIZE: Final = 60
#: Recipient domains that the page shows, those most written to first.
DOMAINS: Final = 50


@dataclass(frozen=True, slots=True)
class Budget:
    """One action of an account by the cap that decides it; ``binds`` marks the action that is used up first."""

    action: str
    label: str
    used: int
    limit: int
    binds: bool
    cap: CapState
    #: The account's own limit of a day, whichever cap decides now.
    daily: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a limits table. ``label`` is the budget in words."""

    label: str
    action: str
    cap: CapState
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SharedBudget:
    """A budget of many accounts: its cap (``None``: no limit), its use and when it begins anew."""

    scope: str
    subject: str
    name: str
    window: str
    cap: int | None
    used: int
    resets_at: datetime
    is_default: bool


def actions_of(sender: SenderAccount) -> tuple[str, ...]:
    """Return the limited actions of an account's channel, by name."""
    return tuple(action for action in ACTIONS.get(sender.channel, ()) if action in settings.DAILY_LIMITS)


def caps_by_action(found: Sequence[SenderAccount]) -> dict[UUID, dict[str, tuple[CapState, ...]]]:
    """Return all caps of all actions of accounts; one statement."""
    demands = [rates.Demand(sender, action) for sender in found for action in actions_of(sender)]
    caps: dict[UUID, dict[str, tuple[CapState, ...]]] = {sender.id: {} for sender in found}
    for demand, states in zip(demands, rates.caps_of_many(demands, now()), strict=True):
        caps[demand.sender.id][demand.action] = states
    return caps


def budgets(found: Sequence[SenderAccount]) -> dict[UUID, dict[str, Any]]:
    """Return what each account's card shows: each action with the cap that decides it, a sentence, the warm-up.

    Two statements for all accounts.
    """
    caps = caps_by_action(found)
    stages = warmups.stages_of(found)
    return {sender.id: _card(sender, caps[sender.id], stages.get(sender.id)) for sender in found}


def _card(
    sender: SenderAccount, caps: dict[str, tuple[CapState, ...]], stage: Stage | None
) -> dict[str, Any]:
    deciding = {
        action: next(cap for cap in states if cap.binds)
        for action, states in caps.items()
        if any(cap.binds for cap in states)
    }
    first = max(deciding, key=lambda action: _share(deciding[action]), default="")
    made = [
        Budget(
            action=action,
            label=ACTION_LABELS.get(action, action),
            used=cap.used,
            limit=cap.limit,
            binds=action == first,
            cap=cap,
            daily=next((one.limit for one in caps[action] if one.key == "account_day"), cap.limit),
        )
        for action, cap in sorted(deciding.items())
    ]
    return {"limits": made, "sentence": _sentence(sender, made), "stage": stage}


def _share(cap: CapState) -> float:
    return cap.used / cap.limit if cap.limit else 1.0


def in_a_sentence(label: str) -> str:
    """What an action is called within a sentence: “invites”, but “InMails” and “SMS”."""
    return label if label[1:].lower() != label[1:] else label.lower()


def _sentence(sender: SenderAccount, limits: list[Budget]) -> str:
    if sender.paused_at is not None:
        return "Paused by a person"
    frozen = freezing.hold(sender, now())
    if frozen is not None:
        return frozen.reason
    if sender.status != SenderAccount.Status.OK:
        return sender.status_reason or sender.get_status_display()
    binding = next((limit for limit in limits if limit.binds), None)
    if binding is None:
        return "No limit is set"
    cap = binding.cap
    name = in_a_sentence(binding.label)
    why = "" if cap.key == "account_day" else f" ({CAP_LABELS[cap.key].lower()})"
    if cap.remaining:
        told = f"{cap.remaining:,} of {cap.limit:,} {name} left {WINDOW_WORDS[cap.window]}{why}"
    else:
        local = cap.resets_at.astimezone(rates.zone_of(sender))
        told = f"All {cap.limit:,} {name} used{why}, next {local:%a %H:%M}"
    provider = sender.connection.provider
    if registry.can(provider, Capability.RUNS_CAMPAIGNS):
        # What its campaigns send is none of our counters.
        return f"For answers: {told}. {registry.get(provider).label} paces its campaigns itself"
    return told


def page_of_senders(access: Access, cursor: str | None) -> Page[SenderAccount]:
    """One page of accounts within reach, by name. Raises ``InvalidCursor``."""
    rows = SenderAccount.objects.filter(access.client_filter()).select_related("client", "connection")
    return keyset_page(rows, order=("name", "id"), cursor=cursor, limit=PAGE_SIZE)


def sender_limits(sender: SenderAccount) -> dict[str, Any]:
    """Return what the page of an account's limits shows: every cap of every action, and its warm-up."""
    at = now()
    caps = caps_by_action([sender])[sender.id]
    card = _card(sender, caps, warmups.stages_of([sender]).get(sender.id))
    return {
        **card,
        "sender": sender,
        "table": [
            Row(
                CAP_LABELS[cap.key],
                ACTION_LABELS.get(action, action),
                cap,
                action_paused_until(sender, action, at),
            )
            for action, states in sorted(caps.items())
            for cap in states
        ],
        "actions": [(action, ACTION_LABELS.get(action, action)) for action in actions_of(sender)],
        "kinds": [(kind, PLANS[kind].name) for kind in warmups.KINDS.get(sender.channel, ())],
    }


def shared_budgets(access: Access) -> list[SharedBudget]:
    """Return the budgets that accounts share, within reach: the organization's day, clients' days, domains' hours.

    Two statements and one for the clients. Members over some clients see those clients' only.
    """
    clients = {str(client.id): client for client in access.clients()}
    scopes = [LimitScope.CLIENT] if access.client_ids is not None else [
        LimitScope.ORGANIZATION, LimitScope.CLIENT, LimitScope.DOMAIN,
    ]  # fmt: skip
    set_ = {
        (scope, subject): cap
        for scope, subject, cap in RateLimit.objects.filter(scope__in=scopes)
        .exclude(window=LimitWindow.GROWTH)
        .values_list("scope", "subject", "cap")
    }
    at = now()
    hour, day = period_of(LimitWindow.HOUR, at)[0], period_of(LimitWindow.DAY, at)[0]
    rows = RateUsage.objects.filter(scope__in=scopes, day=at.date()).order_by("-used")
    used = {
        row.key: row.used
        for row in rows.only("key", "used")
        if row.key.endswith((f":hour:{hour}", f":day:{day}"))
    }
    found: list[SharedBudget] = []
    if access.client_ids is None:
        organization = str(access.organization.id)
        found.append(
            _shared(
                LimitScope.ORGANIZATION,
                organization,
                "Organization",
                set_,
                used,
                settings.ORGANIZATION_DAILY_LIMIT,
            )
        )
    found += [
        _shared(LimitScope.CLIENT, subject, clients[subject].name, set_, used, None)
        for scope, subject in sorted(set_)
        if scope == LimitScope.CLIENT and subject in clients
    ]
    if access.client_ids is None:
        found += _domains(set_, used)
    return found


def _domains(set_: dict[tuple[str, str], int], used: dict[str, int]) -> list[SharedBudget]:
    defaults = settings.RECIPIENT_DOMAIN_HOURLY_LIMITS
    written_to = [key.split(":")[1] for key in used if key.startswith("domain:")]
    names = [*defaults, *(subject for scope, subject in set_ if scope == LimitScope.DOMAIN), *written_to]
    return [
        _shared(
            LimitScope.DOMAIN, name, name, set_, used,
            defaults.get(name, settings.RECIPIENT_DOMAIN_HOURLY_DEFAULT),
        )
        for name in list(dict.fromkeys(names))[:DOMAINS]
    ]  # fmt: skip


def _shared(
    scope: str,
    subject: str,
    name: str,
    set_: dict[tuple[str, str], int],
    used: dict[str, int],
    default: int | None,
) -> SharedBudget:
    window = LimitWindow.HOUR if scope == LimitScope.DOMAIN else LimitWindow.DAY
    at = now()
    key = key_of(scope, subject, "", window, period_of(window, at)[0])
    return SharedBudget(
        scope=str(scope),
        subject=subject,
        name=name,
        window=str(window),
        cap=set_.get((scope, subject), default),
        used=used.get(key, 0),
        resets_at=resets_at(window, at),
        is_default=(scope, subject) not in set_,
    )


def growth_of(access: Access) -> int | None:
    """Return the growth from week to week that the organization allows, in percent; one query."""
    rows = RateLimit.objects.filter(
        scope=LimitScope.ORGANIZATION, subject=str(access.organization.id), window=LimitWindow.GROWTH
    )
    found = rows.values_list("cap", flat=True).first()
    default: int | None = settings.VELOCITY_GROWTH_PERCENT
    return default if found is None else found


def request_rates(access: Access) -> list[tuple[Connection, RequestState]]:
    """Return the connections within reach that have a request rate, with what is persisted about them."""
    rows = list(Connection.objects.filter(access.client_filter()).order_by("name", "id")[:DOMAINS])
    by_id = {connection.id: connection for connection in rows}
    return [(by_id[state.connection_id], state) for state in states_of(rows)]


def clients_of(access: Access) -> list[Client]:
    """Return the clients within reach that are not archived, for a choice."""
    return list(access.clients().filter(is_archived=False))
