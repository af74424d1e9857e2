"""What happened, as events: from webhooks and from listed messages, with the same keys either way.

Calls carry no time of their own, so that events from them are dated by their receipt. Status callbacks come in any
order; only those that end something are events. Facts: docs/providers/twilio.md, sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

from integrations import events
from integrations.base import CALLED_QUERY, MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import BaseEvent, Normalised
from integrations.providers.twilio import errors, parse
from integrations.providers.twilio.fields import PROVIDER, SERVICE_PREFIX, moment, number, text
from integrations.values import Attachment, Direction, Person, Raw

_UNDER_WAY: Final = frozenset({"accepted", "scheduled", "queued", "sending", "sent", "partially_delivered"})
_FAILED: Final = frozenset({"failed", "undelivered", "canceled"})
_MAX_MEDIA: Final = 10


def status_of(raw: Raw) -> str:
    """Return the status that a call reports, in lower case."""
    return text(raw, "MessageStatus", "SmsStatus").lower()


def is_inbound(raw: Raw) -> bool:
    """Say whether a call brings a message, rather than the fate of one of ours."""
    return status_of(raw) in {"received", "receiving"} or ("Body" in raw and "MessageStatus" not in raw)


def event_name(raw: Raw) -> str:
    """Return a name for the list of deliveries; Twilio's calls have none."""
    if not message_sid(raw):
        return ""
    return "message.received" if is_inbound(raw) else f"message.{status_of(raw) or 'unknown'}"


def message_sid(raw: Raw) -> str:
    """Return the id of the message that a call is about."""
    return text(raw, "MessageSid", "SmsSid", "SmsMessageSid")


def delivery_key(raw: Raw) -> str | None:
    """Return what makes two calls the same: the message and what is said about it."""
    sid = message_sid(raw)
    if not sid:
        return None
    if is_inbound(raw):
        return events.dedupe_key("received", sid)
    return events.dedupe_key("status", sid, status_of(raw), text(raw, "ErrorCode"))


def from_webhook(
    raw: Raw, *, headers: Mapping[str, str], received_at: datetime, knowledge: MessageKnowledge
) -> Normalised:
    """Turn a call into events. Raises ``ProviderError`` of kind ``validation`` if it is incomplete."""
    sid = message_sid(raw)
    ours, theirs = (text(raw, "To"), text(raw, "From")) if is_inbound(raw) else (
        text(raw, "From"), text(raw, "To")
    )  # fmt: skip
    if not sid or not (ours or theirs):
        raise ProviderError(
            ErrorKind.VALIDATION, "The call names no message.", provider=PROVIDER, raw_type="incomplete"
        )
    if ":" in ours or ":" in theirs:
        return Normalised(ignored=f"{(theirs or ours).split(':')[0].capitalize()} messages are not used.")
    account_id = account_of(ours, text(raw, "MessagingServiceSid"), sid, knowledge)
    envelope: dict[str, Any] = {
        "provider": PROVIDER,
        "account_id": account_id,
        "occurred_at": received_at,
        "time_is_exact": False,
        "raw_type": event_name(raw),
        "raw": raw,
        "message_id": sid,
        "provider_message_id": sid,
        "chat_id": parse.chat_id(account_id, theirs),
    }
    if is_inbound(raw):
        return _received(raw, envelope, theirs)
    sent = parse_qs(_header(headers, CALLED_QUERY)).get("send_id", [""])[0]
    return fate(
        envelope | {"send_id": sent},
        status_of(raw),
        theirs,
        text(raw, "ErrorCode"),
        text(raw, "ErrorMessage"),
    )


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def account_of(ours: str, service_sid: str, sid: str, knowledge: MessageKnowledge) -> str:
    """Return which of our accounts a message belongs to: the number's, the service's, or whoever sent it."""
    if ours and (known := knowledge.account_of_address(ours)):
        return known
    if service_sid and knowledge.own_user_ids(service_sid):
        return service_sid
    return knowledge.account_of_message(frozenset({sid})) or ours or service_sid


def _received(raw: Raw, envelope: dict[str, Any], theirs: str) -> Normalised:
    """Read a message of theirs. Where Twilio itself took it for an opt-out, that is a fact of its own."""
    person = Person(provider_id=theirs, phone=theirs)
    found: list[BaseEvent] = [
        events.MessageReceived(
            **envelope,
            direction=Direction.INBOUND,
            raw_direction="inbound",
            direction_rule="own_number",
            sender=person,
            counterpart=person,
            text=text(raw, "Body"),
            attachments=_attachments(raw),
        )
    ]
    if text(raw, "OptOutType").upper() == "STOP":
        found.append(events.Unsubscribed(**envelope, recipient=theirs, how="keyword"))
    return Normalised.model_validate({"events": tuple(found)})


def _attachments(raw: Raw) -> tuple[Attachment, ...]:
    """Read the media of a call: numbered fields."""
    found = []
    for index in range(min(number(raw, "NumMedia"), _MAX_MEDIA)):
        url = text(raw, f"MediaUrl{index}")
        kind = text(raw, f"MediaContentType{index}")
        found.append(
            Attachment(
                attachment_id=url.rstrip("/").rpartition("/")[2] or str(index),
                kind=kind.partition("/")[0] or "file",
                mime_type=kind,
                url=url,
                unavailable=not url,
            )
        )
    return tuple(found)


def fate(envelope: dict[str, Any], status: str, theirs: str, code: str, said: str) -> Normalised:
    """Read what became of a message of ours."""
    if status == "delivered":
        return Normalised(events=(events.MessageDelivered(**envelope),))
    if status == "read":
        reader = Person(provider_id=theirs, phone=theirs)
        return Normalised(events=(events.MessageRead(**envelope, reader=reader),))
    if status in _UNDER_WAY:
        return Normalised(ignored=f"The message is on its way ({status}).")
    if status not in _FAILED:
        words = f"Status {status!r} is not used." if status else "The call tells no status."
        return Normalised(ignored=words, is_strange=True)
    rule = errors.rule_for(code)
    reason = (rule.message if rule else said) or f"Twilio reports: {status}."
    found: list[BaseEvent] = [
        events.MessageFailed(
            **envelope,
            recipient=theirs,
            code=code,
            reason=f"{reason} (error {code})" if code else reason,
            category=rule.category if rule else "unclassified",
        )
    ]
    if code == errors.OPTED_OUT:
        found.append(events.Unsubscribed(**envelope, recipient=theirs, how="provider"))
    return Normalised.model_validate({"events": tuple(found)})


def from_record(raw: Raw, *, account_id: str) -> Normalised:
    """Turn a listed message of theirs into the events that the webhook would have brought."""
    sid, theirs = text(raw, "sid"), text(raw, "from")
    at = moment(raw.get("date_sent")) or moment(raw.get("date_created"))
    if not sid or not theirs or at is None or text(raw, "direction") != "inbound":
        return Normalised(ignored="It is no message of theirs.")
    person = Person(provider_id=theirs, phone=theirs)
    event = events.MessageReceived(
        provider=PROVIDER,
        account_id=account_id,
        occurred_at=at,
        raw_type="Message",
        raw=raw,
        message_id=sid,
        provider_message_id=sid,
        chat_id=parse.chat_id(account_id, theirs),
        direction=Direction.INBOUND,
        raw_direction="inbound",
        direction_rule="own_number",
        sender=person,
        counterpart=person,
        text=text(raw, "body"),
        attachments=tuple(
            Attachment(attachment_id=f"{sid}.{index}", unavailable=True)
            for index in range(min(number(raw, "num_media"), _MAX_MEDIA))
        ),
    )
    return Normalised(events=(event,))


def is_service(account_id: str) -> bool:
    """Say whether an account is a messaging service rather than a number."""
    return account_id.startswith(SERVICE_PREFIX)
