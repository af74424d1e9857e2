"""Smartlead's threads: history of a lead, the master inbox, and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from integrations.errors import ErrorKind
from integrations.outreach.client import segment
from integrations.outreach.fields import asked_list, mapping, objects, text
from integrations.providers.smartlead import inbound, parse
from integrations.providers.smartlead.client import PROVIDER, VENDOR, SmartleadClient
from integrations.running import ProviderLead, ProviderMessage, ThreadReply
from integrations.values import Direction, Page, Raw, SendReceipt

_INBOX_PAGE: Final = 20


def of_lead(
    client: SmartleadClient, path: str, campaign_id: str, lead: ProviderLead
) -> Page[ProviderMessage]:
    """Return the thread with one person, replies numbered by what they answer."""
    body = client.get(f"{path}/message-history", {"show_plain_text_response": True})
    messages = parse.history(
        body, campaign_id=campaign_id, lead_id=lead.lead_id, email=lead.email, account_id=lead.account_id
    )
    return Page(items=parse.with_steps(messages))


def replies(
    client: SmartleadClient, after: datetime | None, offset: int, limit: int, *, own: bool = False
) -> Page[ProviderMessage]:
    """Return the replies of a page of the master inbox, newest first; it ends at ``after``. ``own`` adds the mails
    that they answer.
    """
    size = max(1, min(limit, _INBOX_PAGE))
    body = client.call(
        "POST",
        "/master-inbox/inbox-replies",
        params={"fetch_message_history": True},
        json={"offset": offset, "limit": size, "filters": {}, "sortBy": "REPLY_TIME_DESC"},
    )
    threads = asked_list(PROVIDER, body, "data", "leads")
    found = [message for raw in threads for message in (_thread(raw) if own else _inbound(raw))]
    fresh = [message for message in found if after is None or message.sent_at > after]
    newest = sorted(fresh, key=lambda message: message.sent_at, reverse=True)
    # Threads come by their last reply: one that is too old ends the list.
    last = _answered_at(threads[-1]) if threads else None
    older = after is not None and last is not None and last <= after
    more = len(threads) >= size and not older
    return Page(items=tuple(newest), cursor=str(offset + size) if more else None)


def _answered_at(raw: Raw) -> datetime | None:
    """When a thread was last answered, also where the list comes without the messages."""
    told = inbound.moment_of(raw)
    return told or max((message.sent_at for message in _inbound(raw)), default=None)


def _inbound(raw: Raw) -> list[ProviderMessage]:
    return [message for message in _thread(raw) if message.direction is Direction.INBOUND]


def _thread(raw: Raw) -> list[ProviderMessage]:
    campaign_id = text(raw, "email_campaign_id", "campaign_id")
    items = objects(raw.get("email_history"))
    head = next((item for item in items if text(item, "from")), {})
    sent = next((item for item in items if text(item, "type").upper() == "SENT"), head)
    ours = text(sent, "from") if text(sent, "type").upper() == "SENT" else text(head, "to")
    messages = parse.history(
        {"history": items, "from": ours, "to": text(raw, "lead_email")},
        campaign_id=campaign_id,
        lead_id=text(raw, "email_lead_id"),
        email=text(raw, "lead_email"),
    )
    return list(parse.with_steps(messages))


def answer(client: SmartleadClient, reply: ThreadReply) -> SendReceipt:
    """Answer a message of theirs. Its ``stats_id`` names the thread, its Message-ID the message."""
    answered = reply.answers
    if not answered.provider_chat_id:
        message = "Smartlead needs the statistics id of the message that is answered."
        raise VENDOR.error(ErrorKind.VALIDATION, message)
    if not answered.campaign_id:
        message = "Smartlead answers in threads of campaigns only, and this reply has none: answer from the mailbox."
        raise VENDOR.error(ErrorKind.VALIDATION, message)
    body: dict[str, Any] = {
        "email_stats_id": answered.provider_chat_id,
        "email_body": reply.html or reply.text.replace("\n", "<br>"),
        "reply_message_id": answered.provider_message_id,
        "reply_email_time": answered.sent_at.isoformat(),
        "reply_email_body": answered.html or answered.text,
        "to_email": answered.person.email,
    }
    if reply.copies:
        body["cc"] = ",".join(reply.copies)
    path = f"/campaigns/{segment(answered.campaign_id, VENDOR)}/reply-email-thread"
    raw = mapping(client.call("POST", path, json=body, once=True))
    return SendReceipt(
        provider_message_id=text(raw, "message_id"),
        chat_id=answered.chat_id,
        provider_chat_id=answered.provider_chat_id,
        raw=raw,
    )
