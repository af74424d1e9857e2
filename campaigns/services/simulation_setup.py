"""From rows to a simulation: the real list, senders, budgets, calendar, suppressions and what other campaigns do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count
from django.db.models.functions import TruncDate
from pydantic import ValidationError

from campaigns.models import Campaign, Enrollment, Lead, LeadChannel, ScheduledAction
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import Plan, SendNode
from campaigns.plans.state import from_json
from campaigns.plans.validate import validate
from campaigns.scheduling import zone
from campaigns.services import snippets, texting, variants
from campaigns.services.assignment import Rotation, health_of
from campaigns.services.checklist import audience_leads
from campaigns.services.loading import addresses_of
from campaigns.services.messages import context_for_lead
from campaigns.services.outreach import policy_for
from campaigns.services.planning import lead_fields, plan_of, tested_fields
from campaigns.services.provider_runs import mirrors
from campaigns.services.settings import calendar_of
from campaigns.services.suppressed import suppressed_leads
from campaigns.services.unsubscribes import SAMPLE_URL
from campaigns.simulation.model import Budget, Growth, Prospect, Setup, SimulatedSender
from integrations.models import SenderAccount
from integrations.services import freezing, rates
from integrations.services.rates.ahead import Ahead, BudgetAhead, budgets_ahead
from integrations.services.senders import sendable
from project.core import collector
from project.core.refusals import Refused

MAX_PEOPLE = 25_000
CHUNK = 1000
_UNUSED = ("created_at", "updated_at", "company__created_at", "company__updated_at")
UNSUBSCRIBE_URL = "https://unsubscribe.example/u/" + "0" * 64
"""Stands for the link that each e-mail gets of its own when it leaves."""


class NotSimulable(Refused):
    """The draft cannot be simulated; ``problems`` says why, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems), code="NOT_SIMULABLE", problems=problems)


@dataclass(slots=True)
class Loaded:
    """A setup and what is known about the list before the clock starts."""

    setup: Setup
    #: ``{"people", "in_campaign", "suppressed": {channel: n}, "no_address": {...}, "invalid": {...}}``
    audience: dict[str, Any] = field(default_factory=dict)
    #: ``{"kind": "lead" | "sender", "campaign", "campaign_id", "sender", "count"}``
    conflicts: list[dict[str, Any]] = field(default_factory=list)


def not_simulated(campaign: Campaign) -> str:
    """Why a campaign of this kind is not simulated at all, ``""`` if it is."""
    if campaign.kind != Campaign.Kind.PROVIDER:
        return ""
    label = mirrors.label_of(mirrors.of_campaign(campaign.id))
    return (
        f"{label} runs this campaign by its own pace, limits and senders, which it does not tell. "
        "Only campaigns that run here can be simulated."
    )


def plan_for(campaign: Campaign) -> Plan:
    """The draft's plan, snippets put in. Raises ``NotSimulable`` with everything that is wrong with it."""
    refusal = not_simulated(campaign)
    if refusal:
        raise NotSimulable([refusal])
    if not campaign.draft_plan:
        raise NotSimulable(["Write at least one step first."])
    try:
        plan = Plan.model_validate(snippets.expanded(campaign.draft_plan, campaign.client_id))
    except PlanInvalid as invalid:
        raise NotSimulable([f"{error.node}: {error.message}" for error in invalid.errors]) from invalid
    except ValidationError as error:
        raise NotSimulable(["The sequence is not complete."]) from error
    problems = [f"{error.node}: {error.message}" if error.node else error.message for error in validate(plan)]
    if problems:
        raise NotSimulable(problems)
    return plan


def load(*, campaign: Campaign, at: datetime, days: int) -> Loaded:
    """Load everything that a simulation of ``campaign`` from ``at`` over ``days`` needs.

    Raises ``NotSimulable`` for a draft without a valid plan, senders or people, and for more than 25,000 people.
    """
    plan = plan_for(campaign)
    actions = _actions(plan)
    people = _People(campaign, plan, set(actions))
    with collector.paused():
        people.load()
    if not people.prospects:
        raise NotSimulable(["Nobody is in the list. Import leads first."])
    senders = people.rotation.senders
    if not senders:
        raise NotSimulable(["Choose at least one sender account."])
    ahead = budgets_ahead(senders=senders, actions=actions, domains=people.domains, at=at, days=days)
    others = _others(campaign, senders, at)
    setup = Setup(
        plan=plan,
        calendar=calendar_of(campaign),
        start=at,
        days=days,
        tz=zone(campaign.time_zone),
        prospects=tuple(people.prospects),
        senders=tuple(_sender(one, people, ahead, actions, at) for one in senders),
        budgets={
            name: _budget(one, others.get(name, {}))
            for name, one in ahead.budgets.items()
            if not name.startswith("domain:")
        },
        domains={domain: _budget(ahead.budgets[name], {}) for domain, name in ahead.domains.items()},
        winners={node: chosen for (of, node), chosen in variants.winners().items() if of == campaign.id},
        use_lead_zone=campaign.use_lead_time_zone,
        text_hours=people.text_hours,
    )
    return Loaded(setup, people.summary(), [*_same_leads(campaign), *_same_senders(campaign, senders)])


def _actions(plan: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in plan.nodes:
        if isinstance(node, SendNode):
            found.setdefault(node.channel, set()).add(node.action)
    return found


# People


class _People:
    """The list, chunk by chunk: who is on it, how they can be reached, who knows them."""

    def __init__(self, campaign: Campaign, plan: Plan, channels: set[str]) -> None:
        self.campaign, self.plan, self.channels = campaign, plan, channels
        policy = policy_for(campaign.client)
        #: Words of every e-mail that depend on no lead; the address of the link is made when it leaves.
        self.client_words = {"name": campaign.client.name, "postal_address": policy.postal_address}
        self.text_hours = (policy.sms_from_hour, policy.sms_until_hour)
        self.branches = bool(tested_fields(plan))
        self.rotation = Rotation.of(campaign, [])
        self.prospects: list[Prospect] = []
        self.domains: set[str] = set()
        self.sender_words: dict[str, dict[str, str]] = {}
        self.enrolled: dict[UUID, Enrollment] = {}
        self.suppressed: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()
        self.invalid: Counter[str] = Counter()
        self.in_campaign = 0

    def load(self) -> None:
        """Read everybody who is on the list or under way."""
        self._enrolled()
        for leads in self._chunks():
            self.rotation.learn(leads)
            blocked = suppressed_leads(leads, channels=self.channels)
            for lead in leads:
                self._add(lead, blocked)
            collector.sweep()
            if len(self.prospects) > MAX_PEOPLE:
                raise NotSimulable([f"More than {MAX_PEOPLE:,} people. Simulate a part of the list."])

    def _enrolled(self) -> None:
        if self.campaign.launched_at is None:
            return
        rows = Enrollment.objects.filter(campaign=self.campaign).prefetch_related("sender_links")
        self.enrolled = {row.lead_id: row for row in rows.iterator(chunk_size=CHUNK)}

    def _chunks(self) -> Iterator[list[Lead]]:
        last = None
        while True:
            rows = audience_leads(self.campaign).select_related("company").order_by("id").defer(*_UNUSED)
            found = list((rows.filter(id__gt=last) if last else rows)[:CHUNK])
            if not found:
                return
            addresses_of(found)
            for lead in found:
                lead.client = self.campaign.client
            yield found
            last = found[-1].id

    def _add(self, lead: Lead, blocked: dict[tuple[UUID, str], str]) -> None:
        enrollment = self.enrolled.get(lead.id)
        if enrollment is not None and enrollment.status != Enrollment.Status.ACTIVE:
            return
        known = list(lead.channels.all())
        addresses = self._addresses(known)
        stopped = {
            channel: blocked[lead.id, channel] for channel in self.channels if (lead.id, channel) in blocked
        }
        self.suppressed.update(stopped.keys())
        words = {**context_for_lead(lead, None), "unsubscribe_url": SAMPLE_URL}
        self._learn_sender_words(lead)
        connected = self.rotation.connected.get(lead.id, set())
        prefers = {channel: str(sender_id) for channel, sender_id in self._known(lead.id)}
        if connected:
            prefers["linkedin"] = str(min(connected))
        seed, state, plan = str(lead.id), None, None
        if enrollment is not None:
            self.in_campaign += 1
            seed, state, plan = str(enrollment.id), from_json(enrollment.state), plan_of(enrollment)
            prefers.update({link.channel: str(link.sender_id) for link in enrollment.sender_links.all()})
        self.prospects.append(
            Prospect(
                key=str(lead.id),
                seed=seed,
                name=lead.full_name,
                zone=lead.time_zone or None,
                fields=lead_fields(lead, first_degree=bool(connected)) if self.branches else {},
                variables={**words, "client": self.client_words, "unsubscribe_url": UNSUBSCRIBE_URL},
                addresses=addresses,
                blocked={
                    channel: f"On the suppression list ({source})." for channel, source in stopped.items()
                },
                prefers=prefers,
                connected=bool(connected),
                text_zones=self._text_zones(lead, known) if "sms" in addresses else (),
                state=state,
                plan=plan,
            )
        )

    def _text_zones(self, lead: Lead, addresses: Sequence[LeadChannel]) -> tuple[ZoneInfo, ...]:
        phone = next(row.normalized for row in addresses if row.kind == "sms")
        return texting.zones_of(phone, lead.time_zone)

    def _known(self, lead_id: UUID) -> list[tuple[str, UUID]]:
        known = self.rotation.known
        return [
            (channel, known[lead_id, channel]) for channel in self.channels if (lead_id, channel) in known
        ]

    def _addresses(self, addresses: Sequence[LeadChannel]) -> dict[str, str]:
        """The channels on which a lead can be reached; counts what is missing or known not to work."""
        by_kind: dict[str, LeadChannel] = {}
        bounced: set[str] = set()
        for address in addresses:
            if address.bounced_at is not None:
                bounced.add(address.kind)
            else:
                by_kind.setdefault(address.kind, address)
        for channel in self.channels - set(by_kind):
            (self.invalid if channel in bounced else self.missing)[channel] += 1
        found = {}
        for channel in self.channels & set(by_kind):
            found[channel] = rates.domain_group(by_kind[channel].normalized) if channel == "email" else ""
        if "email" in found:
            self.domains.add(found["email"])
        return found

    def _learn_sender_words(self, lead: Lead) -> None:
        if not self.sender_words:
            self.sender_words = {
                str(sender.id): context_for_lead(lead, sender)["sender"] for sender in self.rotation.senders
            }

    def summary(self) -> dict[str, Any]:
        """What is known about the list before the clock starts."""
        return {
            "people": len(self.prospects),
            "in_campaign": self.in_campaign,
            "suppressed": dict(self.suppressed),
            "no_address": dict(self.missing),
            "invalid": dict(self.invalid),
        }


# Senders and budgets


def _sender(
    sender: SenderAccount, people: _People, ahead: Ahead, actions: dict[str, set[str]], at: datetime
) -> SimulatedSender:
    mine = actions.get(sender.channel, set())
    hold = sendable(sender, min(mine), at) if mine else None
    pools = people.rotation.pools.get(sender.id, [])
    named = {str(sender.id), sender.provider_account_id, sender.address} - {""}
    return SimulatedSender(
        key=str(sender.id),
        name=sender.name,
        channel=sender.channel,
        variables=people.sender_words.get(str(sender.id), {}),
        budgets={action: ahead.touched.get((sender.id, action), ()) for action in mine},
        room=people.rotation.room.get(sender.id, 1),
        load=people.rotation.loads.get(sender.id, 0),
        health=health_of(sender) * people.rotation.health.get(sender.id, 1.0),
        names=frozenset({f"pool:{pool}" for pool in pools} | {f"account:{name}" for name in named}),
        unavailable=hold.reason if hold is not None and hold.until is None else "",
        premium=sender.has_paid_seat,
        frozen=_frozen(sender),
    )


def _frozen(sender: SenderAccount) -> tuple[tuple[datetime, datetime], ...]:
    """The stretches in which an account is frozen, as instants."""
    zone_ = rates.zone_of(sender)
    return tuple(
        (
            datetime.combine(one.first, time(), zone_),
            datetime.combine(one.last + timedelta(days=1), time(), zone_),
        )
        for one in freezing.of(sender)
    )


def _budget(one: BudgetAhead, others: dict[date, int]) -> Budget:
    taken = dict(one.used)
    for day, count in others.items():
        taken[day] = taken.get(day, 0) + count
    return Budget(
        caps=one.caps,
        period=one.window,  # type: ignore[arg-type]  # day, week or hour: the windows of reservations
        tz=one.zone,
        growth=Growth(*one.growth) if one.growth else None,
        taken=taken,
    )


def _others(campaign: Campaign, senders: Sequence[SenderAccount], at: datetime) -> dict[str, dict[date, int]]:
    """What other campaigns have scheduled for these senders, by the name of the daily budget and day.

    What is overdue counts for today. What they will schedule later is not known yet and not counted.
    """
    rows = (
        ScheduledAction.objects.filter(
            sender__in=senders,
            state=ScheduledAction.State.DUE,
            kind=ScheduledAction.Kind.SEND,
            campaign__status=Campaign.Status.ACTIVE,
        )
        .exclude(campaign=campaign)
        .annotate(day=TruncDate("due_at", tzinfo=ZoneInfo("UTC")))
        .order_by()
        .values_list("sender_id", "enrollment__plan_version_id", "node_id", "day")
        .annotate(count=Count("id"))
    )
    found: dict[str, dict[date, int]] = {}
    today = at.date()
    for sender_id, version_id, node_id, day, count in rows:
        node = plan_of(Enrollment(plan_version_id=version_id)).index.get(node_id)
        if isinstance(node, SendNode):
            days = found.setdefault(f"{sender_id}:{node.action}:day", {})
            when = max(day, today)
            days[when] = days.get(when, 0) + count
    return found


# Conflicts


def _same_leads(campaign: Campaign) -> list[dict[str, Any]]:
    """Other campaigns in which people of the list are under way."""
    rows = (
        Enrollment.objects.filter(lead__in=audience_leads(campaign), status=Enrollment.Status.ACTIVE)
        .exclude(campaign=campaign)
        .order_by()
        .values_list("campaign_id", "campaign__name")
        .annotate(count=Count("lead_id", distinct=True))
    )
    return [
        {"kind": "lead", "campaign_id": str(other), "campaign": name, "sender": "", "count": count}
        for other, name, count in sorted(rows, key=lambda row: (-row[2], row[1]))
    ]


def _same_senders(campaign: Campaign, senders: Sequence[SenderAccount]) -> list[dict[str, Any]]:
    """Other running campaigns that draw on the same senders' budgets, with what they have scheduled."""
    rows = (
        ScheduledAction.objects.filter(
            sender__in=senders,
            state=ScheduledAction.State.DUE,
            kind=ScheduledAction.Kind.SEND,
            campaign__status=Campaign.Status.ACTIVE,
        )
        .exclude(campaign=campaign)
        .order_by()
        .values_list("campaign_id", "campaign__name", "sender__name")
        .annotate(count=Count("id"))
    )
    return [
        {"kind": "sender", "campaign_id": str(other), "campaign": name, "sender": sender, "count": count}
        for other, name, sender, count in sorted(rows, key=lambda row: (-row[3], row[1]))
    ]


__all__ = ["Loaded", "NotSimulable", "load", "not_simulated", "plan_for"]
