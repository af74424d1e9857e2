"""What providers report about e-mails and texts that left: delivered, opened, clicked, bounced, failed, complained of.

Runs in the transaction of the fact, under its sender's lock (``campaigns.services.reactions``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from campaigns import identity
from campaigns.events import (
    EnrollmentFact,
    LeadBounced,
    LeadClicked,
    LeadClickedByMachine,
    LeadDelivered,
    LeadOpened,
    LeadOpenedByMachine,
)
from campaigns.models import Enrollment, LeadChannel, Suppression
from campaigns.plans.state import Event
from campaigns.services import addresses, brakes, delivery, enrollments, suppression, unsubscribes
from campaigns.services.outreach import policy_of
from campaigns.thresholds import Signal
from integrations.domain_events import ProviderEventRecorded
from integrations.events import (
    LinkClicked,
    MessageBounced,
    MessageDelivered,
    MessageEvent,
    MessageFailed,
    MessageOpened,
    SpamComplained,
    Unsubscribed,
)
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.events import publish

How = unsubscribes.How
_HOW: Final = {"link": How.LINK, "one_click": How.ONE_CLICK, "keyword": How.STOP_WORD, "mail": How.MAIL}
#: Soft bounces that are about our mail or our name and say nothing against the address.
_OUR_FAULT: Final = frozenset({"content", "reputation", "frequency", "deferred"})


@dataclass(frozen=True, slots=True)
class Happening:
    """What a report says about one of our messages: where it is kept, what its enrollment and the reports hear."""

    kind: str
    #: The column of ``SendOutcome``.
    column: str
    told: type[EnrollmentFact] | None
    machine: bool = False
    soft: bool = False
    detail: str = ""


def happening(event: MessageEvent) -> Happening | None:
    """Return what an event says about the message, ``None`` for what is only shown."""
    found: Happening | None = None
    match event:
        case MessageDelivered():
            found = Happening("delivered", "delivered_at", LeadDelivered)
        case MessageOpened(is_machine=True):
            found = Happening("open", "machine_opened_at", LeadOpenedByMachine, machine=True)
        case MessageOpened():
            found = Happening("open", "opened_at", LeadOpened)
        case LinkClicked(is_machine=True):
            found = Happening("click", "machine_clicked_at", LeadClickedByMachine, machine=True)
        case LinkClicked():
            found = Happening("click", "clicked_at", LeadClicked)
        case MessageBounced(is_permanent=True):
            found = Happening("bounce", "bounced_at", LeadBounced, detail=event.reason)
        case MessageBounced():
            found = Happening("bounce", "deferred_at", None, soft=True, detail=event.reason)
        case MessageFailed():
            found = Happening("failed", "failed_at", None, detail=event.reason)
    return found


def on_fate(fact: ProviderEventRecorded, event: MessageEvent) -> Enrollment | None:
    """React to what came back for good, or was asked or complained; return the enrollment that it concerns.

    Other reports come in runs (``campaigns.services.reports``).
    """
    outbound = fact.outbound
    match event:
        case MessageBounced():
            return _bounced(fact, event, outbound)
        case MessageFailed():
            return _failed(fact, event, outbound)
        case SpamComplained():
            return _complained(fact, event, outbound)
        case Unsubscribed():
            return _unsubscribed(fact, event, outbound)
    return None


def _happened(fact: ProviderEventRecorded, outbound: OutboundMessage) -> Enrollment | None:
    """Keep the time, tell the enrollment of the message, and publish the fact the first time."""
    what = happening(fact.event)
    assert what is not None  # whoever calls has looked at the event
    _, is_first = delivery.note(outbound, what.column, fact.event.occurred_at)
    if outbound.enrollment_id is None:
        return None
    if not Enrollment.objects.filter(id=outbound.enrollment_id).exists():
        fact.outcome["campaigns"] = gone(what)
        return None
    enrollment = enrollments.locked(outbound.enrollment_id)
    enrollments.take_in(enrollment, event_of(fact, outbound, what))
    if what.told is not None and is_first:
        publish(fact_of(fact, outbound, what, enrollment))
    fact.outcome["campaigns"] = in_words(what, enrollment)
    return enrollment


def gone(what: Happening) -> str:
    """What was done with a report whose enrollment was deleted."""
    return f"Noted ({what.kind}); the lead's enrollment is gone."


def in_words(what: Happening, enrollment: Enrollment) -> str:
    """What was done with a report."""
    by = " by a machine" if what.machine else ""
    return f"{enrollment.lead}: {what.kind}{by} noted for “{enrollment.campaign}”."


def event_of(fact: ProviderEventRecorded, outbound: OutboundMessage, what: Happening) -> Event:
    """What the enrollment of the message is told."""
    return Event(
        id=str(fact.event_id),
        kind=what.kind,
        occurred_at=fact.event.occurred_at,
        received_at=now(),
        node=outbound.node_id,
        visit=outbound.visit,
        channel=outbound.channel,
        machine=what.machine,
        soft=what.soft,
        detail=what.detail[:300],
    )


def fact_of(
    fact: ProviderEventRecorded, outbound: OutboundMessage, what: Happening, enrollment: Enrollment
) -> EnrollmentFact:
    """What the reports are told the first time."""
    assert what.told is not None  # whoever calls has looked
    return what.told(
        enrollment=enrollment,
        occurred_at=fact.event.occurred_at,
        key=f"{outbound.id}:{what.kind}",
        node_id=outbound.node_id,
        sender_id=outbound.sender_id,
        outbound=outbound,
    )


# --- what comes back --------------------------------------------------------------------------------


def _bounced(
    fact: ProviderEventRecorded, event: MessageBounced, outbound: OutboundMessage | None
) -> Enrollment | None:
    enrollment = _happened(fact, outbound) if outbound is not None else None
    keep_off(fact, event)
    if outbound is not None and (outcome := delivery.left(outbound)) is not None:
        brakes.consider(outcome=outcome, signal=Signal.BOUNCE)
    return enrollment


def keep_off(fact: ProviderEventRecorded, event: MessageBounced) -> None:
    """Suppress an address that does not exist for good, one that is full or closed for a while."""
    client_id, channel = fact.sender.client_id, fact.sender.channel
    value = _recipient(event.recipient, fact.outbound, channel)
    if not value:
        return
    reason = " ".join(part for part in (event.code, event.reason) if part)
    if event.is_permanent:
        _gone(client_id, channel, value, event.occurred_at, reason)
    elif event.category not in _OUR_FAULT:
        rests = timedelta(days=policy_of(client_id).soft_bounce_days)
        suppression.suppress(
            client_id=client_id,
            channel=channel,
            value=value,
            source=Suppression.Source.BOUNCE,
            reason=reason or "It bounced, and may work again.",
            expires_at=event.occurred_at + rests,
        )


def _gone(client_id: UUID, channel: str, value: str, at: datetime, reason: str) -> None:
    suppression.suppress(
        client_id=client_id,
        channel=channel,
        value=value,
        source=Suppression.Source.BOUNCE,
        reason=reason or "It bounced for good.",
    )
    LeadChannel.objects.filter(client_id=client_id, kind=channel, normalized=value, bounced_at=None).update(
        bounced_at=at
    )
    if channel == "email":
        addresses.note_bounce(value)


def _failed(
    fact: ProviderEventRecorded, event: MessageFailed, outbound: OutboundMessage | None
) -> Enrollment | None:
    """The provider took it and then would not send it: what its own list says is kept as ours."""
    value = _recipient(event.recipient, outbound, fact.sender.channel)
    enrollment = _happened(fact, outbound) if outbound is not None else None
    if value and event.category == "invalid_address":
        _gone(fact.sender.client_id, fact.sender.channel, value, event.occurred_at, event.reason)
    elif value and event.category == "suppressed":
        suppression.suppress(
            client_id=fact.sender.client_id,
            channel=fact.sender.channel,
            value=value,
            source=Suppression.Source.PROVIDER,
            reason=event.reason or "On the provider's own list.",
        )
    return enrollment


# --- who wants no more ------------------------------------------------------------------------------


def _complained(
    fact: ProviderEventRecorded, event: SpamComplained, outbound: OutboundMessage | None
) -> Enrollment | None:
    value = _recipient(event.recipient, outbound, fact.sender.channel)
    outcome = None
    if outbound is not None:
        outcome, _ = delivery.note(outbound, "complained_at", event.occurred_at)
    if value:
        _record(fact, value, outbound, How.COMPLAINT, "Marked a message as spam.", everywhere=True)
        fact.outcome["campaigns"] = f"{value} complained: nobody of the organization writes there any more."
    if outcome is not None:
        brakes.consider(outcome=outcome, signal=Signal.COMPLAINT)
    return _enrollment_of(outbound)


def _unsubscribed(
    fact: ProviderEventRecorded, event: Unsubscribed, outbound: OutboundMessage | None
) -> Enrollment | None:
    how = _HOW.get(event.how, How.PROVIDER)
    if how == How.MAIL:
        link = unsubscribes.find_here(str(event.raw.get("token", "")))
        if link is not None and unsubscribes.is_erased(link):
            fact.outcome["campaigns"] = "Unsubscribed by mail; they were erased before."
            return None
        if link is not None:
            unsubscribes.record(
                address=unsubscribes.Address.of_link(link), how=how, occurred_at=event.occurred_at
            )
            fact.outcome["campaigns"] = "Unsubscribed by mail to the address of the message."
            return Enrollment.objects.filter(id=link.enrollment_id).first() if link.enrollment_id else None
    value = _recipient(event.recipient, outbound, fact.sender.channel)
    if value:
        _record(fact, value, outbound, how, "")
        fact.outcome["campaigns"] = f"{value} unsubscribed ({How(how).label.lower()})."
    if outbound is not None:
        delivery.note(outbound, "unsubscribed_at", event.occurred_at)
    return _enrollment_of(outbound)


def _record(
    fact: ProviderEventRecorded,
    value: str,
    outbound: OutboundMessage | None,
    how: str,
    reason: str,
    *,
    everywhere: bool | None = None,
) -> None:
    unsubscribes.record(
        address=unsubscribes.Address(
            client_id=fact.sender.client_id,
            channel=fact.sender.channel,
            value=value,
            lead_id=outbound.lead_id if outbound else None,
            campaign_id=outbound.campaign_id if outbound else None,
            enrollment_id=outbound.enrollment_id if outbound else None,
            sender_id=fact.sender.id,
        ),
        how=how,
        occurred_at=fact.event.occurred_at,
        reason=reason,
        everywhere=everywhere,
    )


def _enrollment_of(outbound: OutboundMessage | None) -> Enrollment | None:
    if outbound is None or outbound.enrollment_id is None:
        return None
    found: Enrollment | None = Enrollment.objects.filter(id=outbound.enrollment_id).first()
    return found


def _recipient(told: str, outbound: OutboundMessage | None, channel: str) -> str:
    """The address that a report is about, as suppressions compare it; ``""`` if nobody says."""
    known = outbound.recipient.get("email" if channel == "email" else "phone", "") if outbound else ""
    for value in (told, str(known)):
        try:
            return identity.email_address(value) if channel == "email" else identity.phone_number(value)
        except identity.InvalidAddress:
            continue
    return ""
