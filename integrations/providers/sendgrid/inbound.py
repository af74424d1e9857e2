"""Event Webhook batches as events (docs/providers/sendgrid.md, section 3).

A batch is a JSON array in no promised order, with duplicates; events are put in the order of their times, and
``sg_event_id`` or the message's id makes the duplicates one fact. Entries of mail that was not sent from here
(no account among the custom arguments, and no message of ours) tell nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from integrations import events
from integrations.base import MessageKnowledge
from integrations.events import Event, Normalised
from integrations.mail.headers import short_id
from integrations.providers.sendgrid.fields import (
    ACCOUNT_ARG,
    PROVIDER,
    SEND_ID_ARG,
    TO_ARG,
    digest_of,
    load,
    malformed,
    message_ref,
    moment,
    objects,
    text,
)
from integrations.values import Raw

BATCH: Final = "events"
"""Name of a call with several events."""
_NAME: Final = re.compile(rb'"event"\s*:\s*"([A-Za-z_]{1,40})"')
#: What programs that follow links call themselves; SendGrid itself filters none of them.
_SCANNERS: Final = re.compile(
    r"bot\b|crawler|spider|scan|barracuda|proofpoint|mimecast|safelinks|headless|python-|curl/|wget/|"
    r"java/|go-http-client|okhttp|libwww|httpclient|urlcheck|linkcheck|preview",
    re.IGNORECASE,
)
#: Start of ``bounce_classification``, lower case -> our word.
_CLASSES: Final = {
    "invalid": "invalid_address",
    "mailbox": "mailbox",
    "content": "content",
    "reputation": "reputation",
    "frequency": "frequency",
    "technical": "technical",
}
#: Start of a drop's reason, lower case -> our word.
_DROPS: Final = {
    "unsubscribed": "suppressed",
    "bounced": "suppressed",
    "spam report": "suppressed",
    "spam content": "content",
    "invalid smtpapi": "unclassified",
    "invalid": "invalid_address",
    "recipient list over": "blocked",
}


def call_name(body: bytes) -> str:
    """Return the event's name of a call with one event, ``events`` for several. Looks at the bytes only."""
    found = _NAME.search(body)
    if found is None:
        return ""
    return BATCH if _NAME.search(body, found.end()) else found.group(1).decode()


def batch_key(body: bytes) -> str:
    """Return the identity of a call: the same bytes are the same batch. Its events have keys of their own."""
    return f"{BATCH}:{hashlib.sha256(body).hexdigest()}"


def from_batch(body: bytes, *, received_at: datetime, knowledge: MessageKnowledge) -> Normalised:
    """Turn a call into events, oldest first. Raises ``ProviderError`` of kind ``validation`` if it is no batch;
    an entry that cannot be read does not take the others with it.
    """
    data = load(body)
    if isinstance(data, dict):
        data = [data]
    if not isinstance(data, list):
        raise malformed("The call is no list of events.")
    found: list[Event] = []
    reasons: list[str] = []
    for raw in objects(data):
        event = _event(raw, received_at, knowledge)
        if isinstance(event, str):
            reasons.append(event)
        else:
            found.append(event)
    is_strange = any(_is_strange(raw) for raw in objects(data))
    if found:
        in_order = tuple(sorted(found, key=lambda event: event.occurred_at))
        return Normalised(events=in_order, is_strange=is_strange)
    return Normalised(ignored=_ignored(reasons), is_strange=is_strange)


def _is_strange(raw: Raw) -> bool:
    """Whether an entry names no event that is known; those of the account's family are, and are none of ours."""
    name = text(raw, "event")
    return not name or not (name in _READERS or name in _UNUSED or name.startswith("account_"))


def _ignored(reasons: list[str]) -> str:
    """Say once what is said of all entries."""
    return " ".join(dict.fromkeys(reasons)) or "The call holds no event."


def _event(raw: Raw, received_at: datetime, knowledge: MessageKnowledge) -> Event | str:
    """Return the event of an entry, or why there is none."""
    name = text(raw, "event")
    read = _READERS.get(name)
    if read is None:
        return _UNUSED.get(name) or f"Event {name[:40]!r} is not used."
    vendor_id, smtp_id = message_ref(text(raw, "sg_message_id")), short_id(text(raw, "smtp-id"))
    ids = frozenset(filter(None, (vendor_id, smtp_id)))
    account_id = text(raw, ACCOUNT_ARG) or knowledge.account_of_message(ids)
    if not account_id:
        return "It is about mail that was not sent from here."
    if text(raw, TO_ARG) not in {"", digest_of(_recipient(raw))}:
        return "It is about somebody who got a copy."
    occurred_at = moment(raw.get("timestamp"))
    envelope = {
        "provider": PROVIDER,
        "account_id": account_id,
        "occurred_at": occurred_at or received_at,
        "time_is_exact": occurred_at is not None,
        "raw_type": name,
        "raw": raw,
        "message_id": vendor_id,
        "provider_message_id": smtp_id,
        "send_id": text(raw, SEND_ID_ARG),
    }
    return read(raw, envelope)


def _recipient(raw: Raw) -> str:
    return text(raw, "email").strip().lower()


def _delivered(raw: Raw, envelope: dict[str, Any]) -> Event:
    return events.MessageDelivered(**envelope)


def _deferred(raw: Raw, envelope: dict[str, Any]) -> Event:
    return events.MessageBounced(
        **envelope,
        is_permanent=False,
        category="deferred",
        recipient=_recipient(raw),
        code=text(raw, "status"),
        reason=text(raw, "response", "reason"),
        vendor_event_id=text(raw, "sg_event_id"),
    )


def _bounce(raw: Raw, envelope: dict[str, Any]) -> Event:
    """``type`` is ``bounce`` (for good, also reported hours after the delivery), ``blocked`` (this one message
    was refused) or ``expired`` (given up after 72 hours).
    """
    kind = text(raw, "type").lower()
    said = text(raw, "bounce_classification").lower()
    category = next((word for start, word in _CLASSES.items() if said.startswith(start)), "unclassified")
    if kind == "expired" and category == "unclassified":
        category = "deferred"
    return events.MessageBounced(
        **envelope,
        is_permanent=kind not in {"blocked", "expired"},
        category=category,
        recipient=_recipient(raw),
        code=text(raw, "status"),
        reason=text(raw, "reason"),
        vendor_event_id=text(raw, "sg_event_id"),
    )


def _dropped(raw: Raw, envelope: dict[str, Any]) -> Event:
    said = text(raw, "reason").lower()
    return events.MessageFailed(
        **envelope,
        recipient=_recipient(raw),
        code=text(raw, "status"),
        reason=text(raw, "reason"),
        category=next((word for start, word in _DROPS.items() if said.startswith(start)), "unclassified"),
    )


def _open(raw: Raw, envelope: dict[str, Any]) -> Event:
    agent = text(raw, "useragent")
    return events.MessageOpened(
        **envelope,
        is_machine=raw.get("sg_machine_open") in (True, "true", 1) or _is_scanner(agent),
        user_agent=agent,
        vendor_event_id=text(raw, "sg_event_id"),
    )


def _click(raw: Raw, envelope: dict[str, Any]) -> Event:
    agent = text(raw, "useragent")
    return events.LinkClicked(
        **envelope,
        url=text(raw, "url"),
        is_machine=_is_scanner(agent),
        user_agent=agent,
        vendor_event_id=text(raw, "sg_event_id"),
    )


def _is_scanner(agent: str) -> bool:
    """Whether a program calls itself one. A browser always says something; no name at all is a program's."""
    return not agent.strip() or bool(_SCANNERS.search(agent))


def _complaint(raw: Raw, envelope: dict[str, Any]) -> Event:
    return events.SpamComplained(**envelope, recipient=_recipient(raw))


def _unsubscribe(raw: Raw, envelope: dict[str, Any]) -> Event | str:
    recipient = _recipient(raw)
    return (
        events.Unsubscribed(**envelope, recipient=recipient, how="link") if recipient else "It names nobody."
    )


_READERS: Final[dict[str, Callable[[Raw, dict[str, Any]], Event | str]]] = {
    "delivered": _delivered,
    "deferred": _deferred,
    "bounce": _bounce,
    "dropped": _dropped,
    "open": _open,
    "click": _click,
    "spamreport": _complaint,
    "unsubscribe": _unsubscribe,
    "group_unsubscribe": _unsubscribe,
}
_UNUSED: Final = {
    "processed": "That SendGrid took a message is known already.",
    "group_resubscribe": "Who came back to a group is written to again only by a person's decision.",
    "": "An entry names no event.",
}
