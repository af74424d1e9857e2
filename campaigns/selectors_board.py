"""The budget board: what each account may still do, which campaigns use it, and when they would be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Count

from campaigns.capacity import FARTHEST_DAYS, Load, Rest, days_left, rest_of
from campaigns.models import Campaign, CampaignSender, Enrollment, EnrollmentSender
from campaigns.plans.schema import SendNode
from campaigns.services import reallocation
from campaigns.services.assignment import GONE
from campaigns.services.planning import plan_of_version
from integrations import limit_selectors
from integrations.models import SenderAccount
from integrations.services import freezing, rates
from project.core.clock import now
from project.tenancy.access import Access

#: Working days that the limit of a week is spread over.
WEEK_DAYS: Final = 5
#: Accounts on the board; more are reached by choosing a client.
MOST: Final = 100


@dataclass(slots=True)
class Use:
    """One campaign's use of one account. ``finish`` is when it would be done with it, ``None``: not within years."""

    campaign: Campaign
    people: int
    movable: int
    finish: date | None = None
    targets: list[SenderAccount] = field(default_factory=list)


@dataclass(slots=True)
class Line:
    """One account: budgets of today and this week, the guard of its growth, its campaigns."""

    sender: SenderAccount
    today: list[Any]
    week: list[Any]
    growth: list[Any]
    sentence: str
    uses: list[Use] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shift:
    """People who would go from one account of a campaign to another."""

    campaign: UUID
    source: UUID
    target: UUID
    people: int


@lru_cache(maxsize=4096)
def _rest(version_id: UUID, node_id: str, channel: str) -> Rest:
    """What is left of a version from a step on, for accounts of one channel; versions never change."""
    plan = plan_of_version(version_id)
    rest = rest_of(plan, node_id)
    of_channel = {
        node.action for node in plan.nodes if isinstance(node, SendNode) and node.channel == channel
    }
    return Rest({action: count for action, count in rest.sends.items() if action in of_channel}, rest.days)


def senders_of(access: Access, client_id: UUID | None) -> list[SenderAccount]:
    """The accounts of the board, by name: those whose campaigns we run."""
    rows = SenderAccount.objects.filter(access.client_filter()).exclude(status__in=GONE)
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    found = rows.select_related("client", "connection").order_by("name", "id")[:MOST]
    return [sender for sender in found if freezing.can_freeze(sender)]


def loads_of(senders: Sequence[SenderAccount]) -> list[Load]:
    """Who waits for accounts, by campaign and step; one statement."""
    channels = {sender.id: sender.channel for sender in senders}
    rows = (
        EnrollmentSender.objects.filter(
            sender__in=list(channels),
            enrollment__status=Enrollment.Status.ACTIVE,
            enrollment__campaign__status=Campaign.Status.ACTIVE,
        )
        .order_by()
        .values_list(
            "enrollment__campaign_id", "sender_id", "enrollment__plan_version_id", "enrollment__node_id"
        )
        .annotate(people=Count("enrollment_id", distinct=True))
    )
    return [
        Load(campaign, sender, people, _rest(version, node, channels[sender]))
        for campaign, sender, version, node, people in rows
    ]


def per_day(caps: dict[UUID, dict[str, tuple[rates.CapState, ...]]]) -> dict[tuple[Any, str], float]:
    """What accounts may do on an average sending day, by account and action; unlimited actions are left out."""
    found: dict[tuple[Any, str], float] = {}
    for sender_id, actions in caps.items():
        for action, states in actions.items():
            own = [
                cap.limit / (WEEK_DAYS if cap.window == "week" else 1)
                for cap in states
                if cap.window != "hour"
            ]
            if own:
                found[sender_id, action] = min(own)
    return found


def board(access: Access, client_id: UUID | None = None) -> list[Line]:
    """Every account with its budgets and campaigns; a fixed number of statements."""
    senders = senders_of(access, client_id)
    caps = limit_selectors.caps_by_action(senders)
    cards = limit_selectors.budgets(senders)
    loads = loads_of(senders)
    finishes = _finishes(loads, caps)
    links = list(
        CampaignSender.objects.filter(sender__in=senders, campaign__status=Campaign.Status.ACTIVE)
        .select_related("campaign")
        .order_by("campaign__name", "campaign_id")
    )
    by_campaign: dict[UUID, list[SenderAccount]] = {}
    known = {sender.id: sender for sender in senders}
    for link in links:
        by_campaign.setdefault(link.campaign_id, []).append(known[link.sender_id])
    movable = reallocation.movable_counts(senders)
    lines = {sender.id: _line(sender, caps[sender.id], cards[sender.id]) for sender in senders}
    for link in links:
        sender = known[link.sender_id]
        key = (link.campaign_id, sender.id)
        lines[sender.id].uses.append(
            Use(
                campaign=link.campaign,
                people=sum(load.people for load in loads if (load.campaign, load.sender) == key),
                movable=movable.get(key, 0),
                finish=finishes.get(key),
                targets=[
                    one
                    for one in by_campaign[link.campaign_id]
                    if one.channel == sender.channel and one.id != sender.id
                ],
            )
        )
    return list(lines.values())


def _line(sender: SenderAccount, caps: dict[str, tuple[rates.CapState, ...]], card: dict[str, Any]) -> Line:
    def tightest(window: str) -> list[dict[str, Any]]:
        found = []
        for action, states in sorted(caps.items()):
            fit = [cap for cap in states if cap.window == window and cap.key != "velocity"]
            if fit:
                cap = min(fit, key=lambda one: one.remaining)
                label = limit_selectors.ACTION_LABELS.get(action, action)
                found.append({"label": label, "cap": cap})
        return found

    growth = [
        {"label": limit_selectors.ACTION_LABELS.get(action, action), "cap": cap}
        for action, states in sorted(caps.items())
        for cap in states
        if cap.key == "velocity"
    ]
    return Line(sender, tightest("day"), tightest("week"), growth, card["sentence"])


def _finishes(
    loads: Sequence[Load], caps: dict[UUID, dict[str, tuple[rates.CapState, ...]]]
) -> dict[tuple[Any, Any], date | None]:
    days = days_left(loads, per_day(caps))
    today = now().date()
    return {
        key: None if count >= FARTHEST_DAYS else _working_day(today, count) for key, count in days.items()
    }


def _working_day(today: date, days: int) -> date:
    """The day on which so many working days have passed."""
    weeks, rest = divmod(days, WEEK_DAYS)
    day = today + timedelta(days=7 * weeks)
    while rest or day.weekday() >= WEEK_DAYS:
        day += timedelta(days=1)
        rest -= rest > 0 and day.weekday() < WEEK_DAYS
    return day


def effect(access: Access, shift: Shift) -> list[dict[str, Any]]:
    """The finish of every campaign that a shift would touch, before and after, by account."""
    senders = senders_of(access, None)
    caps = limit_selectors.caps_by_action(senders)
    loads = loads_of(senders)
    before, after = _finishes(loads, caps), _finishes(_shifted(loads, shift), caps)
    names = {sender.id: sender.name for sender in senders}
    touched = [key for key in sorted(after, key=str) if key[1] in {shift.source, shift.target}]
    campaigns = Campaign.objects.in_bulk({key[0] for key in touched})
    return [
        {
            "campaign": campaigns[key[0]],
            "sender": names[key[1]],
            "before": before.get(key),
            "after": after.get(key),
            "days": (after[key] - before[key]).days if before.get(key) and after.get(key) else None,  # type: ignore[operator]
        }
        for key in touched
    ]


def _shifted(loads: Sequence[Load], shift: Shift) -> list[Load]:
    """The loads as they would be: whoever has most of the plan before them goes first."""
    left = shift.people
    found: list[Load] = []
    for load in sorted(loads, key=lambda one: -sum(one.rest.sends.values())):
        going = 0
        if (load.campaign, load.sender) == (shift.campaign, shift.source):
            going = min(left, load.people)
            left -= going
        if load.people - going:
            found.append(Load(load.campaign, load.sender, load.people - going, load.rest))
        if going:
            found.append(Load(load.campaign, shift.target, going, load.rest))
    return found


def growth_percent(access: Access) -> int | None:
    """How much an account's week may exceed its last one, by the organization's own word or the default."""
    return (
        limit_selectors.growth_of(access) if access.whole_organization else settings.VELOCITY_GROWTH_PERCENT
    )
