"""The door: every fact from a provider goes through ``record_event``, whatever way it came, and is applied
once.

One transaction per fact, or for the facts of one call together: the account's lock (``integrations.locks``),
the unique key, what this room does with it, what the rooms above do with it (``ProviderEventRecorded``), and the
ledger row with what was done. A worker that dies anywhere in between leaves nothing behind, and the fact is
recorded when it is told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby, zip_longest
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from pydantic_core import PydanticSerializationError

from integrations import metrics
from integrations.domain_events import (
    OutboundChanged,
    ProviderEventRecorded,
    ProviderEventRetold,
    WebhooksHeardAgain,
)
from integrations.events import (
    AccountStatusChanged,
    BaseEvent,
    LinkClicked,
    MessageBounced,
    MessageDelivered,
    MessageEvent,
    MessageFailed,
    MessageOpened,
    MessageRead,
    MessageReceived,
    RelationCreated,
    SpamComplained,
    from_json,
    to_json,
)
from integrations.locks import in_lock_order
from integrations.models import OutboundMessage, ProviderEvent, ProviderEventKey, SendAttempt, SenderAccount
from integrations.services import matching, outcomes, receipts, senders
from integrations.values import Direction, SendAction, SendReceipt
from project.core.clock import now
from project.core.db.bulk import any_text_of, insert_rows
from project.core.events import publish, publish_many
from project.core.ids import uuid7
from project.core.rehearsal import rehearsal
from project.core.storable import storable

#: How exact ``last_webhook_at`` of an account is kept: one write per account and interval.
WEBHOOK_SEEN_EVERY: Final = timedelta(seconds=20)


#: What only happens to a message that the provider took.
_FATES: Final = (
    MessageDelivered,
    MessageRead,
    MessageOpened,
    LinkClicked,
    MessageBounced,
    MessageFailed,
    SpamComplained,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What ``record_event`` did: true in a condition if the fact was new. ``outcome`` as saved with the
    fact; ``rematched`` if a known one did more than it had done before.
    """

    new: bool
    event_id: UUID
    outcome: dict[str, str] = field(default_factory=dict)
    rematched: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything is different now."""
        return self.new or self.rematched

    def __bool__(self) -> bool:
        return self.new


@dataclass(slots=True)
class _New:
    """A fact that was not known before, while it is being applied."""

    event: Any
    key: str
    delivery_id: UUID | None
    id: UUID = field(default_factory=uuid7)
    outcome: dict[str, str] = field(default_factory=dict)


def record_event(
    event: BaseEvent,
    *,
    sender: SenderAccount,
    source: str,
    delivery_id: UUID | None = None,
    again: bool = False,
) -> Recorded:
    """Record and apply one fact about ``sender``, unless it is known already.

    ``source`` is a ``ProviderEvent.Source``. ``again`` also has a known fact looked at once more: one that found
    nobody then may find somebody now. Errors of receivers undo everything and are raised.
    """
    return record_events([event], sender=sender, source=source, delivery_ids=[delivery_id], again=again)[0]


def _count(event: BaseEvent, source: str, recorded: Recorded) -> None:
    if rehearsal() is None:
        metrics.EVENTS.labels(event.kind, source, str(recorded.new).lower()).inc()  # type: ignore[attr-defined]


def record_events(
    events: Sequence[BaseEvent],
    *,
    sender: SenderAccount,
    source: str,
    delivery_ids: Sequence[UUID | None] = (),
    again: bool = False,
) -> list[Recorded]:
    """Record and apply several facts about ``sender`` in one transaction, in their order: all of them or none.

    ``delivery_ids`` names the call of each, if there was one.

    The same comes of it as of one after the other. Reports about messages that left (``is_report``) that follow each
    other are applied together, with few statements for all.
    """
    stored: list[Any] = [_storable(event) for event in events]

    def work() -> list[Recorded]:
        found = _record_all(stored, sender=sender, source=source, delivery_ids=delivery_ids)
        if again:
            found = [
                recorded if recorded.new else _retold(event, recorded, sender, source)
                for event, recorded in zip(stored, found, strict=True)
            ]
        return found

    found = in_lock_order([sender.id], work)
    for event, recorded in zip(stored, found, strict=True):
        _count(event, source, recorded)
    return found


def is_report(event: BaseEvent) -> bool:
    """Say whether a fact only reports on a message that left, and may be applied with others at once."""
    return isinstance(event, MessageDelivered | MessageRead | MessageOpened | LinkClicked) or (
        isinstance(event, MessageBounced) and not event.is_permanent
    )


def _record_all(
    events: list[Any], *, sender: SenderAccount, source: str, delivery_ids: Sequence[UUID | None]
) -> list[Recorded]:
    keys = {event.dedupe_key for event in events}
    keys |= {event.former_key for event in events if isinstance(event, MessageBounced)}
    rows = ProviderEventKey.objects.filter(sender=sender, key__in=any_text_of(keys))
    known = dict(rows.values_list("key", "event_id"))
    kept = ProviderEvent.objects.filter(id__in=known.values())
    told = list(kept.values_list("id", "outcome", "payload__recipient")) if known else []
    outcomes_of: dict[UUID, dict[str, str]] = {event_id: dict(outcome) for event_id, outcome, _ in told}
    recipients: dict[UUID, str] = {event_id: recipient for event_id, _, recipient in told}
    found, news = [], []
    for event, delivery_id in zip_longest(events, delivery_ids):
        key = _known_key(event, known, recipients)
        if key in known:
            found.append(Recorded(False, known[key], outcomes_of.get(known[key]) or {}))
            continue
        new = _New(event, key, delivery_id)
        news.append(new)
        known[key], outcomes_of[new.id] = new.id, new.outcome
        found.append(Recorded(True, new.id, new.outcome))
    # The lock makes the look-up above exact; the unique constraint holds even if somebody forgot the lock.
    insert_rows(
        ProviderEventKey, [{"sender_id": sender.id, "key": new.key, "event_id": new.id} for new in news]
    )
    for together, run in groupby(news, key=lambda new: is_report(new.event)):
        part = list(run)
        if together:
            _apply_reports(part, sender, source)
            _keep(part, sender, source)
        else:
            for new in part:
                _apply_one(new, sender, source)
                _keep([new], sender, source)
    _note_life(events, sender, source)
    return found


def _known_key(event: Any, known: dict[str, UUID], recipients: dict[UUID, str]) -> str:
    """Return the key that a fact is known by, its own if it is new."""
    key: str = event.dedupe_key
    if not isinstance(event, MessageBounced) or key in known or event.former_key not in known:
        return key
    # Whom a fact was about that is kept no more cannot be told: it counts as the same, not as news.
    is_same = recipients.get(known[event.former_key], event.recipient) == event.recipient
    return event.former_key if is_same else key


def _retold(event: BaseEvent, known: Recorded, sender: SenderAccount, source: str) -> Recorded:
    """Have the rooms above look at a known fact once more, and keep what they did beyond what they had done."""
    outcome = dict(known.outcome)
    publish(
        ProviderEventRetold(
            event=event,
            event_id=known.event_id,
            sender=sender,
            source=source,
            outcome=outcome,
            outbound=matching.outbound_of(event, sender) if isinstance(event, MessageEvent) else None,
        )
    )
    if outcome == known.outcome:
        return known
    ProviderEvent.objects.filter(id=known.event_id).update(outcome=outcome)
    return Recorded(False, known.event_id, outcome, rematched=True)


def _apply_one(new: _New, sender: SenderAccount, source: str) -> None:
    outbound = _apply_here(new.event, sender, new.outcome)
    publish(_recorded(new, sender, source, outbound))


def _apply_reports(news: list[_New], sender: SenderAccount, source: str) -> None:
    outbounds = matching.outbounds_of([new.event for new in news], sender)
    receipts_told = []
    for new, outbound in zip(news, outbounds, strict=True):
        if outbound is None:
            continue
        _settle_by_fate(new.event, outbound, new.outcome)
        if isinstance(new.event, MessageDelivered | MessageRead | MessageOpened):
            receipts_told.append((new.event, outbound))
    receipts.note_all(receipts_told)
    publish_many(
        [_recorded(new, sender, source, outbound) for new, outbound in zip(news, outbounds, strict=True)]
    )


def _recorded(
    new: _New, sender: SenderAccount, source: str, outbound: OutboundMessage | None
) -> ProviderEventRecorded:
    return ProviderEventRecorded(
        event=new.event, event_id=new.id, sender=sender, source=source, outcome=new.outcome, outbound=outbound
    )


def _keep(news: list[_New], sender: SenderAccount, source: str) -> None:
    """Write the ledger's rows, with what was done."""
    at = now()
    insert_rows(
        ProviderEvent,
        [
            {
                "id": new.id,
                "recorded_at": at,
                "occurred_at": new.event.occurred_at,
                "sender_id": sender.id,
                "kind": new.event.kind,
                "source": source,
                "delivery_id": new.delivery_id,
                "dedupe_key": new.key,
                "payload": to_json(new.event),
                "outcome": new.outcome,
            }
            for new in news
        ],
    )


def _storable(event: BaseEvent) -> BaseEvent:
    """Return ``event`` without what PostgreSQL cannot hold: NUL characters and halves of surrogate pairs."""
    try:
        if "\\u0000" not in event.model_dump_json():
            return event
    except PydanticSerializationError:
        pass  # half of a surrogate pair: it cannot be written as UTF-8
    return from_json(storable(to_json(event)))


# --- what this room does with a fact ----------------------------------------------------------------


def _apply_here(event: BaseEvent, sender: SenderAccount, outcome: dict[str, str]) -> OutboundMessage | None:
    """Apply a fact to sender accounts and the outbox; return the outbox row that it is about."""
    if isinstance(event, AccountStatusChanged):
        outcome["integrations"] = senders.report_status(
            sender, status=event.status, raw_status=event.raw_status, reported_at=event.occurred_at
        )
        return None
    if isinstance(event, RelationCreated):
        return _settle_invitation(event, sender, outcome)
    if not isinstance(event, MessageEvent):
        return None
    if isinstance(event, MessageReceived) and event.direction is Direction.INBOUND:
        return None  # theirs: an answer may carry the id of what it answers
    outbound = matching.outbound_of(event, sender)
    if outbound is None or _is_about_copy(event, outbound):
        return None
    outbound.sender = sender
    if isinstance(event, MessageReceived):
        _settle_by_echo(event, outbound, outcome)
    elif isinstance(event, _FATES):
        _settle_by_fate(event, outbound, outcome)
        if isinstance(event, MessageFailed) or (isinstance(event, MessageBounced) and event.is_permanent):
            _note_failure(event, outbound, outcome)
    return outbound


def _is_about_copy(event: MessageEvent, outbound: OutboundMessage) -> bool:
    """Whether a report is about somebody who got a copy: it says nothing about whom the e-mail was for."""
    named = getattr(event, "recipient", "")
    copies = (*outbound.payload.get("cc", ()), *outbound.payload.get("bcc", ()))
    return bool(named) and named in copies


def _settle_by_echo(event: MessageReceived, outbound: OutboundMessage, outcome: dict[str, str]) -> None:
    """Take the account's own message, as the network shows it, for the receipt of its outbox row."""
    receipt = SendReceipt(
        message_id=event.message_id,
        provider_message_id=event.provider_message_id,
        chat_id=event.chat_id,
        provider_chat_id=event.provider_chat_id,
    )
    if outbound.state == OutboundMessage.State.UNKNOWN:
        _close_uncertainty(outbound, "The network shows the message.", outcome)
    outcomes.mark_sent(outbound, receipt=receipt, sent_at=event.occurred_at)


def _settle_by_fate(event: MessageEvent, outbound: OutboundMessage, outcome: dict[str, str]) -> None:
    """What the provider reports about a message that it took ends any doubt that it took it."""
    if outbound.state not in {OutboundMessage.State.UNKNOWN, OutboundMessage.State.SENDING}:
        return
    receipt = SendReceipt(
        message_id=event.message_id,
        provider_message_id=event.provider_message_id,
        chat_id=event.chat_id,
        provider_chat_id=event.provider_chat_id,
    )
    if outbound.state == OutboundMessage.State.UNKNOWN:
        _close_uncertainty(outbound, "The provider reports on the message.", outcome)
    outcomes.mark_sent(outbound, receipt=receipt, sent_at=event.occurred_at)


def _note_failure(
    event: MessageFailed | MessageBounced, outbound: OutboundMessage, outcome: dict[str, str]
) -> None:
    """Store that a message that left did not arrive. Reports come in any order: delivered stays delivered, unless
    it bounced afterwards.
    """
    bounced = isinstance(event, MessageBounced)
    if outbound.delivered_at is not None and not bounced:
        outcome["integrations"] = "It was delivered; the older report changes nothing."
        return
    outbound.error_kind = "bounced" if bounced else "undelivered"
    outbound.error_detail = (event.reason or "The provider says that it did not arrive.")[:2000]
    outbound.save(update_fields=["error_kind", "error_detail", "updated_at"])
    publish(OutboundChanged(outbound=outbound, previous=outbound.state))


def _close_uncertainty(outbound: OutboundMessage, evidence: str, outcome: dict[str, str]) -> None:
    """Close the attempt whose outcome a fact has just told."""
    SendAttempt.objects.filter(outbound=outbound, state=SendAttempt.State.AMBIGUOUS).update(
        state=SendAttempt.State.SETTLED_SENT, finished_at=now(), settle_after=None, detail=evidence
    )
    outcome["integrations"] = f"{evidence} So our uncertain send left."


def _settle_invitation(
    event: RelationCreated, sender: SenderAccount, outcome: dict[str, str]
) -> OutboundMessage | None:
    """Return the invitation that led to a connection; one whose outcome was uncertain is settled by it."""
    identity = Q(recipient__provider_id=event.person.provider_id) if event.person.provider_id else Q()
    if event.person.public_identifier:
        identity |= Q(recipient__public_identifier=event.person.public_identifier)
    if not identity:
        return None
    rows = OutboundMessage.objects.filter(
        identity,
        sender=sender,
        action=SendAction.INVITE.value,
        state__in=[OutboundMessage.State.SENT, OutboundMessage.State.UNKNOWN],
    )
    found: OutboundMessage | None = rows.order_by("-created_at").first()
    if found is None:
        return None
    found.sender = sender
    if found.state == OutboundMessage.State.UNKNOWN:
        _close_uncertainty(found, "The two are connected.", outcome)
        outcomes.mark_sent(found, receipt=None, sent_at=event.occurred_at)
    return found


def _note_life(events: Sequence[BaseEvent], sender: SenderAccount, source: str) -> None:
    """Keep when an account was last heard of, which decides whether it has to be polled."""
    at = now()
    seen, inbound, silent_since = sender.last_webhook_at, sender.last_inbound_at, sender.webhooks_silent_since
    if source == ProviderEvent.Source.WEBHOOK and (seen is None or seen < at - WEBHOOK_SEEN_EVERY):
        seen = at
        if silent_since is not None:
            silent_since = None
            publish(WebhooksHeardAgain(sender=sender))
    for event in events:
        is_inbound = isinstance(event, MessageReceived) and event.direction is Direction.INBOUND
        if is_inbound and (inbound is None or inbound < event.occurred_at):
            inbound = event.occurred_at
    values = {"last_webhook_at": seen, "last_inbound_at": inbound, "webhooks_silent_since": silent_since}
    changed = {name: value for name, value in values.items() if value != getattr(sender, name)}
    if not changed:
        return
    SenderAccount.objects.filter(id=sender.id).update(**changed)

    def remember() -> None:
        for name, value in changed.items():
            setattr(sender, name, value)

    transaction.on_commit(remember)
