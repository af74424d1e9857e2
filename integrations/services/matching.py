"""Which of our sends a fact is about. The caller holds the account's lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from integrations.events import MessageEvent, MessageReceived
from integrations.mail.replies import new_text
from integrations.models import OutboundMessage, SendAttempt, SenderAccount
from integrations.services.adapters import with_message_ids
from integrations.values import Direction, MessageKind, SendAction
from project.core.db.bulk import any_of

#: An own message without known ids is only taken for an outbox row whose attempt began this shortly before
#: it.
ECHO_WINDOW: Final = timedelta(minutes=30)
#: Clocks differ: the network may date a message before our attempt.
ECHO_SLACK: Final = timedelta(minutes=2)


def outbounds_of(events: Sequence[MessageEvent], sender: SenderAccount) -> list[OutboundMessage | None]:
    """Return the outbox row of each event's message by either id, ``None`` if it is not one of ours.

    Events about one message get the same instance. Two statements, however many events there are.
    """
    rows = OutboundMessage.objects.filter(sender=sender)
    own = {own_id for event in events if (own_id := _own_id(event.send_id)) is not None}
    by_own: dict[UUID, OutboundMessage] = (
        {row.id: row for row in rows.filter(id__in=any_of(own))} if own else {}
    )
    rest = frozenset().union(
        *(event.message_ids for event in events if _own_id(event.send_id) not in by_own), frozenset()
    )
    by_ids: dict[str, OutboundMessage] = {}
    for row in rows.filter(with_message_ids(rest)).order_by("id") if rest else ():
        same = by_own.get(row.id, row)
        for known in filter(None, (row.message_id, row.provider_message_id)):
            by_ids.setdefault(known, same)
    found: list[OutboundMessage | None] = []
    for event in events:
        own_id = _own_id(event.send_id)
        outbound = by_own.get(own_id) if own_id is not None else None
        if outbound is None:
            told = [by_ids[known] for known in event.message_ids if known in by_ids]
            outbound = min(told, key=lambda row: row.id, default=None)
        if outbound is not None:
            outbound.sender = sender
        found.append(outbound)
    return found


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
    # Of mails comes back what was newly written: without the signature and what they quote.
    return next(
        (
            row
            for row in candidates.order_by("created_at")[:50]
            if text in {_words(row.body), _words(new_text(row.body))}
        ),
        None,
    )


def _same_chat(event: MessageReceived) -> Q:
    chats = [part for part in (event.chat_id, event.provider_chat_id) if part]
    same = Q(recipient__chat_id__in=chats) | Q(chat_id__in=chats) | Q(provider_chat_id__in=chats)
    same |= Q(payload__thread__chat_id__in=chats)
    others = [event.counterpart, *event.participants] if not event.is_group else []
    ids = [person.provider_id for person in others if person and person.provider_id and not person.is_self]
    return same | Q(recipient__provider_id__in=ids) if ids else same


def _words(text: str) -> str:
    return " ".join(text.split())
