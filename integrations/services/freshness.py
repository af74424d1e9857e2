"""The fresh-inbox interlock: nobody is followed up by an account whose inbox we may not know.

An account is fresh while everything written to it up to ``FRESH_INBOX_MINUTES`` ago has been read
(``note``, called when a pass over its messages is complete). Accounts of providers that cannot be polled learn of
answers by webhook only; they are fresh while their connection works. A stale account is polled at once, and what waits
for it goes on by itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from integrations import registry
from integrations.base import Capability
from integrations.models import Connection, SenderAccount
from integrations.services.holds import Hold
from project.core.clock import now

#: Resources that hold what people write.
MESSAGES = "messages"
#: How soon a send that waits for a fresh inbox looks again.
RECHECK = timedelta(minutes=1)


def note(sender: SenderAccount, at: datetime) -> None:
    """Keep that everything written to ``sender`` up to ``at`` is known here. Older news changes nothing."""
    older = Q(inbound_synced_at=None) | Q(inbound_synced_at__lt=at)
    if SenderAccount.objects.filter(older, id=sender.id).update(inbound_synced_at=at):
        sender.inbound_synced_at = at


@lru_cache(maxsize=64)
def is_polled(provider: str) -> bool:
    """Whether a provider's messages are read by us, so that a time up to which they are known exists."""
    try:
        capabilities = registry.get(provider).capabilities
    except registry.UnknownProviderError:
        return False
    return bool(capabilities & {Capability.SYNCS_MESSAGES, Capability.POLLS_INBOUND})


@lru_cache(maxsize=64)
def is_told(provider: str) -> bool:
    """Whether a provider calls us, so that it is only polled when it falls silent."""
    try:
        return Capability.RECEIVES_WEBHOOKS in registry.get(provider).capabilities
    except registry.UnknownProviderError:
        return False


def stale_since(sender: SenderAccount, at: datetime, *, minutes: int | None = None) -> datetime | None:
    """Return since when the inbox of ``sender`` is not known (last complete pass, else its connecting), or ``None``.

    ``minutes`` is the organization's own patience; 0 switches the interlock off. Reads ``sender.connection``.
    """
    patience = settings.FRESH_INBOX_MINUTES if minutes is None else minutes
    if not patience:
        return None
    if not is_polled(sender.connection.provider):
        return None if sender.connection.status == Connection.Status.OK else sender.connection.updated_at
    known = sender.inbound_synced_at or sender.created_at
    if sender.inbound_synced_at is not None and known >= at - timedelta(minutes=patience):
        return None
    return known


def hold(sender: SenderAccount, at: datetime, *, minutes: int | None = None) -> Hold | None:
    """Return why no follow-up may leave ``sender`` at ``at``, or ``None``."""
    since = stale_since(sender, at, minutes=minutes)
    if since is None:
        return None
    if not is_polled(sender.connection.provider):
        reason = f"Answers to {sender.name} may be missing: its connection does not work."
    elif sender.inbound_synced_at is None:
        reason = f"The inbox of {sender.name} has not been read yet; it is read now."
    else:
        age = int((at - since).total_seconds() // 60)
        reason = f"The inbox of {sender.name} was last read {age} minutes ago; it is read again first."
    return Hold("stale_inbox", reason, until=at + RECHECK)


def poll(sender_ids: set[UUID]) -> int:
    """Have stale accounts read now; return how many runs were asked for. An account that is being read is left."""
    from integrations.services import sync  # it notes what it has read

    asked = 0
    rows = SenderAccount.objects.select_related("connection").filter(id__in=sender_ids)
    for sender in rows:
        if is_polled(sender.connection.provider):
            run = sync.request(sender=sender, resource=MESSAGES, trigger="stale inbox")
            asked += run is not None
    return asked


def refreshed_at(sender: SenderAccount) -> datetime | None:
    """When the inbox of ``sender`` was last known to be complete; now for accounts that are told by webhook."""
    if is_polled(sender.connection.provider):
        return sender.inbound_synced_at
    return now() if sender.connection.status == Connection.Status.OK else None
