"""Who writes to a lead: one sender per channel, chosen once by rotation and kept.

A first-degree connection wins, then the sender that wrote to the lead before, then the one with the most room: what is
left of today's budget times its health, over the number of leads it has already. Steps may name an account or a pool
of the campaign's senders; those have a choice of their own (``EnrollmentSender.choice``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Count, Sum

from campaigns.models import Campaign, CampaignSender, Enrollment, EnrollmentSender, Lead, Relation
from campaigns.plans.schema import Plan, SendNode
from campaigns.scheduling import drawn
from integrations import health_selectors
from integrations.models import Connection, RateUsage, SenderAccount
from integrations.models.connections import Channel
from integrations.services import rates
from project.core.clock import now
from project.core.ids import parse_uuid

#: Statuses from which an account does not come back by itself: its leads are handed over.
GONE = frozenset({SenderAccount.Status.DELETED, SenderAccount.Status.STOPPED})
#: What a limitless action counts as, so that shares stay comparable.
PLENTY = 1_000
Slot = tuple[str, str]
"""A channel and a choice (see ``choice_of``): what one sender is assigned for."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sender and the sentence that says why."""

    sender: SenderAccount
    reason: str


def choice_of(node: SendNode) -> str:
    """What a step says about its sender: nothing (``""``), ``account:<id>`` or ``pool:<name>``."""
    if node.sender is None:
        return ""
    if node.sender.account:
        return f"account:{node.sender.account}"
    return f"pool:{node.sender.pool}"


def slots_of(plan: Plan) -> list[Slot]:
    """Every channel and choice that the plan's sends need a sender for, in order."""
    found = {(node.channel, choice_of(node)) for node in plan.nodes if isinstance(node, SendNode)}
    return sorted(found)


def health_of(sender: SenderAccount) -> float:
    """How able an account is to send now, from 0 (gone) to 1. Reads ``sender.connection``."""
    if sender.status in GONE:
        return 0.0
    if sender.connection.status in {Connection.Status.FAILING, Connection.Status.DISABLED}:
        return 0.02
    if sender.status != SenderAccount.Status.OK or sender.paused_at is not None:
        return 0.05
    return 0.5 if sender.action_pauses else 1.0


@dataclass(slots=True)
class Rotation:
    """The choice among a campaign's senders for many leads: loaded once, its loads grow with each choice."""

    campaign: Campaign
    senders: list[SenderAccount]
    pools: dict[UUID, list[str]]
    #: Enrollments that each sender has already.
    loads: dict[UUID, int]
    #: What is left of today's budgets of each sender.
    room: dict[UUID, int]
    #: The score of each sender, from 0 to 1 (``integrations.health``).
    health: dict[UUID, float] = field(default_factory=dict)
    #: Senders that know a lead: connected on the network, or writing to it in another campaign of the client.
    connected: dict[UUID, set[UUID]] = field(default_factory=dict)
    known: dict[tuple[UUID, str], UUID] = field(default_factory=dict)

    @classmethod
    def of(cls, campaign: Campaign, leads: Sequence[Lead]) -> Rotation:
        """Load what the choice for ``leads`` needs: a fixed number of queries, however many leads and senders."""
        rotation = cls.bare(campaign)
        senders = rotation.senders
        rotation.loads, rotation.room = _loads(senders), _room(senders)
        rotation.health = {
            key: found.score / 100 for key, found in health_selectors.health_of(senders).items()
        }
        rotation.learn(leads)
        return rotation

    @classmethod
    def bare(cls, campaign: Campaign) -> Rotation:
        """A campaign's senders and pools without anything to choose by: who fits where. One query."""
        links = list(
            CampaignSender.objects.filter(campaign=campaign)
            .select_related("sender", "sender__connection")
            .order_by("id")
        )
        return cls(
            campaign=campaign,
            senders=[link.sender for link in links],
            pools={link.sender_id: list(link.pools) for link in links},
            loads={},
            room={},
        )

    def learn(self, leads: Sequence[Lead]) -> None:
        """Look up whom ``leads`` know already."""
        ids = [lead.id for lead in leads]
        for lead_id, sender_id in Relation.objects.filter(
            lead_id__in=ids, sender__in=self.senders
        ).values_list("lead_id", "sender_id"):
            self.connected.setdefault(lead_id, set()).add(sender_id)
        before = (
            EnrollmentSender.objects.filter(
                enrollment__lead_id__in=ids, enrollment__client_id=self.campaign.client_id, choice=""
            )
            .order_by("assigned_at", "id")
            .values_list("enrollment__lead_id", "channel", "sender_id")
        )
        self.known.update({(lead_id, channel): sender_id for lead_id, channel, sender_id in before})

    def choose(self, lead_id: UUID, slot: Slot, *, without: Iterable[UUID] = ()) -> Chosen | None:
        """Choose a sender for a lead; ``None`` when the campaign has none that fits."""
        channel, choice = slot
        fit = self.fitting(slot)
        if choice.startswith("account:"):
            return Chosen(fit[0], "Named by the step.") if fit else None
        shut_out = set(without)
        fit = [sender for sender in fit if sender.id not in shut_out]
        if not fit:
            return None
        alive = [sender for sender in fit if sender.status not in GONE] or fit
        chosen = self._familiar(lead_id, channel, alive) or self._freest(lead_id, alive)
        self.loads[chosen.sender.id] = self.loads.get(chosen.sender.id, 0) + 1
        return chosen

    def fitting(self, slot: Slot) -> list[SenderAccount]:
        """The senders that a channel and choice may be given to, whatever their state."""
        channel, choice = slot
        kind, _, name = choice.partition(":")
        if kind == "account":
            named = self._named(channel, name)
            return [named] if named is not None else []
        return [
            sender
            for sender in self.senders
            if sender.channel == channel and (kind != "pool" or name in self.pools[sender.id])
        ]

    def _named(self, channel: str, name: str) -> SenderAccount | None:
        for sender in self.senders:
            if sender.channel == channel and _is_named(sender, name):
                return sender
        accounts = SenderAccount.objects.filter(
            client_id=self.campaign.client_id, channel=channel
        ).select_related("connection")
        return next((account for account in accounts if _is_named(account, name)), None)

    def _familiar(self, lead_id: UUID, channel: str, fit: list[SenderAccount]) -> Chosen | None:
        if channel == Channel.LINKEDIN:
            connected = self.connected.get(lead_id, set())
            for sender in fit:
                if sender.id in connected:
                    return Chosen(sender, "Connected to the lead already.")
        known = self.known.get((lead_id, channel))
        for sender in fit:
            if sender.id == known and health_of(sender) > 0:
                return Chosen(sender, "Writes to this lead in another campaign already.")
        return None

    def _freest(self, lead_id: UUID, fit: list[SenderAccount]) -> Chosen:
        def share(sender: SenderAccount) -> float:
            fitness = health_of(sender) * self.health.get(sender.id, 1.0)
            free = fitness * (1 + self.room.get(sender.id, PLENTY))
            return free / (1 + self.loads.get(sender.id, 0))

        shares = [share(sender) for sender in fit]
        most = max(shares)
        tied = [sender for sender, its in zip(fit, shares, strict=True) if its == most]
        best = drawn(tied, f"{lead_id}:{fit[0].channel}")
        return Chosen(best, f"The most room of {len(fit)} senders." if len(fit) > 1 else "The only sender.")


def _is_named(sender: SenderAccount, name: str) -> bool:
    return parse_uuid(name) == sender.id or name in {sender.provider_account_id, sender.address or None}


def _loads(senders: Sequence[SenderAccount]) -> dict[UUID, int]:
    return dict(
        EnrollmentSender.objects.filter(sender__in=senders, enrollment__status=Enrollment.Status.ACTIVE)
        .order_by()
        .values_list("sender_id")
        .annotate(count=Count("id"))
    )


def _room(senders: Sequence[SenderAccount]) -> dict[UUID, int]:
    """What is left of today's budgets: the limits' sum less what was used, in each sender's own day."""
    limits = rates.limits_of_many(senders)
    at = now()
    days = {sender.id: rates.day_of(sender, at) for sender in senders}
    used = (
        RateUsage.objects.filter(sender__in=senders, window="day", day__in=set(days.values()))
        .order_by()
        .values_list("sender_id", "day")
        .annotate(total=Sum("used"))
    )
    gone = {sender_id: total for sender_id, day, total in used if days[sender_id] == day}
    left = {}
    for sender in senders:
        total = sum(min(limit, PLENTY) for limit in limits[sender.id].values()) or PLENTY
        left[sender.id] = max(0, total - gone.get(sender.id, 0))
    return left
