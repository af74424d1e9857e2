"""EmailBison's threads: what was sent, the inbox, and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from integrations.errors import ErrorKind
from integrations.outreach.client import number_id, segment
from integrations.outreach.fields import asked_list, first_moment, mapping, text
from integrations.providers.emailbison import parse
from integrations.providers.emailbison.client import PROVIDER, VENDOR, EmailBisonClient
from integrations.running import ProviderLead, ProviderMessage, SequenceStep, ThreadReply
from integrations.values import Direction, Page, Raw, SendReceipt

_CONTENT: Final = {True: "html", False: "text"}


def of_lead(
    client: EmailBisonClient, campaign_id: str, lead: ProviderLead, steps: tuple[SequenceStep, ...]
) -> Page[ProviderMessage]:
    """Return the thread with one person: the campaign's mails and the inbox's rows in one."""
    base = f"/api/leads/{segment(lead.lead_id, VENDOR)}"
    numbers = {step.step_id: step.number for step in steps}
    sent_rows = client.everything(f"{base}/sent-emails", dict)
    told = {text(raw, "id"): parse.sent(raw, campaign_id, lead.lead_id, numbers) for raw in sent_rows}
    ours = [item for item in told.values() if item is not None and item.campaign_id == campaign_id]
    rows: list[Raw] = client.everything(f"{base}/replies", dict, {"filters[folder]": "all"})
    found = list(ours)
    for raw in rows:
        message = parse.reply(raw)
        if message is None or message.campaign_id not in {"", campaign_id}:
            continue
        answered = told.get(text(raw, "scheduled_email_id"))
        inbound = message.direction is Direction.INBOUND
        number = answered.sequence_step_number if answered is not None and inbound else None
        found.append(message.model_copy(update={"sequence_step_number": number}))
    return Page(items=tuple(sorted(found, key=lambda message: message.sent_at)))


def replies(
    client: EmailBisonClient, after: datetime | None, cursor: str | None, *, own: bool = False
) -> Page[ProviderMessage]:
    """Return a page of what people wrote, newest first. The feed holds our own mail (``own``) and bounces too."""
    params: dict[str, Any] = {"pagination_type": "cursor", "folder": "all"} | (
        {"cursor": cursor} if cursor else {}
    )
    body = client.get("/api/replies", params)
    rows = asked_list(PROVIDER, body, "data")
    # The feed goes by when a mail was fetched, which may be long after it was received.
    fresh = rows if after is None else [raw for raw in rows if (_listed_at(raw) or after) > after]
    found = [message for raw in fresh if (message := parse.reply(raw)) is not None]
    wanted = [message for message in found if own or message.direction is Direction.INBOUND]
    last = _listed_at(rows[-1]) if rows else None
    ended = after is not None and last is not None and last <= after
    following = text(mapping(mapping(body).get("meta")), "next_cursor")
    return Page(items=tuple(wanted), cursor=following if following and not ended else None)


def _listed_at(raw: Raw) -> datetime | None:
    return first_moment(raw, "created_at", "date_received")


def answer(client: EmailBisonClient, reply: ThreadReply) -> SendReceipt:
    """Answer a message of theirs. Recipients are written otherwise than they are read."""
    answered = reply.answers
    kind, _, identifier = answered.message_id.partition(":")
    if kind != "reply":
        raise VENDOR.error(ErrorKind.VALIDATION, "EmailBison answers messages of theirs only.")
    person = {"name": answered.person.name or answered.person.email, "email_address": answered.person.email}
    body: Raw = {
        "message": reply.html or reply.text,
        "sender_email_id": number_id(answered.account_id, VENDOR),
        "to_emails": [person],
        "content_type": _CONTENT[bool(reply.html)],
        "inject_previous_email_body": False,
    }
    if reply.copies:
        body["cc_emails"] = [{"name": mail, "email_address": mail} for mail in reply.copies]
    path = f"/api/replies/{segment(identifier, VENDOR)}/reply"
    data = mapping(mapping(client.call("POST", path, json=body, once=True)).get("data"))
    row = mapping(data.get("reply")) or data
    return SendReceipt(
        message_id=f"reply:{text(row, 'id')}" if text(row, "id") else "",
        provider_message_id=text(row, "raw_message_id"),
        chat_id=answered.chat_id,
        raw=data,
    )
