"""What happened, as events: from webhooks and from polled records, with the same keys either way.

Facts: docs/providers/unipile.md, section 6. The payload of read, delivered, edited and deleted events is not
documented; they are read by the common envelope and by whatever ids they carry.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from integrations import events
from integrations.base import MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import BaseEvent, Normalised
from integrations.providers.unipile import parse
from integrations.providers.unipile.direction import Decision, decide
from integrations.providers.unipile.fields import (
    PROVIDER,
    account_status,
    flag,
    mapping,
    moment,
    objects,
    text,
)
from integrations.values import (
    AccountStatus,
    Chat,
    ChatMessage,
    Direction,
    Distance,
    MessageKind,
    Person,
    Raw,
    Relation,
)

Lookup = Callable[[str, str], Raw | None]
"""(account id, message id) -> the provider's record of the message, ``None`` if it has none."""

_MESSAGE_EVENTS: Final = frozenset(
    {
        "message_received",
        "message_read",
        "message_delivered",
        "message_reaction",
        "message_edited",
        "message_deleted",
    }
)


def event_name(raw: Raw) -> str:
    """Return the vendor's name of a webhook's event; account status calls have no name of their own."""
    status = mapping(raw.get("AccountStatus"))
    if status:
        return f"account_status.{text(status, 'message').lower()}"
    return text(raw, "event")


def delivery_key(raw: Raw) -> str | None:
    """Return what makes two calls the same, or ``None`` if equal calls are news each time.

    The same account status comes again in the same words weeks later and means something then. A message's id
    alone is never enough: its read receipt has the same.
    """
    name = event_name(raw)
    if name in _MESSAGE_EVENTS:
        message_ids = text(raw, "provider_message_id"), text(raw, "message_id")
        if not any(message_ids):
            return None
        reactor = mapping(raw.get("reaction_sender"))
        return events.dedupe_key(
            name,
            text(raw, "account_id"),
            *message_ids,
            text(raw, "reaction"),
            text(reactor, "attendee_provider_id", "provider_id"),
            events.text_digest(text(raw, "message")) if name == "message_edited" else "",
        )
    if name == "new_relation":
        return events.dedupe_key(
            name, text(raw, "account_id"), text(raw, "user_provider_id", "user_public_identifier")
        )
    return None


def from_webhook(
    raw: Raw, *, received_at: datetime, knowledge: MessageKnowledge, look_up: Lookup
) -> Normalised:
    """Turn a webhook's object into events. Raises ``ProviderError`` of kind ``validation`` if it is
    incomplete.
    """
    name = event_name(raw)
    if name.startswith("account_status."):
        return _account_status(raw, received_at)
    network = text(raw, "account_type").upper()
    if network not in {"", "LINKEDIN"}:
        return Normalised(ignored=f"{network.capitalize()} accounts are not used.")
    if name in _MESSAGE_EVENTS:
        return _message_event(name, raw, received_at, knowledge, look_up)
    if name == "new_relation":
        return _new_relation(raw, received_at)
    words = f"Event {name!r} is not known." if name else "The call names no event."
    return Normalised(ignored=words, is_strange=True)


def _incomplete(what: str) -> ProviderError:
    return ProviderError(
        ErrorKind.VALIDATION, f"The call has no {what}.", provider=PROVIDER, raw_type="incomplete"
    )


def _envelope(raw: Raw, received_at: datetime) -> dict[str, Any]:
    """Return the fields of ``BaseEvent``."""
    account_id = text(raw, "account_id")
    if not account_id:
        raise _incomplete("account id")
    occurred_at = moment(raw.get("timestamp"))
    return {
        "provider": PROVIDER,
        "account_id": account_id,
        "occurred_at": occurred_at or received_at,
        "time_is_exact": occurred_at is not None,
        "raw_type": event_name(raw),
        "raw": raw,
    }


def _account_status(raw: Raw, received_at: datetime) -> Normalised:
    """Read an account status. Calls are unordered: re-read the account before acting on bad news."""
    told = mapping(raw["AccountStatus"])
    word = text(told, "message")
    status: AccountStatus | None = account_status(word)
    if word.upper() == "SYNC_SUCCESS":
        # It says that the history is in, possibly late and twice, not how the account is now.
        status = None
    envelope = _envelope(told, received_at) | {"raw_type": event_name(raw), "raw": raw}
    if not word:
        raise _incomplete("status")
    return Normalised(events=(events.AccountStatusChanged(**envelope, status=status, raw_status=word),))


def _new_relation(raw: Raw, received_at: datetime) -> Normalised:
    """Read a new connection. The call carries no invitation id and often no time."""
    someone = parse.person(raw)
    if not someone.provider_id and not someone.public_identifier:
        raise _incomplete("person")
    return Normalised(events=(events.RelationCreated(**_envelope(raw, received_at), person=someone),))


def _message_event(
    name: str, raw: Raw, received_at: datetime, knowledge: MessageKnowledge, look_up: Lookup
) -> Normalised:
    """Read any event about a message."""
    envelope = _envelope(raw, received_at) | {
        "message_id": text(raw, "message_id", "id"),
        "provider_message_id": text(raw, "provider_message_id"),
        "chat_id": text(raw, "chat_id"),
        "provider_chat_id": text(raw, "provider_chat_id"),
    }
    if not envelope["message_id"] and not envelope["provider_message_id"]:
        raise _incomplete("message id")
    event: BaseEvent
    match name:
        case "message_received":
            return _message_received(raw, envelope, knowledge, look_up)
        case "message_read":
            event = events.MessageRead(**envelope, reader=parse.person(mapping(raw.get("sender"))))
        case "message_delivered":
            event = events.MessageDelivered(**envelope)
        case "message_reaction":
            if not text(raw, "reaction"):
                return Normalised(ignored="The reaction is empty: it was taken back.")
            event = events.MessageReaction(
                **envelope,
                reaction=text(raw, "reaction"),
                reactor=parse.person(mapping(raw.get("reaction_sender") or raw.get("sender"))),
            )
        case "message_edited":
            event = events.MessageEdited(**envelope, text=text(raw, "message", "text"))
        case _:
            event = events.MessageDeleted(**envelope)
    return Normalised(events=(event,))


def _message_received(
    raw: Raw, envelope: dict[str, Any], knowledge: MessageKnowledge, look_up: Lookup
) -> Normalised:
    """Read a message, settle its direction and find the other side."""
    if flag(raw.get("is_event")):
        return Normalised(ignored="A system line (call, member joined), not a message.")
    account_id = envelope["account_id"]
    info = mapping(raw.get("account_info"))
    own_ids = knowledge.own_user_ids(account_id) | frozenset(filter(None, (text(info, "user_id"),)))
    sender = parse.person(mapping(raw.get("sender")))
    decision = _direction(raw, envelope, sender, own_ids, knowledge, look_up)
    people = {
        someone.provider_id or someone.name: someone
        for someone in (
            *(parse.person(item) for item in objects(raw.get("attendees"))),
            *(parse.person(item) for item in objects(raw.get("participants"))),
            sender,
        )
        if someone.provider_id or someone.name
    }
    is_group = flag(raw.get("is_group")) or False
    if decision.direction is Direction.OUTBOUND:
        own_ids = own_ids | frozenset(filter(None, (sender.provider_id,)))
    other = parse.counterpart(list(people.values()), own_ids, is_group=is_group)
    if other is None and decision.direction is Direction.INBOUND and not is_group and sender.provider_id:
        other = sender
    kind, raw_kind = parse.message_kind(raw)
    event = events.MessageReceived(
        **envelope,
        direction=decision.direction,
        raw_direction=decision.raw,
        direction_rule=decision.rule,
        sender=sender,
        counterpart=other,
        participants=tuple(people.values()),
        text=text(raw, "message", "text"),
        subject=text(raw, "subject"),
        message_kind=kind,
        raw_message_kind=raw_kind,
        is_group=is_group,
        attachments=parse.attachments(raw.get("attachments")),
        feature=text(info, "feature"),
    )
    return Normalised(events=(event,))


def _direction(
    raw: Raw,
    envelope: dict[str, Any],
    sender: Person,
    own_ids: frozenset[str],
    knowledge: MessageKnowledge,
    look_up: Lookup,
) -> Decision:
    account_id, message_id = envelope["account_id"], envelope["message_id"]
    ids = frozenset(filter(None, (message_id, envelope["provider_message_id"])))

    def ask_provider() -> Any:
        stored = look_up(account_id, message_id) if message_id else None
        return (stored or {}).get("is_sender")

    return decide(
        is_sender=raw.get("is_sender"),
        sender_id=sender.provider_id,
        sender_distance=sender.distance,
        own_ids=own_ids,
        sent_by_us=lambda: knowledge.sent_by_us(account_id, ids),
        look_up=ask_provider,
    )


def from_message(message: ChatMessage, *, chat: Chat | None = None) -> Normalised:
    """Turn a polled message into the events that the webhooks would have brought."""
    if message.hidden or message.kind is MessageKind.SYSTEM:
        return Normalised(ignored="A system line or hidden message.")
    ids: dict[str, Any] = {
        "provider": PROVIDER,
        "account_id": message.account_id,
        "occurred_at": message.sent_at,
        "raw_type": text(message.raw, "object") or "Message",
        "raw": message.raw,
        "message_id": message.message_id,
        "provider_message_id": message.provider_message_id,
        "chat_id": message.chat_id or (chat.chat_id if chat else ""),
        "provider_chat_id": message.provider_chat_id or (chat.provider_chat_id if chat else ""),
    }
    is_group = bool(chat and chat.is_group)
    other = Person(provider_id=chat.counterpart_id) if chat and chat.counterpart_id and not is_group else None
    if other is None and message.direction is Direction.INBOUND and not is_group:
        other = message.sender
    found: list[BaseEvent] = [
        events.MessageReceived(
            **ids,
            direction=message.direction,
            raw_direction=message.raw_direction,
            direction_rule=message.direction_rule,
            sender=message.sender,
            counterpart=other,
            text=message.text,
            subject=message.subject,
            message_kind=message.kind,
            raw_message_kind=message.raw_kind,
            is_group=is_group,
            attachments=message.attachments,
        )
    ]
    # The record says that these happened, not when.
    later = ids | {"time_is_exact": False}
    if message.direction is Direction.OUTBOUND:
        if message.delivered:
            found.append(events.MessageDelivered(**later))
        if message.seen:
            found.append(events.MessageRead(**later, reader=other or Person()))
    found += [
        events.MessageReaction(
            **later, reaction=item.value, reactor=Person(provider_id=item.sender_provider_id)
        )
        for item in message.reactions
        if item.value
    ]
    if message.edited:
        found.append(events.MessageEdited(**later, text=message.text))
    if message.deleted:
        found.append(events.MessageDeleted(**later))
    return Normalised.model_validate({"events": tuple(found)})


def from_relation(relation: Relation, *, account_id: str, seen_at: datetime) -> Normalised:
    """Turn a polled connection into the event that the webhook would have brought."""
    someone = Person(
        provider_id=relation.provider_id,
        name=f"{relation.first_name} {relation.last_name}".strip(),
        public_identifier=relation.public_identifier,
        member_urn=relation.member_urn,
        profile_url=relation.profile_url,
        headline=relation.headline,
        distance=Distance.FIRST,
    )
    event = events.RelationCreated(
        provider=PROVIDER,
        account_id=account_id,
        occurred_at=relation.connected_at or seen_at,
        time_is_exact=relation.connected_at is not None,
        raw_type=text(relation.raw, "object") or "UserRelation",
        raw=relation.raw,
        person=someone,
    )
    return Normalised(events=(event,))
