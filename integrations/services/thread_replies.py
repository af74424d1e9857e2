"""Answers of people through a provider that runs campaigns: it keeps the thread, so that it sends the answer, too.

What the provider wants to be told about the message that is answered is taken from our ledger when the answer is
queued, and travels with the outbox row (``payload["thread"]``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q

from integrations import registry
from integrations.base import Adapter, Capability, KeepsThreads, require
from integrations.errors import ErrorKind, ProviderError
from integrations.events import MessageReceived, dedupe_key, from_json
from integrations.mail.plain import plain_of
from integrations.mail.replies import new_text
from integrations.models import OutboundMessage, ProviderEvent, ProviderEventKey, SenderAccount
from integrations.running import LeadStatus, ProviderLead, ProviderMessage, ThreadReply
from integrations.values import Direction, SendReceipt, Settlement, SettlementOutcome
from project.core.clock import now

#: Clocks differ: the provider may date an answer before our attempt.
SLACK: Final = timedelta(minutes=2)
#: The provider's thread shows an answer within this time, or it did not leave.
SHOWN_WITHIN: Final = timedelta(minutes=10)


def answers_through_provider(sender: SenderAccount) -> bool:
    """Whether answers of this account go through the provider's threads. Reads ``connection``."""
    kind = sender.connection.provider
    return registry.can(kind, Capability.KEEPS_THREADS)


def answered(sender: SenderAccount, *, provider_message_id: str, message_id: str) -> ProviderMessage | None:
    """The message of theirs that is answered, as the provider told it; ``None`` if the ledger does not have it."""
    ref = provider_message_id or f"m.{message_id}"
    key = dedupe_key("message_received", sender.provider_account_id, ref)
    event_id = (
        ProviderEventKey.objects.filter(sender=sender, key=key).values_list("event_id", flat=True).first()
    )
    stored = ProviderEvent.objects.filter(id=event_id).values_list("payload", flat=True).first()
    event = from_json(stored) if stored else None
    if not isinstance(event, MessageReceived) or event.direction is not Direction.INBOUND:
        return None
    return ProviderMessage(
        message_id=event.message_id,
        provider_message_id=event.provider_message_id,
        chat_id=event.chat_id,
        provider_chat_id=event.provider_chat_id,
        account_id=sender.provider_account_id,
        campaign_id=event.campaign_id,
        lead_id=event.lead_id,
        direction=event.direction,
        person=event.counterpart or event.sender,
        subject=event.subject,
        text=event.text,
        html=event.html,
        sent_at=event.occurred_at,
    )


def to_payload(message: ProviderMessage) -> dict[str, Any]:
    """What an outbox row carries of the message that it answers."""
    return message.model_dump(mode="json", exclude={"raw"})


def send(adapter: Adapter, outbound: OutboundMessage) -> SendReceipt:
    """Hand an answer to the provider, once. Raises ``ProviderError``."""
    reply = ThreadReply(
        answers=ProviderMessage.model_validate(outbound.payload["thread"]),
        text=outbound.body,
        html=str(outbound.payload.get("html", "")),
        subject="",
        copies=tuple(outbound.payload.get("cc", ())),
    )
    return require(adapter, KeepsThreads).reply_to_thread(reply)


def settle(adapter: Adapter, outbound: OutboundMessage, *, attempted_at: datetime) -> Settlement:
    """Look for an uncertain answer in the provider's thread. What the thread does not give out stays undecided."""
    about = ProviderMessage.model_validate(outbound.payload["thread"])
    person = ProviderLead(
        lead_id=about.lead_id,
        campaign_id=about.campaign_id,
        email=about.person.email,
        profile_url=about.person.profile_url,
        account_id=about.account_id,
        status=LeadStatus.UNKNOWN,
        raw_status="",
    )
    try:
        page = require(adapter, KeepsThreads).lead_messages(about.campaign_id, person)
    except ProviderError as error:
        if error.kind is ErrorKind.UNSUPPORTED:
            raise
        return Settlement(
            outcome=SettlementOutcome.UNDECIDED, evidence=str(error), answered=not error.transient
        )
    if page.note:
        return Settlement(outcome=SettlementOutcome.UNDECIDED, evidence=page.note)
    shown = [
        message
        for message in page.items
        if message.direction is Direction.OUTBOUND and message.sent_at >= attempted_at - SLACK
    ]
    for message in shown:
        if _is_same(outbound, message):
            receipt = SendReceipt(
                message_id=message.message_id,
                provider_message_id=message.provider_message_id,
                chat_id=message.chat_id,
                provider_chat_id=message.provider_chat_id,
            )
            return Settlement(
                outcome=SettlementOutcome.SENT, evidence="The provider's thread has it.", receipt=receipt
            )
    if now() < attempted_at + SHOWN_WITHIN:
        text = "The provider's thread does not have it yet."
        return Settlement(outcome=SettlementOutcome.UNDECIDED, evidence=text)
    if any(_is_nobodys(outbound, message) for message in shown):
        # It may be this one in other words: sending again could be a second time.
        text = "The provider's thread has a message of ours since then that may be this one."
        return Settlement(outcome=SettlementOutcome.UNDECIDED, evidence=text)
    text = "The provider's thread does not have it: it did not leave."
    return Settlement(outcome=SettlementOutcome.NOT_SENT, evidence=text)


def _wordings(text: str) -> set[str]:
    """How a text may come back from a provider: whole, or without its signature and what it quotes."""
    return {_words(text), _words(new_text(text))} - {""}


def _is_same(outbound: OutboundMessage, message: ProviderMessage) -> bool:
    html = str(outbound.payload.get("html", ""))
    wanted = _wordings(outbound.body) | (_wordings(plain_of(html).full) if html else set())
    told = _wordings(message.text) | (_wordings(plain_of(message.html).full) if message.html else set())
    body = _words(outbound.body)
    # A provider may put its own signature or the answered mail below.
    return bool(wanted & told) or (bool(body) and any(text.startswith(body) for text in told))


def _is_nobodys(outbound: OutboundMessage, message: ProviderMessage) -> bool:
    """Whether a message of ours is neither a step of the campaign nor another answer of which we know the id."""
    if message.sequence_step_number is not None:
        return False
    ids = Q(pk__in=[])
    if message.provider_message_id:
        ids |= Q(provider_message_id=message.provider_message_id)
    if message.message_id:
        ids |= Q(message_id=message.message_id)
    rows = OutboundMessage.objects.filter(ids, sender_id=outbound.sender_id).exclude(id=outbound.id)
    return not rows.exists()


def _words(text: str) -> str:
    return " ".join(text.split())
