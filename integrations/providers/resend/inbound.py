"""What happened, as events (docs/providers/resend.md, section 4).

An event names the e-mail by Resend's id and, by the tag that we sent along, by ours. It does not say which recipient
it is about: we send to one only. Openings come without address or program, so machines cannot be told from people.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from integrations import events
from integrations.base import MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import BaseEvent, Normalised
from integrations.providers.resend.fields import PROVIDER, addresses, mapping, moment, tags, text
from integrations.values import Raw

SEND_ID_TAG: Final = "send_id"
_CATEGORIES: Final = {
    "NoEmail": "invalid_address",
    "MailboxFull": "mailbox",
    "General": "unclassified",
    "Undetermined": "unclassified",
    "MessageTooLarge": "content",
    "ContentRejected": "content",
    "AttachmentRejected": "content",
}
_UNDER_WAY: Final = frozenset({"email.sent", "email.scheduled"})
#: Known, and about nothing that we sent.
_UNUSED: Final = ("email.received", "contact.", "domain.")


def event_name(raw: Raw) -> str:
    """Return the vendor's name of an event."""
    return text(raw, "type")


def delivery_key(raw: Raw) -> str | None:
    """Return what makes two calls the same: one event of one e-mail at one instant."""
    data = mapping(raw.get("data"))
    parts = event_name(raw), text(data, "email_id", "id"), text(raw, "created_at")
    if not all(parts):
        return None
    link = text(mapping(data.get("click")), "link")
    return events.dedupe_key(*parts, events.text_digest(link) if link else "")


def from_webhook(raw: Raw, *, received_at: datetime, knowledge: MessageKnowledge) -> Normalised:
    """Turn a call into events. Raises ``ProviderError`` of kind ``validation`` if it is incomplete."""
    name, data = event_name(raw), mapping(raw.get("data"))
    build = _EVENTS.get(name)
    if build is None:
        if name in _UNDER_WAY:
            return Normalised(ignored="The e-mail is on its way.")
        words = f"Event {name!r} is not used." if name else "The call names no event."
        return Normalised(ignored=words, is_strange=not name.startswith(_UNUSED))
    email_id = text(data, "email_id")
    if not email_id:
        raise ProviderError(
            ErrorKind.VALIDATION, "The call names no e-mail.", provider=PROVIDER, raw_type="incomplete"
        )
    occurred_at = moment(raw.get("created_at"))
    envelope: dict[str, Any] = {
        "provider": PROVIDER,
        "account_id": _account(data, email_id, knowledge),
        "occurred_at": occurred_at or received_at,
        "time_is_exact": occurred_at is not None,
        "raw_type": name,
        "raw": raw,
        "message_id": email_id,
        "send_id": tags(data.get("tags")).get(SEND_ID_TAG, ""),
    }
    return Normalised.model_validate({"events": (build(envelope, data),)})


def _account(data: Raw, email_id: str, knowledge: MessageKnowledge) -> str:
    sender = (addresses(data.get("from")) or [""])[0]
    known = knowledge.account_of_address(sender) if sender else ""
    return known or knowledge.account_of_message(frozenset({email_id})) or sender or "unknown"


def _recipient(data: Raw) -> str:
    return (addresses(data.get("to")) or [""])[0]


def _delivered(envelope: dict[str, Any], data: Raw) -> BaseEvent:
    del data
    return events.MessageDelivered(**envelope)


def _opened(envelope: dict[str, Any], data: Raw) -> BaseEvent:
    del data
    return events.MessageOpened(**envelope)


def _clicked(envelope: dict[str, Any], data: Raw) -> BaseEvent:
    click = mapping(data.get("click"))
    return events.LinkClicked(**envelope, url=text(click, "link"), user_agent=text(click, "userAgent"))


def _bounced(envelope: dict[str, Any], data: Raw) -> BaseEvent:
    bounce = mapping(data.get("bounce"))
    said = bounce.get("diagnosticCode")
    diagnostic = next((line for line in said if isinstance(line, str)), "") if isinstance(said, list) else ""
    return events.MessageBounced(
        **envelope,
        is_permanent=text(bounce, "type") == "Permanent",
        category=_CATEGORIES.get(text(bounce, "subType"), "unclassified"),
        recipient=_recipient(data),
        code=text(bounce, "subType"),
        reason=" ".join(filter(None, [text(bounce, "message"), diagnostic])),
    )


def _delayed(envelope: dict[str, Any], data: Raw) -> BaseEvent:
    return events.MessageBounced(
        **envelope,
        is_permanent=False,
        category="deferred",
        recipient=_recipient(data),
        reason="The receiving server asked to come back later.",
    )


def _failed(envelope: dict[str, Any], data: Raw) -> BaseEvent:
    reason = text(mapping(data.get("failed")), "reason")
    return events.MessageFailed(
        **envelope,
        recipient=_recipient(data),
        code=reason,
        reason=f"Resend did not send it: {reason or 'no reason'}.",
    )


def _suppressed(envelope: dict[str, Any], data: Raw) -> BaseEvent:
    found = mapping(data.get("suppressed"))
    why = text(found, "reason").replace("_", " ")
    return events.MessageFailed(
        **envelope,
        recipient=_recipient(data),
        code=text(found, "reason", "type"),
        reason=text(found, "message") or f"Resend does not write to this address ({why or 'suppressed'}).",
        category="suppressed",
    )


def _complained(envelope: dict[str, Any], data: Raw) -> BaseEvent:
    return events.SpamComplained(**envelope, recipient=_recipient(data))


_EVENTS: Final[dict[str, Callable[[dict[str, Any], Raw], BaseEvent]]] = {
    "email.delivered": _delivered,
    "email.opened": _opened,
    "email.clicked": _clicked,
    "email.bounced": _bounced,
    "email.delivery_delayed": _delayed,
    "email.failed": _failed,
    "email.suppressed": _suppressed,
    "email.complained": _complained,
}
