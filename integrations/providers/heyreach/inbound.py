"""HeyReach's calls as events (docs/providers/heyreach.md, section 5): snake case, event names in lower case."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from integrations.events import (
    CampaignStatusChanged,
    Event,
    InvitationSent,
    LeadCategorised,
    MessageReceived,
    Normalised,
    RelationCreated,
    text_digest,
)
from integrations.outreach.fields import first_moment, flag, mapping, moment, objects, text
from integrations.providers.heyreach import parse
from integrations.providers.heyreach.client import PROVIDER
from integrations.running import CampaignStatus, ProviderMessage
from integrations.values import Direction, MessageKind, Person, Raw

EVENTS: Final = (
    "CONNECTION_REQUEST_SENT",
    "CONNECTION_REQUEST_ACCEPTED",
    "MESSAGE_SENT",
    "INMAIL_SENT",
    # Repeats MESSAGE_REPLY_RECEIVED and INMAIL_REPLY_RECEIVED over all campaigns: one of them is enough.
    "EVERY_MESSAGE_REPLY_RECEIVED",
    "CAMPAIGN_COMPLETED",
    "LEAD_TAG_UPDATED",
)
#: Known, and not registered for by us; somebody may have done so by hand.
_UNUSED: Final = ("FOLLOW_SENT", "LIKED_POST", "VIEWED_PROFILE", "LEAD_FINISHED_SEQUENCE", "LEAD_AUTO_TAGGED")
_MESSAGES: Final = frozenset(
    {
        "MESSAGE_SENT",
        "INMAIL_SENT",
        "MESSAGE_REPLY_RECEIVED",
        "INMAIL_REPLY_RECEIVED",
        "EVERY_MESSAGE_REPLY_RECEIVED",
    }
)


def event_name(raw: Raw) -> str:
    """Return the event's name in capitals; calls without one are told by their messages."""
    word = raw.get("event_type") or raw.get("eventType")
    if isinstance(word, str) and word:
        return word.upper()
    messages = _messages(raw)
    if not messages:
        return ""
    return "EVERY_MESSAGE_REPLY_RECEIVED" if flag(messages[-1].get("is_reply")) else "MESSAGE_SENT"


def delivery_key(raw: Raw) -> str | None:
    """Return what makes a call the same as an earlier one."""
    correlation = text(raw, "correlation_id", "correlationId")
    if correlation:
        return f"{event_name(raw)}:{correlation}"
    newest = _messages(raw)[-1:]
    about = (
        _chat(raw),
        text(_lead(raw), "id", "profile_url"),
        text(mapping(raw.get("campaign")), "id"),
        text(mapping(raw.get("sender")), "id"),
        *(text(message, "creation_time", "creationTime") for message in newest),
        *(text_digest(text(message, "message")) for message in newest),
        text_digest(str(_lead(raw).get("tags"))) if "TAG" in event_name(raw).upper() else "",
    )
    # A time alone would make one call of two.
    return ":".join((event_name(raw), *about, text(raw, "timestamp"))) if any(about) else None


def _lead(raw: Raw) -> Raw:
    return mapping(raw.get("lead")) or mapping(raw.get("leadProfile"))


def _chat(raw: Raw) -> str:
    return text(raw, "conversation_id", "conversationId")


def _messages(raw: Raw) -> list[Raw]:
    """The messages of a call; the simplified spelling has one under ``message``."""
    listed = objects(raw.get("recent_messages")) or objects(raw.get("recentMessages"))
    single = mapping(raw.get("message"))
    if listed or not single:
        return listed
    word = raw.get("event_type") or raw.get("eventType")
    is_reply = "REPLY" in word.upper() if isinstance(word, str) else True
    time = text(single, "creation_time", "createdAt") or text(raw, "timestamp")
    return [{"creation_time": time, "message": text(single, "text", "message"), "is_reply": is_reply}]


def from_webhook(raw: Raw, *, received_at: datetime) -> Normalised:
    """Turn a call into events: of messages, one for each recent one. Asks nobody."""
    name = event_name(raw)
    at = first_moment(raw, "timestamp")
    sender = mapping(raw.get("sender"))
    common: dict[str, Any] = {
        "provider": PROVIDER,
        "account_id": text(sender, "id"),
        "raw_type": text(raw, "event_type", "eventType"),
        "raw": raw,
    }
    campaign_id = text(mapping(raw.get("campaign")), "id")
    if name in _MESSAGES:
        found = tuple(_received(raw, item, common, campaign_id, received_at) for item in _messages(raw))
        words = f"{name} has no messages."
        return Normalised(events=found) if found else Normalised(ignored=words, is_strange=True)
    timed = common | {"occurred_at": at or received_at, "time_is_exact": at is not None}
    event = _other(name, raw, timed, campaign_id)
    if event is None:
        words = f"Nothing is done about {name}." if name else "The call names no event."
        return Normalised(ignored=words, is_strange=not name.startswith(_UNUSED))
    return Normalised(events=(event,))


def _received(
    raw: Raw, item: Raw, common: dict[str, Any], campaign_id: str, received_at: datetime
) -> MessageReceived:
    at = first_moment(item, "creation_time", "creationTime")
    inbound = flag(item.get("is_reply", item.get("isReply"))) is True
    direction = Direction.INBOUND if inbound else Direction.OUTBOUND
    them, chat_id, body = parse.person(_lead(raw)), _chat(raw), text(item, "message")
    inmail = flag(raw.get("is_inmail")) is True
    kinds = {True: MessageKind.INMAIL_REPLY, False: MessageKind.INMAIL}
    return MessageReceived(
        **common,
        occurred_at=at or received_at,
        time_is_exact=at is not None,
        provider_message_id=parse.message_id(chat_id, at or received_at, direction.value, body),
        chat_id=chat_id,
        provider_chat_id=chat_id,
        campaign_id=campaign_id,
        direction=direction,
        raw_direction=f"is_reply={str(inbound).lower()}",
        direction_rule="is_sender",
        sender=them if inbound else Person(is_self=True),
        counterpart=them,
        text=body,
        message_kind=kinds[inbound] if inmail else MessageKind.MESSAGE,
    )


def _other(name: str, raw: Raw, timed: dict[str, Any], campaign_id: str) -> Event | None:
    them = parse.person(_lead(raw))
    is_person = bool(them.provider_id or them.public_identifier)
    if name == "CONNECTION_REQUEST_SENT" and is_person:
        note = text(raw, "connection_message")
        return InvitationSent(**timed, person=them, text=note, campaign_id=campaign_id)
    if name == "CONNECTION_REQUEST_ACCEPTED" and is_person:
        return RelationCreated(**timed, person=them)
    if name == "CAMPAIGN_COMPLETED" and campaign_id:
        status = CampaignStatus.COMPLETED
        return CampaignStatusChanged(**timed, campaign_id=campaign_id, status=status, raw_status=name)
    if name == "LEAD_TAG_UPDATED" and is_person:
        tags = _lead(raw).get("tags")
        words = [item if isinstance(item, str) else text(item, "name") for item in tags or [] if item]
        return LeadCategorised(
            **timed, person=them, category=", ".join(filter(None, words)), campaign_id=campaign_id
        )
    return None


def from_message(message: ProviderMessage, *, seen_at: datetime) -> Normalised:
    """Turn a polled message into the event that the webhook would have given, with the same key."""
    if message.direction is Direction.UNKNOWN:
        return Normalised(ignored="It is not said who wrote this.")
    inbound = message.direction is Direction.INBOUND
    kinds = {True: MessageKind.INMAIL_REPLY, False: MessageKind.INMAIL}
    event = MessageReceived(
        provider=PROVIDER,
        account_id=message.account_id,
        occurred_at=min(message.sent_at, seen_at),
        raw_type=message.raw_direction,
        raw=message.raw,
        provider_message_id=message.provider_message_id,
        chat_id=message.chat_id,
        provider_chat_id=message.provider_chat_id,
        campaign_id=message.campaign_id,
        lead_id=message.lead_id,
        sequence_step_number=message.sequence_step_number,
        direction=message.direction,
        raw_direction=message.raw_direction,
        direction_rule="is_sender",
        sender=message.person if inbound else Person(is_self=True),
        counterpart=message.person,
        text=message.text,
        subject=message.subject,
        message_kind=kinds[inbound] if message.is_inmail else MessageKind.MESSAGE,
    )
    return Normalised(events=(event,))


def moment_of(raw: Raw) -> datetime | None:
    """Return when a conversation was last written in."""
    return moment(raw.get("lastMessageAt"))
