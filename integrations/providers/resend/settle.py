"""Did it go out? Looks for an uncertain e-mail among those that Resend has taken (docs/providers/resend.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.resend.client import ResendClient, segment
from integrations.providers.resend.fields import (
    PROVIDER,
    addresses,
    moment,
    normalise_text,
    objects,
    tags,
    text,
)
from integrations.providers.resend.inbound import SEND_ID_TAG
from integrations.values import Raw, SendIntent, SendReceipt, Settlement, SettlementOutcome

CERTAIN_AFTER: Final = timedelta(seconds=120)
CLOCK_SKEW: Final = timedelta(seconds=60)
_ASK_AGAIN: Final = timedelta(seconds=60)
_MAX_PAGES: Final = 20
_PAGE: Final = "100"


def settle(client: ResendClient, intent: SendIntent, now: datetime) -> Settlement:
    """Look for ``intent``. Failures of the provider are ``undecided``, never raised."""
    try:
        found = _find(client, intent)
    except ProviderError as error:
        wait = max(_ASK_AGAIN, timedelta(seconds=error.retry_after or 0))
        evidence = f"Resend could not be asked: {error.message}"
        return _undecided(now + wait, evidence, answered=not error.transient)
    if found is not None:
        rfc_id = intent.rfc_message_id or text(found, "message_id")
        return Settlement(
            outcome=SettlementOutcome.SENT,
            evidence=f"Resend has the e-mail ({text(found, 'last_event') or 'no event yet'}).",
            receipt=SendReceipt(message_id=text(found, "id"), provider_message_id=rfc_id, raw=found),
        )
    if now < intent.attempted_at + CERTAIN_AFTER:
        return _undecided(intent.attempted_at + CERTAIN_AFTER, "Resend does not list it yet.")
    return Settlement(
        outcome=SettlementOutcome.NOT_SENT, evidence="Resend's list of e-mails does not have it."
    )


def _undecided(retry_at: datetime, evidence: str, *, answered: bool = True) -> Settlement:
    return Settlement(
        outcome=SettlementOutcome.UNDECIDED, evidence=evidence, retry_at=retry_at, answered=answered
    )


def _find(client: ResendClient, intent: SendIntent) -> Raw | None:
    """The list has no texts: those to the recipient since the attempt are read one by one."""
    for listed in _since(client, intent):
        email_id = text(listed, "id")
        same_person = intent.recipient_email.lower() in addresses(listed.get("to"))
        if not email_id or not same_person or email_id in intent.known_message_ids:
            continue
        if _is_it(record := client.get(f"/emails/{segment(email_id)}"), intent):
            return record
    return None


def _since(client: ResendClient, intent: SendIntent) -> Iterator[Raw]:
    earliest = intent.attempted_at - CLOCK_SKEW
    params = [("limit", _PAGE)]
    for _ in range(_MAX_PAGES):
        raw = client.get("/emails", params)
        items = objects(raw.get("data"))
        for item in items:
            created = moment(item.get("created_at"))
            if created is not None and created < earliest:
                return
            yield item
        if not raw.get("has_more") or not items:
            return
        params = [("limit", _PAGE), ("after", text(items[-1], "id"))]
    raise ProviderError(ErrorKind.UNAVAILABLE, "The list at Resend is too long.", provider=PROVIDER)


def _is_it(record: Raw, intent: SendIntent) -> bool:
    """By our id where the record has it, else by its RFC id, else by its text."""
    send_id = tags(record.get("tags")).get(SEND_ID_TAG)
    if send_id:
        return send_id == intent.send_id
    if intent.rfc_message_id and text(record, "message_id") == intent.rfc_message_id:
        return True
    return normalise_text(text(record, "text")) == normalise_text(intent.text)
