"""Did it go out? Looks for an uncertain e-mail in the Email Activity, if the plan has it (mission C10).

``mail/send`` takes no idempotency key, so that nothing uncertain is ever sent again unasked. Activity is an
extra that many plans lack (403); then only the reports that come by webhook tell, by our id among the custom
arguments, and the send stays undecided with that reason.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.sendgrid.client import SendGridClient
from integrations.providers.sendgrid.fields import SEND_ID_ARG, message_ref, moment, objects, text
from integrations.values import SendAction, SendIntent, SendReceipt, Settlement, SettlementOutcome

#: How long Activity is given to show a message. No figure is documented; a message that it took is shown within
#: minutes, and its reports come by webhook long before.
CERTAIN_AFTER: Final = timedelta(hours=2)
_ASK_AGAIN: Final = timedelta(minutes=10)
_ASK_SELDOM: Final = timedelta(hours=1)
#: Words of an id that may stand in a query.
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def settle(client: SendGridClient, intent: SendIntent, now: datetime) -> Settlement:
    """Look for ``intent``. Failures of the vendor are ``undecided``, never raised."""
    if intent.action is not SendAction.EMAIL or not intent.send_id or not _SAFE.issuperset(intent.send_id):
        return _undecided(now + _ASK_SELDOM, "SendGrid sends e-mail only, and this has no id to look for.")
    query = f"unique_args['{SEND_ID_ARG}']=\"{intent.send_id}\""
    try:
        found = objects(client.get("/messages", [("limit", "10"), ("query", query)]).get("messages"))
    except ProviderError as error:
        if error.kind in {ErrorKind.CONFIG, ErrorKind.NOT_FOUND, ErrorKind.VALIDATION, ErrorKind.UNSUPPORTED}:
            return _undecided(
                now + _ASK_SELDOM,
                "SendGrid's plan does not include the Email Activity, so only its reports can tell.",
            )
        wait = max(_ASK_AGAIN, timedelta(seconds=error.retry_after or 0))
        evidence = f"SendGrid could not be asked: {error.message}"
        return _undecided(now + wait, evidence, answered=not error.transient)
    if found:
        status = text(found[0], "status") or "known"
        last = moment(found[0].get("last_event_time")) or text(found[0], "last_event_time")
        return Settlement(
            outcome=SettlementOutcome.SENT,
            evidence=f"SendGrid's activity shows it as {status}{f', last at {last}' if last else ''}.",
            receipt=SendReceipt(message_id=message_ref(text(found[0], "msg_id"))),
        )
    certain_at = intent.attempted_at + CERTAIN_AFTER
    if now < certain_at:
        return _undecided(min(certain_at, now + _ASK_AGAIN), "SendGrid's activity does not show it yet.")
    return Settlement(
        outcome=SettlementOutcome.NOT_SENT,
        evidence="SendGrid's activity does not show it, and no report about it has come.",
    )


def _undecided(retry_at: datetime, evidence: str, *, answered: bool = True) -> Settlement:
    return Settlement(
        outcome=SettlementOutcome.UNDECIDED, evidence=evidence, retry_at=retry_at, answered=answered
    )
