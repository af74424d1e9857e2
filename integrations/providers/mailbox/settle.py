"""Did it leave? Looks for the e-mail's own id among sent mail, and for answers to it.

That it is there counts at once. That it is not there says something only where the server itself keeps what
is sent: where we put the copy there, we may not have come to that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from integrations.errors import ProviderError
from integrations.providers.mailbox import imap
from integrations.providers.mailbox.imap import ImapSession
from integrations.providers.mailbox.servers import MailboxSettings
from integrations.values import SendIntent, SendReceipt, Settlement, SettlementOutcome

#: Servers keep what was sent at once; this leaves room for queues and clocks.
CERTAIN_AFTER: Final = timedelta(minutes=10)
ASK_AGAIN: Final = timedelta(minutes=2)
ASK_AGAIN_LATER: Final = timedelta(hours=1)


def settle(settings: MailboxSettings, intent: SendIntent, now: datetime) -> Settlement:
    """Look for ``intent``. Failures of the server are ``undecided``, never raised."""
    if not intent.rfc_message_id:
        return _undecided(now + ASK_AGAIN_LATER, "The e-mail's id is not known, so it cannot be looked for.")
    try:
        with imap.session(settings) as session:
            return _look(session, settings, intent, now)
    except ProviderError as error:
        wait = max(ASK_AGAIN, timedelta(seconds=error.retry_after or 0))
        evidence = f"The mailbox could not be asked: {error.message}"
        return _undecided(now + wait, evidence, answered=not error.transient)


def _look(session: ImapSession, settings: MailboxSettings, intent: SendIntent, now: datetime) -> Settlement:
    sent = session.sent_folder()
    if sent:
        session.open(sent)
        if session.with_id(intent.rfc_message_id):
            return _sent("It lies among the sent mail.", intent)
    session.open("INBOX")
    if session.answers(intent.rfc_message_id):
        return _sent("An answer to it, or its return, lies in the inbox.", intent)
    if session.with_id(intent.rfc_message_id):
        return _sent("A copy of it lies in the inbox.", intent)
    if not sent or settings.saves_sent is not True:
        return _undecided(
            now + ASK_AGAIN_LATER,
            "It is not in the mailbox, but this server does not keep sent mail by itself, so that says nothing.",
        )
    if now < intent.attempted_at + CERTAIN_AFTER:
        return _undecided(intent.attempted_at + CERTAIN_AFTER, "It is not among the sent mail yet.")
    return Settlement(
        outcome=SettlementOutcome.NOT_SENT, evidence="The server keeps what is sent, and it is not there."
    )


def _sent(evidence: str, intent: SendIntent) -> Settlement:
    receipt = SendReceipt(provider_message_id=intent.rfc_message_id, chat_id=intent.chat_id)
    return Settlement(outcome=SettlementOutcome.SENT, evidence=evidence, receipt=receipt)


def _undecided(retry_at: datetime, evidence: str, *, answered: bool = True) -> Settlement:
    return Settlement(
        outcome=SettlementOutcome.UNDECIDED, evidence=evidence, retry_at=retry_at, answered=answered
    )
