"""HeyReach's conversations: with one person, the newest ones, and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations.errors import ProviderError
from integrations.outreach import steps
from integrations.outreach.client import number_id
from integrations.outreach.fields import asked_list
from integrations.providers.heyreach import inbound, parse
from integrations.providers.heyreach.client import MOST, NO_ROUTE, PROVIDER, VENDOR, HeyReachClient
from integrations.running import ProviderLead, ProviderMessage, SequenceStep, ThreadReply
from integrations.values import Direction, Page, Raw, SendReceipt


def not_pulled() -> Page[ProviderMessage]:
    """Return nothing, and why: the connection's mode."""
    return Page(items=(), note="This connection is set to learn of conversations from webhooks alone.")


def of_lead(
    client: HeyReachClient,
    campaign_id: str,
    lead: ProviderLead,
    wording: Callable[[], Sequence[SequenceStep]],
) -> Page[ProviderMessage]:
    """Return the conversation with one person; ``wording`` gives the steps by which its messages are told apart."""
    filters = {"campaignIds": [number_id(campaign_id, VENDOR)], "leadProfileUrl": lead.profile_url}
    body = _conversations(client, filters, 0, MOST)
    if body is None:
        return _not_given_out()
    found = [message for raw in asked_list(PROVIDER, body, "items") for message in parse.conversation(raw)]
    kept = tuple(wording()) if found else ()
    messages = steps.attribute(sorted(found, key=lambda message: message.sent_at), kept)
    named = (
        message.model_copy(update={"campaign_id": message.campaign_id or campaign_id}) for message in messages
    )
    return Page(items=tuple(named))


def replies(
    client: HeyReachClient, after: datetime | None, offset: int, size: int, *, own: bool
) -> Page[ProviderMessage]:
    """Return a page of what people wrote, with what our side wrote if ``own``, newest conversations first."""
    body = _conversations(client, {}, offset, size)
    if body is None:
        return _not_given_out()
    rows = asked_list(PROVIDER, body, "items")
    told = [message for raw in rows for message in parse.conversation(raw)]
    fresh = [
        message
        for message in told
        if (own or message.direction is Direction.INBOUND) and (after is None or message.sent_at > after)
    ]
    last = inbound.moment_of(rows[-1]) if rows else None
    ended = after is not None and last is not None and last <= after
    newest = sorted(fresh, key=lambda message: message.sent_at, reverse=True)
    more = len(rows) >= size and not ended
    return Page(items=tuple(newest), cursor=str(offset + size) if more else None)


def answer(client: HeyReachClient, reply: ThreadReply) -> SendReceipt:
    """Answer in the conversation. Sent once."""
    body: Raw = {
        "message": reply.text,
        "conversationId": reply.answers.chat_id,
        "linkedInAccountId": number_id(reply.answers.account_id, VENDOR),
    }
    if reply.subject:
        body["subject"] = reply.subject
    client.call("POST", "/inbox/SendMessage", json=body, once=True)
    return SendReceipt(chat_id=reply.answers.chat_id, provider_chat_id=reply.answers.chat_id)


def _not_given_out() -> Page[ProviderMessage]:
    return Page(items=(), note="This HeyReach account does not give out conversations.")


def _conversations(client: HeyReachClient, filters: Mapping[str, Any], offset: int, limit: int) -> Any:
    """Read conversations by the newer route or the older one; ``None`` if the account has neither."""
    both = {"linkedInAccountIds": [], "campaignIds": [], **filters}
    body = {"filters": both, "offset": offset, "limit": limit}
    for path in ("/inbox/GetConversationsV2", "/inbox/GetConversations"):
        try:
            return client.query(path, body)
        except ProviderError as error:
            if error.kind not in NO_ROUTE:
                raise
    return None
