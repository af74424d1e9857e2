"""Did it go out? Looks for an uncertain send in Unipile's records (mission C10).

Reads of Unipile's store lag 30-60 s behind LinkedIn (docs/providers/unipile.md, section 1). So "it is there"
counts at once, "it is not there" only some time after the attempt, from a complete list, and with the account
connected: a signed-out account's store is stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Protocol

from integrations.base import ConnectsAccounts, ReadsProfiles, SyncsMessages, SyncsRelations
from integrations.errors import ErrorKind, ProviderError
from integrations.providers.unipile.fields import normalise_text
from integrations.values import (
    AccountStatus,
    ChatMessage,
    Direction,
    InvitationState,
    SendAction,
    SendIntent,
    SendReceipt,
    SentInvitation,
    Settlement,
    SettlementOutcome,
)

#: Twice the largest lag that was seen.
CACHE_LAG: Final = timedelta(seconds=120)
#: How far the provider's clock may be behind ours.
CLOCK_SKEW: Final = timedelta(seconds=60)
_ASK_AGAIN: Final = timedelta(seconds=60)
_ASK_AGAIN_DISCONNECTED: Final = timedelta(minutes=15)
_MAX_PAGES: Final = 10
_MAX_CHATS: Final = 5
#: Unipile never saw the person or the chat: an answer, and the account's state decides how much it is worth.
_SAYS_NOTHING: Final = frozenset({ErrorKind.NOT_FOUND, ErrorKind.RECIPIENT})


class Records(ConnectsAccounts, ReadsProfiles, SyncsMessages, SyncsRelations, Protocol):
    """What of the adapter is needed to look."""


class _IncompleteError(Exception):
    """The list is too long to say that something is not in it."""


def settle(records: Records, intent: SendIntent, now: datetime) -> Settlement:
    """Look for ``intent``. Failures of the provider are ``undecided``, never raised."""
    try:
        found = (
            _invitation(records, intent) if intent.action is SendAction.INVITE else _message(records, intent)
        )
        if found is not None:
            return found
        status = records.get_account(intent.account_id).status
    except ProviderError as error:
        wait = max(_ASK_AGAIN, timedelta(seconds=error.retry_after or 0))
        evidence = f"Unipile could not be asked: {error.message}"
        return _undecided(now + wait, evidence, answered=not error.transient)
    except _IncompleteError:
        return _undecided(now + _ASK_AGAIN_DISCONNECTED, "The list at Unipile is too long to be sure.")
    if status is not AccountStatus.OK:
        return _undecided(
            now + _ASK_AGAIN_DISCONNECTED, "The account is not connected, so Unipile's records may be old."
        )
    certain_at = intent.attempted_at + CACHE_LAG
    if now < certain_at:
        return _undecided(certain_at, "Unipile does not show it yet; its records lag up to a minute.")
    return Settlement(outcome=SettlementOutcome.NOT_SENT, evidence="Unipile's records do not show it.")


def _undecided(retry_at: datetime, evidence: str, *, answered: bool = True) -> Settlement:
    return Settlement(
        outcome=SettlementOutcome.UNDECIDED, evidence=evidence, retry_at=retry_at, answered=answered
    )


def _sent(evidence: str, receipt: SendReceipt) -> Settlement:
    return Settlement(outcome=SettlementOutcome.SENT, evidence=evidence, receipt=receipt)


def _invitation(records: Records, intent: SendIntent) -> Settlement | None:
    """Look among the pending invitations, then at the profile (which costs a profile view)."""
    incomplete = False
    try:
        for invitation in _pending(records, intent.account_id):
            if _is_for(invitation, intent):
                return _sent(
                    "The invitation is pending at LinkedIn.",
                    SendReceipt(invitation_id=invitation.invitation_id, raw=invitation.raw),
                )
    except _IncompleteError:
        incomplete = True
    evidence = _profile_evidence(records, intent)
    if evidence:
        return _sent(evidence, SendReceipt())
    if incomplete:
        raise _IncompleteError
    return None


def _pending(records: Records, account_id: str) -> Iterator[SentInvitation]:
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = records.list_sent_invitations(account_id=account_id, cursor=cursor, limit=100)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
    raise _IncompleteError


def _is_for(invitation: SentInvitation, intent: SendIntent) -> bool:
    if intent.recipient_provider_id and invitation.provider_id:
        return invitation.provider_id == intent.recipient_provider_id
    slug = intent.recipient_public_identifier.lower()
    return bool(slug) and invitation.public_identifier == slug


def _profile_evidence(records: Records, intent: SendIntent) -> str:
    """Return what the profile says for the invitation having gone out, ``""`` if nothing."""
    identifier = intent.recipient_provider_id or intent.recipient_public_identifier
    try:
        profile = records.get_profile(account_id=intent.account_id, identifier=identifier)
    except ProviderError as error:
        if error.kind in _SAYS_NOTHING:
            return ""
        raise
    if profile.is_connected:
        return "The two are connected."
    if profile.invitation is InvitationState.SENT_PENDING:
        return "The profile shows a pending invitation."
    if profile.invitation is InvitationState.SENT_IGNORED:
        return "The profile shows an invitation that was ignored."
    return ""


def _message(records: Records, intent: SendIntent) -> Settlement | None:
    """Look for the same text since the attempt, in the chat or in all chats with the person."""
    try:
        found = next(
            message
            for chat_id in _chat_ids(records, intent)
            for message in _since(records, intent, chat_id)
            if _is_it(message, intent)
        )
    except StopIteration:
        return None
    except ProviderError as error:
        if error.kind in _SAYS_NOTHING:
            return None
        raise
    return _sent(
        "The chat holds the message.",
        SendReceipt(
            message_id=found.message_id,
            provider_message_id=found.provider_message_id,
            chat_id=found.chat_id or intent.chat_id,
            provider_chat_id=found.provider_chat_id,
            raw=found.raw,
        ),
    )


def _chat_ids(records: Records, intent: SendIntent) -> tuple[str, ...]:
    if intent.chat_id:
        return (intent.chat_id,)
    chats = records.chats_with(
        account_id=intent.account_id, recipient_provider_id=intent.recipient_provider_id
    )
    return tuple(chat.chat_id for chat in chats.items[:_MAX_CHATS])


def _since(records: Records, intent: SendIntent, chat_id: str) -> Iterator[ChatMessage]:
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = records.list_messages(
            account_id=intent.account_id,
            chat_id=chat_id,
            after=intent.attempted_at - CLOCK_SKEW,
            cursor=cursor,
        )
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
    raise _IncompleteError


def _is_it(message: ChatMessage, intent: SendIntent) -> bool:
    """Say whether a message is the intended one: not theirs, not another of ours, same text and files."""
    return (
        message.direction is not Direction.INBOUND
        and not message.ids & intent.known_message_ids
        and normalise_text(message.text) == normalise_text(intent.text)
        and (bool(intent.text) or len(message.attachments) == intent.attachment_count)
        and message.sent_at >= intent.attempted_at - CLOCK_SKEW
    )
