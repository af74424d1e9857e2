"""Smartlead's calls as events (docs/providers/smartlead.md, section 6).

In all of them ``from_email`` is our mailbox and ``to_email`` the person, whoever wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from integrations.base import MessageKnowledge
from integrations.events import (
    AccountStatusChanged,
    CampaignStatusChanged,
    Event,
    LeadCategorised,
    LinkClicked,
    MessageBounced,
    MessageOpened,
    MessageReceived,
    Normalised,
    Unsubscribed,
    text_digest,
)
from integrations.outreach.fields import address, count, first_moment, flag, mapping, moment, text, without
from integrations.providers.smartlead import parse
from integrations.providers.smartlead.client import PROVIDER
from integrations.running import CampaignStatus, ProviderMessage
from integrations.values import AccountStatus, Direction, Person, Raw

ALIASES: Final = {
    "FIRST_EMAIL_SENT": "EMAIL_SENT",
    "EMAIL_OPENED": "EMAIL_OPEN",
    "EMAIL_CLICKED": "EMAIL_LINK_CLICK",
    "EMAIL_REPLIED": "EMAIL_REPLY",
    "EMAIL_BOUNCED": "EMAIL_BOUNCE",
    "EMAIL_UNSUBSCRIBED": "LEAD_UNSUBSCRIBED",
}
"""Names of older pages, and of the first mail, which is told once more as ``EMAIL_SENT``."""

#: Documented, and not registered for by us; somebody may have done so by hand.
_UNUSED: Final = frozenset({"MANUAL_STEP_REACHED", "LINKEDIN_DISCONNECTED"})
UNTRACKED: Final = "UNTRACKED_REPLIES"
EVENTS: Final = frozenset(
    {
        "EMAIL_SENT",
        "EMAIL_OPEN",
        "EMAIL_LINK_CLICK",
        "EMAIL_REPLY",
        UNTRACKED,
        "EMAIL_BOUNCE",
        "LEAD_UNSUBSCRIBED",
        "LEAD_CATEGORY_UPDATED",
        "CAMPAIGN_STATUS_CHANGED",
        "EMAIL_ACCOUNT_DISCONNECTED",
    }
)
"""What is registered for each campaign. ``UNTRACKED_REPLIES`` are of no campaign: mails that Smartlead sees in a
mailbox and can lay to no thread of its own (such as an answer from another address). Every campaign's webhook tells
them; they are one fact under one key."""


_TIMES: Final = (
    "event_timestamp",
    "time_replied",
    "time_sent",
    "time_opened",
    "time_clicked",
    "time_unsubscribed",
    "timestamp",
)


def event_name(raw: Raw) -> str:
    """Return the vendor's name of the event, ``""`` if there is none."""
    value = raw.get("event_type") or raw.get("event")
    return value if isinstance(value, str) else ""


def delivery_key(raw: Raw) -> str | None:
    """Return what makes a call the same as an earlier one.

    ``X-Request-Id`` would be surest, and is a header: the body's own facts have to do.
    """
    name = event_name(raw)
    if not name:
        return None
    flat = flattened(raw)
    links = flat.get("link_clicked")
    about = (
        text(flat, "campaign_id"),
        text(flat, "stats_id", "lead_id", "sl_email_lead_id"),
        _mailbox(flat),
        _lead(flat),
        _message_id(flat),
        text(mapping(flat.get("lead_category")), "new_id"),
        text(flat, "campaign_status", "status", "new_status") if name == "CAMPAIGN_STATUS_CHANGED" else "",
        text_digest(str(links)) if links else "",
    )
    if not any(about):
        # A time alone would make one call of two.
        return None
    return ":".join((name, *about, text(flat, *_TIMES)))


def flattened(raw: Raw) -> Raw:
    """Return the facts of a call in one level: prose pages have them in an envelope around ``lead`` or ``data``."""
    return mapping(raw.get("lead")) | mapping(raw.get("data")) | raw


def _mailbox(flat: Raw) -> str:
    """Return the address of our mailbox, ``""`` if it is not said."""
    return address(text(flat, "from_email", "from", "email_account"))


def _lead(flat: Raw) -> str:
    """Return the address of the person, ``""`` if it is not said."""
    return address(text(flat, "sl_lead_email", "to_email", "lead_email", "to", "email"))


@dataclass(frozen=True, slots=True)
class _Call:
    """One call with what all events of it have."""

    raw: Raw
    name: str
    kept: Raw
    account_id: str
    lead_email: str
    campaign_id: str
    received_at: datetime

    def common(self, *times: str) -> dict[str, Any]:
        """Fields of any event; ``times`` are where the vendor writes its time, best first."""
        at = first_moment(self.raw, *times, "event_timestamp", "timestamp")
        return {
            "provider": PROVIDER,
            "account_id": self.account_id,
            "occurred_at": at or self.received_at,
            "time_is_exact": at is not None,
            "raw_type": event_name(self.raw),
            "raw": self.kept,
        }

    def of_message(self, message_id: str, *times: str) -> dict[str, Any]:
        """Fields of an event about a message of the campaign."""
        stats = text(self.raw, "stats_id")
        return self.common(*times) | {
            "message_id": "" if message_id else f"{stats}:{self.name}",
            "provider_message_id": message_id,
            "chat_id": parse.chat_id(self.campaign_id, self.lead_email),
            "provider_chat_id": stats,
            "campaign_id": self.campaign_id,
            "lead_id": text(self.raw, "sl_email_lead_id", "lead_id"),
            "sequence_step_number": count(self.raw, "sequence_number"),
        }


def _message_id(raw: Raw) -> str:
    """Return the RFC 5322 id of the message that the call is about."""
    name = ALIASES.get(event_name(raw), event_name(raw))
    block = "reply_message" if name in {"EMAIL_REPLY", UNTRACKED} else "sent_message"
    return text(mapping(raw.get(block)), "message_id") or text(raw, "message_id")


def from_webhook(raw: Raw, *, received_at: datetime, knowledge: MessageKnowledge) -> Normalised:
    """Turn a call into events. Asks nobody."""
    name = ALIASES.get(event_name(raw), event_name(raw))
    read = _READERS.get(name)
    if read is None:
        words = f"Nothing is done about {name}." if name else "The call names no event."
        return Normalised(ignored=words, is_strange=name not in _UNUSED)
    flat = flattened(raw)
    own = _mailbox(flat)
    call = _Call(
        raw=flat,
        name=name,
        kept=without(raw, parse.SECRETS),
        account_id=(knowledge.account_of_address(own) if own else "") or own,
        lead_email=_lead(flat),
        campaign_id=text(flat, "campaign_id"),
        received_at=received_at,
    )
    event = read(call)
    if event is None:
        return Normalised(ignored=f"{name} says of no message, person or campaign.", is_strange=True)
    return Normalised(events=(event,))


def _sent(call: _Call) -> Event | None:
    message_id = _message_id(call.raw)
    if not (message_id or text(call.raw, "stats_id")):
        return None
    block = mapping(call.raw.get("sent_message"))
    html = text(block, "html") or text(call.raw, "custom_email_message", "sent_message_body")
    new, whole = parse.split(html, text(block, "text"))
    return MessageReceived(
        **call.of_message(message_id, "time_sent"),
        direction=Direction.OUTBOUND,
        raw_direction="SENT",
        direction_rule="own_address",
        sender=Person(email=address(text(call.raw, "from_email")), is_self=True),
        counterpart=_person(call),
        text=new,
        full_text="" if new == whole else whole,
        html=html,
        subject=text(call.raw, "custom_subject", "subject"),
        raw_message_kind=event_name(call.raw),
    )


def _replied(call: _Call) -> Event | None:
    message_id = _message_id(call.raw)
    if not (message_id or text(call.raw, "stats_id")):
        return None
    block = mapping(call.raw.get("reply_message"))
    html = text(block, "html") or text(call.raw, "reply_body")
    new, whole = parse.split(html, text(block, "text"))
    answered = text(mapping(call.raw.get("sent_message")), "message_id")
    cc = call.raw.get("cc_emails")
    return MessageReceived(
        **call.of_message(message_id, "time_replied"),
        direction=Direction.INBOUND,
        raw_direction="REPLY",
        direction_rule="address",
        sender=_person(call),
        counterpart=_person(call),
        text=new or text(call.raw, "preview_text"),
        full_text="" if new == whole else whole,
        html=html,
        subject=text(call.raw, "subject"),
        references=(answered,) if answered else (),
        copied_to=tuple(address(item) for item in cc if isinstance(item, str))
        if isinstance(cc, list)
        else (),
        raw_message_kind=event_name(call.raw),
    )


def _opened(call: _Call) -> Event | None:
    if not text(call.raw, "stats_id"):
        return None
    return MessageOpened(**call.of_message(_message_id(call.raw), "time_opened"))


def _clicked(call: _Call) -> Event | None:
    links = call.raw.get("link_clicked")
    url = (
        links if isinstance(links, str) else next((item for item in links or [] if isinstance(item, str)), "")
    )
    if not text(call.raw, "stats_id"):
        return None
    return LinkClicked(**call.of_message(_message_id(call.raw), "time_clicked"), url=url)


def _bounced(call: _Call) -> Event | None:
    if not call.lead_email:
        return None
    ours = flag(call.raw.get("is_sender_originated_bounce")) is True
    reason = text(mapping(call.raw.get("bounce_message")), "text") or text(
        call.raw, "bounce_reply_email_preview", "bounce_reply_email"
    )
    return MessageBounced(
        **call.of_message(_message_id(call.raw), "event_timestamp"),
        # Refused for our mailbox's sake: the address may be fine.
        is_permanent=not ours,
        category="reputation" if ours else "invalid_address",
        recipient=call.lead_email,
        reason=reason[:500],
    )


def _unsubscribed(call: _Call) -> Event | None:
    if not call.lead_email:
        return None
    return Unsubscribed(**call.of_message("", "time_unsubscribed"), recipient=call.lead_email, how="provider")


def _categorised(call: _Call) -> Event | None:
    change = mapping(call.raw.get("lead_category"))
    data = mapping(call.raw.get("lead_data"))
    category = mapping(data.get("category"))
    if not call.lead_email:
        return None
    sentiment = text(category, "sentiment_type").lower()
    return LeadCategorised(
        **call.common(),
        person=Person(email=call.lead_email, name=text(call.raw, "lead_name")),
        category=text(change, "new_name") or text(category, "name") or text(call.raw, "category"),
        category_id=text(change, "new_id") or text(call.raw, "lead_category_id"),
        sentiment=sentiment if sentiment in {"positive", "negative"} else "",
        campaign_id=call.campaign_id,
        lead_id=text(call.raw, "lead_id", "sl_email_lead_id"),
    )


def _campaign(call: _Call) -> Event | None:
    word = text(call.raw, "campaign_status", "status", "new_status")
    if not (word and call.campaign_id):
        return None
    return CampaignStatusChanged(
        **call.common(),
        campaign_id=call.campaign_id,
        status=parse.CAMPAIGN.get(word.upper(), CampaignStatus.UNKNOWN),
        raw_status=word,
    )


def _disconnected(call: _Call) -> Event | None:
    if not call.account_id:
        return None
    return AccountStatusChanged(
        **call.common(), status=AccountStatus.CREDENTIALS, raw_status="EMAIL_ACCOUNT_DISCONNECTED"
    )


def _person(call: _Call) -> Person:
    given = f"{text(call.raw, 'first_name')} {text(call.raw, 'last_name')}".strip()
    return Person(email=call.lead_email, name=text(call.raw, "to_name", "lead_name") or given)


_READERS: Final = {
    "EMAIL_SENT": _sent,
    "EMAIL_OPEN": _opened,
    "EMAIL_LINK_CLICK": _clicked,
    "EMAIL_REPLY": _replied,
    UNTRACKED: _replied,
    "EMAIL_BOUNCE": _bounced,
    "LEAD_UNSUBSCRIBED": _unsubscribed,
    "LEAD_CATEGORY_UPDATED": _categorised,
    "CAMPAIGN_STATUS_CHANGED": _campaign,
    "EMAIL_ACCOUNT_DISCONNECTED": _disconnected,
}


def from_message(message: ProviderMessage, *, seen_at: datetime) -> Normalised:
    """Turn a polled message into the event that the webhook would have given, with the same key."""
    if message.direction is Direction.UNKNOWN:
        return Normalised(ignored="It is not said who wrote this.")
    inbound = message.direction is Direction.INBOUND
    event = MessageReceived(
        provider=PROVIDER,
        account_id=message.account_id,
        occurred_at=min(message.sent_at, seen_at),
        raw_type=message.raw_direction,
        raw=message.raw,
        message_id=message.message_id
        or (f"h.{text_digest(message.text)}" if not message.provider_message_id else ""),
        provider_message_id=message.provider_message_id,
        chat_id=message.chat_id,
        provider_chat_id=message.provider_chat_id,
        campaign_id=message.campaign_id,
        lead_id=message.lead_id,
        sequence_step_number=message.sequence_step_number,
        direction=message.direction,
        raw_direction=message.raw_direction,
        direction_rule="address" if inbound else "own_address",
        sender=message.person if inbound else Person(email=message.account_id, is_self=True),
        counterpart=message.person,
        text=message.text,
        html=message.html,
        subject=message.subject,
        raw_message_kind=message.raw_direction,
    )
    return Normalised(events=(event,))


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header whatever its case, ``""`` if it is missing."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def moment_of(raw: Raw) -> datetime | None:
    """Return when an item of the master inbox was last answered."""
    return moment(raw.get("last_reply_time"))
