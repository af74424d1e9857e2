"""The outbox: what is to be sent is a row, unique by its dedupe key, before anything leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from integrations import streams
from integrations.domain_events import HoldsEnded, OutboundChanged
from integrations.locks import lock_sender
from integrations.models import OutboundMessage, SenderAccount
from integrations.services import outbox_rows, rates
from integrations.services.holds import Hold
from project.core.clock import now
from project.core.events import publish
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

Gate = Callable[[OutboundMessage], Hold | None]
_gates: dict[str, Gate] = {}

State = OutboundMessage.State


def register_gate(id: str, gate: Gate) -> None:  # noqa: A002 (the word used for all registrations)
    """Register a check that dispatch makes right before an attempt. Registering an id again replaces it."""
    _gates[id] = gate


def first_hold(outbound: OutboundMessage) -> Hold | None:
    """Return the first objection of the registered gates, in the order of their registration."""
    for gate in _gates.values():
        hold = gate(outbound)
        if hold is not None:
            return hold
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One intended send, before it is a row. Names as on ``OutboundMessage``."""

    sender: SenderAccount
    client_id: UUID
    channel: str
    action: str
    origin: str
    dedupe_key: str
    recipient: dict[str, Any]
    body: str
    lead_id: UUID | None = None
    campaign_id: UUID | None = None
    enrollment_id: UUID | None = None
    node_id: str = ""
    conversation_id: UUID | None = None
    author: User | None = None
    not_before: datetime | None = None
    reservation: dict[str, Any] | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    visit: int = 1
    variant_id: str = ""


def queue(  # noqa: PLR0913 (one name for each column; ``Draft`` is the same for many)
    *,
    sender: SenderAccount,
    client_id: UUID,
    channel: str,
    action: str,
    origin: str,
    dedupe_key: str,
    recipient: dict[str, Any],
    body: str,
    lead_id: UUID | None = None,
    campaign_id: UUID | None = None,
    enrollment_id: UUID | None = None,
    node_id: str = "",
    conversation_id: UUID | None = None,
    author: User | None = None,
    not_before: datetime | None = None,
    reservation: dict[str, Any] | None = None,
    payload: dict[str, Any] | None = None,
    visit: int = 1,
    variant_id: str = "",
) -> OutboundMessage | None:
    """Put one send into the outbox; ``None`` if its dedupe key is there already.

    ``recipient`` has ``provider_id``, ``public_identifier``, ``chat_id``, ``email`` and ``phone`` as far as
    known; ``payload`` is as on the model. Where
    no ``reservation`` is given, dispatch takes the units of the account's budgets. It is dispatched once
    the transaction has committed.
    """
    draft = Draft(
        sender=sender,
        client_id=client_id,
        channel=channel,
        action=action,
        origin=origin,
        dedupe_key=dedupe_key,
        recipient=recipient,
        body=body,
        lead_id=lead_id,
        campaign_id=campaign_id,
        enrollment_id=enrollment_id,
        node_id=node_id,
        conversation_id=conversation_id,
        author=author,
        not_before=not_before,
        reservation=reservation,
        payload=payload or {},
        visit=visit,
        variant_id=variant_id,
    )
    created = queue_many([draft])
    return created[0] if created else None


@transaction.atomic
def queue_many(drafts: Sequence[Draft]) -> list[OutboundMessage]:
    """Put many sends into the outbox; return the rows that were not there already, in the order of
    ``drafts``.
    """
    rows = [
        OutboundMessage(
            sender=draft.sender,
            client_id=draft.client_id,
            channel=draft.channel,
            action=draft.action,
            origin=draft.origin,
            dedupe_key=draft.dedupe_key,
            recipient=draft.recipient,
            body=outbox_rows.plain_text(draft.body),
            lead_id=draft.lead_id,
            campaign_id=draft.campaign_id,
            enrollment_id=draft.enrollment_id,
            node_id=draft.node_id,
            conversation_id=draft.conversation_id,
            author=draft.author,
            not_before=draft.not_before or now(),
            reservation=draft.reservation,
            payload=draft.payload,
            visit=draft.visit,
            variant_id=draft.variant_id,
        )
        for draft in drafts
    ]
    OutboundMessage.objects.bulk_create(rows, ignore_conflicts=True)
    there = set(OutboundMessage.objects.filter(id__in=[row.id for row in rows]).values_list("id", flat=True))
    created = [row for row in rows if row.id in there]
    for row in created:
        publish(OutboundChanged(outbound=row, previous=""))
    for sender_id in {row.sender_id for row in created}:
        streams.rate_changed(sender_id)
        nudge(sender_id)
    return created


@transaction.atomic
def queue_campaign(drafts: Sequence[Draft]) -> set[str]:
    """Put a batch of a campaign's sends into the outbox; return the dedupe keys that were not there already.

    Nobody is told of each row; the next tick of dispatch finds them.
    """
    return outbox_rows.insert(drafts)


@transaction.atomic
def cancel(outbound: OutboundMessage, *, reason: str) -> bool:
    """Take a queued send back and free its reservation; ``False`` if it is no longer queued."""
    lock_sender(outbound.sender_id)
    outbound.refresh_from_db()
    if outbound.state != State.QUEUED:
        return False
    change_state(outbound, State.CANCELLED, error_kind="cancelled", error_detail=reason)
    return True


@transaction.atomic
def retry(outbound: OutboundMessage, *, actor: User) -> bool:
    """Queue a finally failed send again, because a person says so; ``False`` if it did not fail for sure.

    An ``unknown`` send is never queued by hand: it may have left (``settlement.decide`` is for those).
    """
    lock_sender(outbound.sender_id)
    outbound.refresh_from_db()
    if outbound.state != State.FAILED:
        return False
    change_state(outbound, State.QUEUED, not_before=now(), error_kind="", error_detail="")
    audit.record(
        actor=actor,
        action="outbound.retried",
        subject=outbound,
        client_id=outbound.client_id,
        dedupe_key=outbound.dedupe_key,
    )
    nudge(outbound.sender_id)
    return True


def change_state(outbound: OutboundMessage, state: str, **values: Any) -> None:
    """Move a row to ``state`` and tell the rooms above. The caller holds the account's lock and read the row
    under it.

    A row that leaves the queue for good without a send gives its reserved unit back.
    """
    previous = outbound.state
    if state in {State.FAILED, State.CANCELLED}:
        free_reservation(outbound)
        values["reservation"] = None
    if state != State.SENDING:
        values.setdefault("claimed_until", None)
    if state != State.QUEUED:
        values.setdefault("hold_code", "")
        values.setdefault("hold_reason", "")
    outbound.state = state
    for name, value in values.items():
        setattr(outbound, name, value)
    outbound.save(update_fields=["state", "updated_at", *values])
    publish(OutboundChanged(outbound=outbound, previous=previous))
    streams.rate_changed(outbound.sender_id)


def free_reservation(outbound: OutboundMessage) -> None:
    """Give the units back that are held for a row; the caller saves ``reservation``."""
    rates.release(sender=outbound.sender, reservation=outbound.reservation)
    outbound.reservation = None


@transaction.atomic
def release_holds(*, code: str = "", sender_id: UUID | None = None) -> int:
    """Look at held rows again now: of one reason, of one account, or both. Return how many that were."""
    rows = OutboundMessage.objects.filter(state=State.QUEUED).exclude(hold_code="")
    if code:
        rows = rows.filter(hold_code=code)
    if sender_id is not None:
        rows = rows.filter(sender_id=sender_id)
    senders = set(rows.values_list("sender_id", flat=True))
    count = int(rows.update(not_before=now(), hold_code="", hold_reason=""))
    for found in senders:
        nudge(found)
    publish(HoldsEnded(code=code, sender_id=sender_id))
    return count


def nudge(sender_id: UUID) -> None:
    """Have the account's outbox looked at once this transaction has committed."""
    from integrations.tasks import dispatch_sender  # tasks call services; they import this module

    enqueue(dispatch_sender, sender_id=sender_id)
