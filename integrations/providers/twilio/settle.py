"""Did it go out? Looks for an uncertain text among the account's messages (docs/providers/twilio.md, section 2).

Twilio has no idempotency key. A message is in the list as soon as it is accepted, so that "it is there" counts at
once and "it is not there" only some time after the attempt and from a list that reaches back to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from integrations.errors import ProviderError
from integrations.providers.twilio import parse
from integrations.providers.twilio.client import TwilioClient
from integrations.providers.twilio.fields import moment, normalise_text, text
from integrations.providers.twilio.inbound import is_service
from integrations.values import Raw, SendIntent, Settlement, SettlementOutcome

#: After this long an accepted message would surely be in the list.
CERTAIN_AFTER: Final = timedelta(seconds=120)
#: How far Twilio's clock, which shows whole seconds, may be behind ours.
CLOCK_SKEW: Final = timedelta(seconds=60)
_ASK_AGAIN: Final = timedelta(seconds=60)
_MAX_PAGES: Final = 10
_PAGE: Final = "100"


def settle(client: TwilioClient, intent: SendIntent, now: datetime) -> Settlement:
    """Look for ``intent``. Failures of the provider are ``undecided``, never raised."""
    try:
        alike = [raw for raw in _since(client, intent) if _is_it(raw, intent)]
    except ProviderError as error:
        wait = max(_ASK_AGAIN, timedelta(seconds=error.retry_after or 0))
        evidence = f"Twilio could not be asked: {error.message}"
        return _undecided(now + wait, evidence, answered=not error.transient)
    found = next((raw for raw in alike if _is_from(raw, intent.account_id)), None)
    if found is None and alike:
        return _undecided(
            now + _ASK_AGAIN, "Twilio lists such a message and does not say yet which number sent it."
        )
    if found is not None:
        return Settlement(
            outcome=SettlementOutcome.SENT,
            evidence=f"Twilio lists the message ({text(found, 'status') or 'no status'}).",
            receipt=parse.receipt(found, intent.account_id, intent.recipient_phone),
        )
    if now < intent.attempted_at + CERTAIN_AFTER:
        return _undecided(intent.attempted_at + CERTAIN_AFTER, "Twilio does not list it yet.")
    return Settlement(
        outcome=SettlementOutcome.NOT_SENT, evidence="Twilio's list of messages does not have it."
    )


def _undecided(retry_at: datetime, evidence: str, *, answered: bool = True) -> Settlement:
    return Settlement(
        outcome=SettlementOutcome.UNDECIDED, evidence=evidence, retry_at=retry_at, answered=answered
    )


def _since(client: TwilioClient, intent: SendIntent) -> Iterator[Raw]:
    """Yield the messages to the recipient since the attempt; the list is newest first."""
    earliest = intent.attempted_at - CLOCK_SKEW
    # Not by date: a queued message has no date of sending yet.
    params = [("To", intent.recipient_phone), ("PageSize", _PAGE)]
    for page in client.pages("/Messages.json", "messages", params, most=_MAX_PAGES):
        for raw in page:
            created = moment(raw.get("date_created"))
            if created is not None and created < earliest:
                return
            yield raw


def _is_it(raw: Raw, intent: SendIntent) -> bool:
    """Say whether a record may be the intended message: ours, the same text, not a known one, not another number's."""
    return (
        text(raw, "direction").startswith("outbound")
        and (
            _is_from(raw, intent.account_id) or (not text(raw, "from") and not is_service(intent.account_id))
        )
        and text(raw, "sid") not in intent.known_message_ids
        and normalise_text(text(raw, "body")) == normalise_text(intent.text)
    )


def _is_from(raw: Raw, account_id: str) -> bool:
    """Say whether a record is this account's. With a service, the number is filled in a little later."""
    return text(raw, "messaging_service_sid" if is_service(account_id) else "from") == account_id
