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
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

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
from integrations.locks import lock_sender
from integrations.models import OutboundMessage, ProviderEvent, ProviderEventKey, SendAttempt, SenderAccount
from integrations.services import outcomes, receipts, senders
from integrations.services.adapters import with_message_ids
from integrations.values import Direction, MessageKind, SendAction, SendReceipt
from project.core.clock import now
from project.core.events import publish
from project.core.ids import uuid7
from project.core.rehearsal import rehearsal

#: An own message without known ids is only taken for an outbox row whose attempt began this shortly before
#: it.
ECHO_WINDOW: Final = timedelta(minutes=30)
#: Clocks differ: the network may date a message before our attempt.
ECHO_SLACK: Final = timedelta(minutes=2)
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
    event = storable(event)
    key = event.dedupe_key  # type: ignore[attr-defined]  # every event of the vocabulary has one
    with transaction.atomic():
        lock_sender(sender.id)
        known = ProviderEventKey.objects.filter(sender=sender, key=key).first()
        if known is not None:
            recorded = Recorded(False, known.event_id, _outcome_of(known.event_id))
            recorded = _retold(event, recorded, sender, source) if again else recorded
        else:
            recorded = _record(event, key, sender, source, delivery_id)
        _note_life(event, sender, source)
    _count(event, source, recorded)
    return recorded


def _count(event: BaseEvent, source: str, recorded: Recorded) -> None:
    if rehearsal() is None:
        metrics.EVENTS.labels(event.kind, source, str(recorded.new).lower()).inc()  # type: ignore[attr-defined]


def record_events(
    events: Sequence[BaseEvent],
    *,
    sender: SenderAccount,
    source: str,
    delivery_id: UUID | None = None,
    again: bool = False,
) -> list[Recorded]:
    """Record and apply several facts about ``sender`` in one transaction, in their order: all of them or none.

    As ``record_event`` one by one, with fewer statements: for calls that carry many.
    """
    stored = [storable(event) for event in events]
    keys = [event.dedupe_key for event in stored]  # type: ignore[attr-defined]
    found: list[Recorded] = []
    with transaction.atomic():
        lock_sender(sender.id)
        rows = ProviderEventKey.objects.filter(sender=sender, key__in=keys)
        known = dict(rows.values_list("key", "event_id"))
        told = ProviderEvent.objects.filter(id__in=known.values()).values_list("id", "outcome")
        outcomes_of = dict(told) if known else {}
        for event, key in zip(stored, keys, strict=True):
            if key in known:
                outcome = dict(outcomes_of.get(known[key]) or {})
                recorded = Recorded(False, known[key], outcome)
                recorded = _retold(event, recorded, sender, source) if again else recorded
            else:
                recorded = _record(event, key, sender, source, delivery_id)
                known[key], outcomes_of[recorded.event_id] = recorded.event_id, recorded.outcome
            found.append(recorded)
            _note_life(event, sender, source)
    for event, recorded in zip(stored, found, strict=True):
        _count(event, source, recorded)
    return found


def _record(
    event: BaseEvent, key: str, sender: SenderAccount, source: str, delivery_id: UUID | None
) -> Recorded:
    event_id = uuid7()
    # The lock makes the look-up above exact; the unique constraint holds even if somebody forgot the lock.
    ProviderEventKey.objects.create(sender=sender, key=key, event_id=event_id)
    outcome: dict[str, str] = {}
    outbound = _apply_here(event, sender, outcome)
    publish(
        ProviderEventRecorded(
            event=event, event_id=event_id, sender=sender, source=source, outcome=outcome, outbound=outbound
        )
    )
    ProviderEvent.objects.create(
        id=event_id,
        occurred_at=event.occurred_at,
        sender_id=sender.id,
        kind=event.kind,  # type: ignore[attr-defined]
        source=source,
        delivery_id=delivery_id,
        dedupe_key=key,
        payload=to_json(event),
        outcome=outcome,
    )
    return Recorded(True, event_id, outcome)


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
            outbound=outbound_of(event, sender) if isinstance(event, MessageEvent) else None,
        )
    )
    if outcome == known.outcome:
        return known
    ProviderEvent.objects.filter(id=known.event_id).update(outcome=outcome)
    return Recorded(False, known.event_id, outcome, rematched=True)


def _outcome_of(event_id: UUID) -> dict[str, str]:
    stored = ProviderEvent.objects.filter(id=event_id).values_list("outcome", flat=True).first()
    return dict(stored or {})


def storable(event: BaseEvent) -> BaseEvent:
    """Return ``event`` without what PostgreSQL cannot hold: NUL characters and halves of surrogate pairs."""
    data = to_json(event)
    cleaned = _cleaned(data)
    return event if cleaned == data else from_json(cleaned)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        if "\x00" in value:
            value = value.replace("\x00", "")
        # Halves of surrogate pairs cannot be encoded; whole characters pass through unchanged.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_cleaned(part) for part in value]
    return value


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
    outbound = outbound_of(event, sender)
    if outbound is None:
        return None
    outbound.sender = sender
    if isinstance(event, MessageReceived):
        _settle_by_echo(event, outbound, outcome)
    elif isinstance(event, _FATES):
        _settle_by_fate(event, outbound, outcome)
        if isinstance(event, MessageDelivered | MessageRead | MessageOpened):
            receipts.note(event, outbound)
        elif isinstance(event, MessageFailed) or (isinstance(event, MessageBounced) and event.is_permanent):
            _note_failure(event, outbound, outcome)
    return outbound


def outbound_of(event: MessageEvent, sender: SenderAccount) -> OutboundMessage | None:
    """Return the outbox row of the message that ``event`` is about, ``None`` if it is not one of ours.

    By either id; an own message that just appeared also by its text, for rows whose receipt had no ids or has
    not been stored yet.
    """
    rows = OutboundMessage.objects.filter(sender=sender)
    own = _own_id(event.send_id)
    if own is not None:
        echoed: OutboundMessage | None = rows.filter(id=own).first()
        if echoed is not None:
            return echoed
    if event.message_ids:
        found: OutboundMessage | None = rows.filter(with_message_ids(event.message_ids)).first()
        if found is not None:
            return found
    if isinstance(event, MessageReceived) and event.direction is Direction.OUTBOUND:
        return _by_text(event, rows)
    return None


def _own_id(text: str) -> UUID | None:
    """The outbox id that a provider gave back; it may be anything, for anybody may claim to be one."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _by_text(event: MessageReceived, rows: Any) -> OutboundMessage | None:
    """Find the row by its text among those whose receipt has no message id yet."""
    if not event.text.strip():
        return None
    if event.message_kind is MessageKind.INVITATION_NOTE:
        # The note shows up when the invitation is accepted, which may be weeks later.
        candidates = rows.filter(action=SendAction.INVITE.value, state=OutboundMessage.State.SENT)
    else:
        started = SendAttempt.objects.filter(
            started_at__gte=event.occurred_at - ECHO_WINDOW, started_at__lte=event.occurred_at + ECHO_SLACK
        )
        candidates = rows.filter(
            # Answers through a provider's thread have no id of ours in them, whatever the channel.
            Q(action__in=[SendAction.MESSAGE.value, SendAction.INMAIL.value]) | Q(payload__has_key="thread"),
            state__in=[
                OutboundMessage.State.SENDING,
                OutboundMessage.State.UNKNOWN,
                OutboundMessage.State.SENT,
            ],
            send_attempts__in=started,
        )
    candidates = candidates.filter(_same_chat(event), message_id="", provider_message_id="")
    text = _words(event.text)
    return next((row for row in candidates.order_by("created_at")[:50] if _words(row.body) == text), None)


def _words(text: str) -> str:
    return " ".join(text.split())


def _same_chat(event: MessageReceived) -> Q:
    chats = [part for part in (event.chat_id, event.provider_chat_id) if part]
    same = Q(recipient__chat_id__in=chats) | Q(chat_id__in=chats) | Q(provider_chat_id__in=chats)
    same |= Q(payload__thread__chat_id__in=chats)
    others = [event.counterpart, *event.participants] if not event.is_group else []
    ids = [person.provider_id for person in others if person and person.provider_id and not person.is_self]
    return same | Q(recipient__provider_id__in=ids) if ids else same


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


def _note_life(event: BaseEvent, sender: SenderAccount, source: str) -> None:
    """Keep when an account was last heard of, which decides whether it has to be polled."""
    fields = []
    at = now()
    if source == ProviderEvent.Source.WEBHOOK and (
        sender.last_webhook_at is None or sender.last_webhook_at < at - WEBHOOK_SEEN_EVERY
    ):
        sender.last_webhook_at = at
        fields.append("last_webhook_at")
        if sender.webhooks_silent_since is not None:
            sender.webhooks_silent_since = None
            fields.append("webhooks_silent_since")
            publish(WebhooksHeardAgain(sender=sender))
    is_inbound = isinstance(event, MessageReceived) and event.direction is Direction.INBOUND
    if is_inbound and (sender.last_inbound_at is None or sender.last_inbound_at < event.occurred_at):
        sender.last_inbound_at = event.occurred_at
        fields.append("last_inbound_at")
    if fields:
        SenderAccount.objects.filter(id=sender.id).update(**{name: getattr(sender, name) for name in fields})
