"""EmailBison's calls as events (docs/providers/emailbison.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from integrations.events import (
    AccountStatusChanged,
    Event,
    LeadCategorised,
    MessageBounced,
    MessageOpened,
    MessageReceived,
    Normalised,
    Unsubscribed,
)
from integrations.outreach.fields import address, count, first_moment, flag, mapping, objects, text, without
from integrations.providers.emailbison import parse
from integrations.providers.emailbison.client import PROVIDER
from integrations.running import ProviderMessage
from integrations.values import AccountStatus, Direction, Person, Raw

EVENTS: Final = frozenset(
    {
        "email_sent",
        "manual_email_sent",
        "lead_replied",
        "lead_interested",
        "lead_unsubscribed",
        "untracked_reply_received",
        "email_opened",
        "email_bounced",
        "email_account_disconnected",
        "email_account_reconnected",
        "email_account_removed",
    }
)
"""What is subscribed to; calls name it in capitals."""
#: Starts of names that are known and that we do not subscribe to; somebody may have done so by hand.
_UNUSED: Final = ("TAG_", "WARMUP_")
_ACCOUNTS: Final = {
    "EMAIL_ACCOUNT_DISCONNECTED": AccountStatus.CREDENTIALS,
    "EMAIL_ACCOUNT_RECONNECTED": AccountStatus.OK,
    "EMAIL_ACCOUNT_ADDED": AccountStatus.OK,
    "EMAIL_ACCOUNT_REMOVED": AccountStatus.DELETED,
}


def unwrapped(raw: Raw) -> Raw:
    """Return the envelope of ``event`` and ``data``; tests and logs wrap it in ``data`` or ``payload``."""
    for name in ("payload", "data"):
        inner = mapping(raw.get(name))
        if "event" not in raw and "event" in inner:
            return inner
    return raw


def event_name(raw: Raw) -> str:
    """Return the vendor's name of the event in capitals; ``CONTACT_...`` is the newer word for ``LEAD_...``."""
    event = unwrapped(raw).get("event")
    word = (
        text(mapping(event), "type") if isinstance(event, dict) else event if isinstance(event, str) else ""
    )
    word = word.upper()
    return f"LEAD_{word.removeprefix('CONTACT_')}" if word.startswith("CONTACT_") else word


def delivery_key(raw: Raw) -> str | None:
    """Return what makes a call the same as an earlier one."""
    data = mapping(unwrapped(raw).get("data"))
    for block in ("reply", "scheduled_email", "campaign_event"):
        identifier = text(mapping(data.get(block)), "id")
        if identifier:
            # A mail may be opened again: the campaign's own event tells one opening from the next.
            again = text(mapping(data.get("campaign_event")), "id")
            return f"{event_name(raw)}:{block}:{identifier}:{again}"
    return None


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, by its blocks."""

    name: str
    raw: Raw
    kept: Raw
    received_at: datetime

    def block(self, name: str) -> Raw:
        return mapping(mapping(self.raw.get("data")).get(name))

    @property
    def account_id(self) -> str:
        return text(self.block("sender_email"), "id") or text(self.block("reply"), "sender_email_id")

    def common(self, at: datetime | None) -> dict[str, Any]:
        return {
            "provider": PROVIDER,
            "account_id": self.account_id,
            "occurred_at": at or self.received_at,
            "time_is_exact": at is not None,
            "raw_type": text(mapping(self.raw.get("event")), "type"),
            "raw": self.kept,
        }

    def of_message(self, block: str, at: datetime | None) -> dict[str, Any]:
        mail = self.block(block)
        kind = "reply" if block == "reply" else "scheduled"
        campaign_id, lead_id = text(self.block("campaign"), "id"), text(self.block("lead"), "id")
        return self.common(at) | {
            **parse.message_ids(mail, kind),
            "chat_id": parse.chat_id(campaign_id, lead_id, self.account_id, self.their_address),
            "provider_chat_id": text(mail, "parent_id"),
            "campaign_id": campaign_id,
            "lead_id": lead_id,
            "sequence_step_number": count(self.block("scheduled_email"), "sequence_step_order"),
        }

    @property
    def their_address(self) -> str:
        reply = self.block("reply")
        others = objects(reply.get("to"))
        if self.name == "MANUAL_EMAIL_SENT":
            return address(
                text(self.block("lead"), "email") or (text(others[0], "address") if others else "")
            )
        return address(text(self.block("lead"), "email") or text(reply, "from_email_address"))

    @property
    def person(self) -> Person:
        lead = self.block("lead")
        name = f"{text(lead, 'first_name')} {text(lead, 'last_name')}".strip()
        return Person(email=self.their_address, name=name or text(self.block("reply"), "from_name"))

    @property
    def event_time(self) -> datetime | None:
        return first_moment(self.block("campaign_event"), "created_at")


def from_webhook(raw: Raw, *, received_at: datetime) -> Normalised:
    """Turn a call into events. Asks nobody."""
    name = event_name(raw)
    call = _Call(name, unwrapped(raw), without(raw, parse.SECRETS), received_at)
    event: Event | None = None
    if name in _ACCOUNTS:
        event = _account(call)
    elif name in _READERS:
        event = _READERS[name](call)
    else:
        words = f"Nothing is done about {name}." if name else "The call names no event."
        return Normalised(ignored=words, is_strange=not name.startswith(_UNUSED))
    if event is None:
        return Normalised(ignored=f"{name} says of no message or person.", is_strange=True)
    return Normalised(events=(event,))


def _account(call: _Call) -> Event | None:
    if not call.account_id:
        return None
    return AccountStatusChanged(**call.common(None), status=_ACCOUNTS[call.name], raw_status=call.name)


def _sent(call: _Call) -> Event | None:
    mail = call.block("scheduled_email")
    if not text(mail, "id"):
        return None
    html = text(mail, "email_body")
    return _message(
        call,
        "scheduled_email",
        first_moment(mail, "sent_at") or call.event_time,
        Direction.OUTBOUND,
        html,
        "",
    )


def _manual(call: _Call) -> Event | None:
    mail = call.block("reply")
    if not text(mail, "id"):
        return _sent(call)
    event = _message(
        call, "reply", first_moment(mail, "date_received", "created_at"), Direction.OUTBOUND,
        text(mail, "html_body"), text(mail, "text_body"),
    )  # fmt: skip
    return event.model_copy(update={"sequence_step_number": None})


def _replied(call: _Call) -> Event | None:
    mail = call.block("reply")
    if not text(mail, "id"):
        return None
    return _message(
        call, "reply", first_moment(mail, "date_received", "created_at"), Direction.INBOUND,
        text(mail, "html_body"), text(mail, "text_body"),
    )  # fmt: skip


def _message(
    call: _Call, block: str, at: datetime | None, direction: Direction, html: str, plain: str
) -> MessageReceived:
    mail = call.block(block)
    inbound = direction is Direction.INBOUND
    own = Person(email=address(text(call.block("sender_email"), "email")), is_self=True)
    answered = text(call.block("scheduled_email"), "raw_message_id") if inbound else ""
    return MessageReceived(
        **call.of_message(block, at),
        direction=direction,
        raw_direction=text(mail, "type", "status"),
        direction_rule="address" if inbound else "own_address",
        sender=call.person if inbound else own,
        counterpart=call.person,
        text=parse.words(html, plain),
        html=html,
        subject=text(mail, "email_subject", "subject"),
        raw_message_kind=text(mail, "type"),
        references=(answered,) if answered else (),
        is_automatic=flag(mail.get("automated_reply")) is True,
        copied_to=tuple(address(text(item, "address")) for item in objects(mail.get("cc"))),
    )


def _opened(call: _Call) -> Event | None:
    if not text(call.block("scheduled_email"), "id"):
        return None
    event_id = text(call.block("campaign_event"), "id")
    return MessageOpened(**call.of_message("scheduled_email", call.event_time), vendor_event_id=event_id)


def _bounced(call: _Call) -> Event | None:
    if not (call.block("scheduled_email") or call.block("lead")):
        return None
    reply = call.block("reply")
    at = call.event_time or first_moment(reply, "date_received")
    # The notice comes from the mail system: the person is the lead.
    return MessageBounced(
        **call.of_message("scheduled_email", at),
        is_permanent=True,
        category="invalid_address",
        recipient=address(text(call.block("lead"), "email")),
        reason=parse.words(text(reply, "html_body"), text(reply, "text_body"))[:500],
    )


def _unsubscribed(call: _Call) -> Event | None:
    mail = address(text(call.block("lead"), "email"))
    if not mail:
        return None
    return Unsubscribed(**call.of_message("scheduled_email", call.event_time), recipient=mail, how="provider")


def _interested(call: _Call) -> Event | None:
    if not text(call.block("lead"), "id"):
        return None
    return LeadCategorised(
        **call.common(call.event_time or first_moment(call.block("reply"), "date_received")),
        person=call.person,
        category="Interested",
        sentiment="positive",
        campaign_id=text(call.block("campaign"), "id"),
        lead_id=text(call.block("lead"), "id"),
    )


_READERS: Final = {
    "EMAIL_SENT": _sent,
    "LEAD_FIRST_CONTACTED": _sent,
    "MANUAL_EMAIL_SENT": _manual,
    "LEAD_REPLIED": _replied,
    "UNTRACKED_REPLY_RECEIVED": _replied,
    "EMAIL_OPENED": _opened,
    "EMAIL_BOUNCED": _bounced,
    "LEAD_UNSUBSCRIBED": _unsubscribed,
    "LEAD_INTERESTED": _interested,
}


def from_message(message: ProviderMessage, *, seen_at: datetime) -> Normalised:
    """Turn a polled message into the event that the webhook would have given, with the same key."""
    inbound = message.direction is Direction.INBOUND
    event = MessageReceived(
        provider=PROVIDER,
        account_id=message.account_id,
        occurred_at=min(message.sent_at, seen_at),
        raw_type=message.raw_direction,
        raw=message.raw,
        message_id=message.message_id,
        provider_message_id=message.provider_message_id,
        chat_id=message.chat_id,
        provider_chat_id=message.provider_chat_id,
        campaign_id=message.campaign_id,
        lead_id=message.lead_id,
        sequence_step_number=message.sequence_step_number,
        direction=message.direction,
        raw_direction=message.raw_direction,
        direction_rule="address" if inbound else "own_address",
        sender=message.person if inbound else Person(is_self=True),
        counterpart=message.person,
        text=message.text,
        html=message.html,
        subject=message.subject,
        raw_message_kind=message.raw_direction,
        is_automatic=message.is_automatic,
    )
    return Normalised(events=(event,))
