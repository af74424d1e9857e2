"""Brakes: sending stops by itself where too much comes back, and goes on when a person or the clock says so.

Rates are counted per sender, per list (import) and per recipient domain over the latest sends. A released brake counts
only what is sent after it: what led to it is not held against anybody twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet

from campaigns import streams
from campaigns.events import BrakeReleased, SendingBraked
from campaigns.models import Brake, CampaignSender, LeadImportLead, SendOutcome
from campaigns.thresholds import WINDOW, WINDOW_SENDS, Counts, Level, Signal, in_words, judge
from integrations.models import OutboundMessage
from integrations.services import outbox
from integrations.services.holds import Hold
from project.core.clock import now
from project.core.events import publish
from project.core.realtime import emit
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

Scope = Brake.Scope

#: How long a brake holds by itself; ``None``: until a person has looked. Lists do not get better with time.
HOLDS: Final[dict[tuple[str, Signal], timedelta | None]] = {
    (Scope.SENDER, Signal.BOUNCE): timedelta(hours=24),
    (Scope.SENDER, Signal.COMPLAINT): timedelta(hours=72),
    (Scope.SENDER, Signal.DEFERRAL): timedelta(hours=1),
    (Scope.LIST, Signal.BOUNCE): None,
    (Scope.LIST, Signal.COMPLAINT): None,
    (Scope.LIST, Signal.DEFERRAL): timedelta(hours=1),
    (Scope.DOMAIN, Signal.BOUNCE): timedelta(hours=24),
    (Scope.DOMAIN, Signal.COMPLAINT): timedelta(hours=72),
    (Scope.DOMAIN, Signal.DEFERRAL): timedelta(hours=1),
}


class BrakeRefused(Invalid):
    """The brake cannot be released as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a brake may stop."""

    scope: str
    value: str


def targets_of(outcome: SendOutcome) -> list[Target]:
    """Everything that one send counts for."""
    found = [Target(Scope.SENDER, str(outcome.sender_id))]
    if outcome.import_id is not None:
        found.append(Target(Scope.LIST, str(outcome.import_id)))
    if outcome.domain:
        found.append(Target(Scope.DOMAIN, outcome.domain))
    return found


# --- counting and stopping --------------------------------------------------------------------------


def consider(*, outcome: SendOutcome, signal: Signal) -> list[Brake]:
    """Look at the rates that a bounce, complaint or deferral has moved; return the brakes that it pulled."""
    return consider_all(outcomes=[outcome], signal=signal)


def consider_all(*, outcomes: Sequence[SendOutcome], signal: Signal) -> list[Brake]:
    """``consider`` for several sends at once: each rate is looked at once."""
    pulled = []
    targets = {(row.client_id, target): None for row in outcomes for target in targets_of(row)}
    for client_id, target in targets:
        counts = counts_of(client_id, target, signal)
        if judge(counts, signal) is Level.STOP:
            brake = _pull(client_id, target, signal, counts)
            if brake is not None:
                pulled.append(brake)
    return pulled


def counts_of(client_id: UUID, target: Target, signal: Signal) -> Counts:
    """Count the latest e-mails of a target, since its last brake for this signal was over."""
    rows = SendOutcome.objects.filter(_rows_of(target), client_id=client_id, channel="email")
    since = max(filter(None, [now() - WINDOW, _last_release(client_id, target, signal)]))
    latest = rows.filter(sent_at__gt=since).order_by("-sent_at", "-id")[:WINDOW_SENDS]
    found = latest.aggregate(
        sends=Count("id"),
        **{name: Count("id", filter=Q(**{f"{column}__isnull": False})) for name, column in _COUNTED.items()},
    )
    return Counts(**found)


_COUNTED: Final = {"bounces": "bounced_at", "complaints": "complained_at", "deferrals": "deferred_at"}


def _rows_of(target: Target) -> Q:
    column = {Scope.SENDER: "sender_id", Scope.LIST: "import_id", Scope.DOMAIN: "domain"}[Scope(target.scope)]
    return Q(**{column: target.value})


def _last_release(client_id: UUID, target: Target, signal: Signal) -> datetime | None:
    released: datetime | None = (
        Brake.objects.filter(client_id=client_id, scope=target.scope, target=target.value, signal=signal)
        .exclude(released_at=None)
        .order_by("-released_at")
        .values_list("released_at", flat=True)
        .first()
    )
    return released


def _pull(client_id: UUID, target: Target, signal: Signal, counts: Counts) -> Brake | None:
    moment = now()
    holds = HOLDS[target.scope, signal]
    brake, is_new = Brake.objects.get_or_create(
        client_id=client_id,
        scope=target.scope,
        target=target.value,
        signal=signal,
        released_at=None,
        defaults={
            "counted": counts.of(signal),
            "sample": counts.sends,
            "reason": in_words(counts, signal),
            "tripped_at": moment,
            "ends_at": moment + holds if holds else None,
        },
    )
    if not is_new:
        return None
    audit.record(
        actor=None,
        action="brake.pulled",
        subject=brake,
        client_id=client_id,
        scope=target.scope,
        signal=signal,
    )
    _changed(brake)
    publish(SendingBraked(brake=brake))
    found: Brake = brake
    return found


# --- letting go -------------------------------------------------------------------------------------


@transaction.atomic
def release(*, brake: Brake, actor: User) -> Brake:
    """Let sending go on because a person says so. Raises ``BrakeRefused`` for one that is over."""
    found: Brake = Brake.objects.select_for_update().get(id=brake.id)
    if found.released_at is not None:
        raise BrakeRefused("This brake was released already.")
    _let_go(found, actor)
    audit.record(
        actor=actor, action="brake.released", subject=found, client_id=found.client_id, reason=found.reason
    )
    return found


def release_over() -> int:
    """Release the brakes whose time is over (for the sweeper, in an organization's scope); return how many."""
    done = 0
    for brake_id in list(over().values_list("id", flat=True)[:200]):
        with transaction.atomic():
            found = (
                Brake.objects.select_for_update(skip_locked=True)
                .filter(id=brake_id, released_at=None)
                .first()
            )
            if found is not None:
                _let_go(found, None)
                done += 1
    return done


def over() -> QuerySet[Brake]:
    """Brakes whose time is over and that nobody has released."""
    rows: QuerySet[Brake] = Brake.objects.filter(released_at=None, ends_at__lte=now())
    return rows


def organizations_with_brakes_over() -> list[UUID]:
    """The organizations in which the time of a brake is over (platform scope)."""
    return list(over().order_by().values_list("organization_id", flat=True).distinct())


def _let_go(brake: Brake, actor: User | None) -> None:
    brake.released_at = now()
    brake.released_by = actor
    brake.save(update_fields=["released_at", "released_by", "updated_at"])
    outbox.release_holds(code="brake")
    _changed(brake)
    publish(BrakeReleased(brake=brake, by_time=actor is None))


def _changed(brake: Brake) -> None:
    """Tell open screens of the campaigns that it concerns."""
    if brake.scope != Scope.SENDER:
        return
    for campaign_id in CampaignSender.objects.filter(sender_id=brake.target).values_list(
        "campaign_id", flat=True
    ):
        emit(
            stream=streams.campaign(campaign_id),
            kind="campaign.changed",
            subject=("campaign", campaign_id),
            data={},
        )


# --- asking -----------------------------------------------------------------------------------------


class Standing:
    """The brakes that are on in the organization: read once, asked for many sends."""

    def __init__(self, brakes: Iterable[Brake]) -> None:
        self._on = {(row.client_id, row.scope, row.target): row for row in brakes}
        self._lists = any(row.scope == Scope.LIST for row in self._on.values())

    @classmethod
    def load(cls) -> Standing:
        """Read what is on now; of two on one target the one that holds longer."""
        rows = Brake.objects.filter(released_at=None).exclude(ends_at__lte=now())
        return cls(rows.order_by(F("ends_at").asc(nulls_last=True), "id"))

    def hold(
        self, *, client_id: UUID, sender_id: UUID | None, email: str, lead_id: UUID | None
    ) -> Hold | None:
        """Why a campaign's e-mail may not leave now. Asks for the lead's list only where a list is stopped."""
        if not self._on:
            return None
        targets = [
            Target(Scope.SENDER, str(sender_id)),
            Target(Scope.DOMAIN, email.rpartition("@")[2].lower()),
        ]
        if self._lists and (list_id := list_of(lead_id)) is not None:
            targets.append(Target(Scope.LIST, str(list_id)))
        for target in targets:
            brake = self._on.get((client_id, target.scope, target.value))
            if brake is not None:
                return hold_of(brake)
        return None


def gate(outbound: OutboundMessage) -> Hold | None:
    """A gate of the outbox: campaign e-mails wait while a brake stops their sender, list or domain.

    People's own answers go out: whoever wrote to us wants them.
    """
    if outbound.channel != "email" or outbound.origin != OutboundMessage.Origin.CAMPAIGN:
        return None
    return Standing.load().hold(
        client_id=outbound.client_id,
        sender_id=outbound.sender_id,
        email=str(outbound.recipient.get("email", "")),
        lead_id=outbound.lead_id,
    )


def hold_of(brake: Brake) -> Hold:
    """A brake as a hold."""
    what = {
        Scope.SENDER: "through this sender",
        Scope.LIST: "to this list",
        Scope.DOMAIN: f"to {brake.target}",
    }
    until = "" if brake.ends_at else " A person has to release it."
    return Hold(
        "brake",
        f"Sending {what[Scope(brake.scope)]} is stopped: {brake.reason}{until}",
        until=brake.ends_at,
    )


def lists_of(lead_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """``list_of`` for many leads, by lead; those of no list are missing."""
    rows = LeadImportLead.objects.filter(lead_id__in=lead_ids).order_by("created_lead", "created_at")
    return dict(rows.values_list("lead_id", "lead_import_id"))


def list_of(lead_id: UUID | None) -> UUID | None:
    """The import that brought a lead, else the latest that named it."""
    if lead_id is None:
        return None
    found: UUID | None = (
        LeadImportLead.objects.filter(lead_id=lead_id)
        .order_by("-created_lead", "-created_at")
        .values_list("lead_import_id", flat=True)
        .first()
    )
    return found
