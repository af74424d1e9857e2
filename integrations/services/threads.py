"""Which e-mail thread an answer belongs to, from what is stored: the outbox and the recorded facts.

People answer from other programs, which drop ``References``, name only the mail they answer, or name nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from integrations.events import dedupe_key
from integrations.models import OutboundMessage, ProviderEvent, ProviderEventKey, SenderAccount
from project.core.clock import now

#: An answer without any ids is only taken for one to a mail that is at most this old.
ANSWERED_WITHIN: Final = timedelta(days=90)
#: Mails to one person that are compared by subject.
MAX_COMPARED: Final = 50
#: What programs put before the subject of an answer, in their languages.
_ANSWER_MARK: Final = re.compile(
    r"\s*(?:re|aw|antw|antwort|sv|vs|rv|res|réf|ref|rép|rif|odp|ynt|ats|vá|回复|答复|返信|回覆)\s*(?:\[\d+\])?\s*[:：]\s*",  # noqa: RUF001 - the colon of Chinese and Japanese
    re.IGNORECASE,
)


def thread_of(sender: SenderAccount, message_ids: Sequence[str], counterpart: str, subject: str) -> str:
    """Return the thread's id, ``""`` if nothing stored tells it. ``message_ids`` run from the root."""
    if message_ids:
        return _by_outbox(sender, message_ids) or _by_facts(sender, message_ids)
    return _by_subject(sender, counterpart, subject)


def _by_outbox(sender: SenderAccount, message_ids: Sequence[str]) -> str:
    rows = OutboundMessage.objects.filter(sender=sender, provider_message_id__in=list(message_ids))
    known = {row[0]: row[1] or row[0] for row in rows.values_list("provider_message_id", "chat_id")}
    return next((known[found] for found in message_ids if found in known), "")


def _by_facts(sender: SenderAccount, message_ids: Sequence[str]) -> str:
    """Mails that we did not send: theirs, and the owner's from other programs."""
    account = sender.provider_account_id
    keys = [dedupe_key("message_received", account, found) for found in message_ids]
    ids = ProviderEventKey.objects.filter(sender=sender, key__in=keys).values_list("event_id", flat=True)
    payloads = ProviderEvent.objects.filter(id__in=list(ids)).order_by("occurred_at")
    return next((str(found) for found in payloads.values_list("payload__chat_id", flat=True) if found), "")


def _by_subject(sender: SenderAccount, counterpart: str, subject: str) -> str:
    """An answer by its mark and subject, to the latest mail of ours to that person that bears the subject."""
    plain = plain_subject(subject)
    if not counterpart or plain == subject.strip().casefold() or not plain:
        return ""
    rows = OutboundMessage.objects.filter(
        sender=sender,
        state=OutboundMessage.State.SENT,
        recipient__email__iexact=counterpart,
        sent_at__gte=now() - ANSWERED_WITHIN,
    ).order_by("-sent_at")
    for row in rows.values("payload", "chat_id", "provider_message_id")[:MAX_COMPARED]:
        if plain_subject(row["payload"].get("subject", "")) == plain:
            return str(row["chat_id"] or row["provider_message_id"])
    return ""


def plain_subject(subject: str) -> str:
    """Return a subject without the marks of answers, folded for comparing."""
    rest = subject
    while (mark := _ANSWER_MARK.match(rest)) is not None:
        rest = rest[mark.end() :]
    return " ".join(rest.split()).casefold()
