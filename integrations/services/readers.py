"""Who reads for whom: a provider that runs campaigns lists the answers to all accounts of a connection at once, so that
one of them reads for all.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from integrations import registry
from integrations.base import Capability
from integrations.models import SenderAccount
from integrations.services import freshness


def is_shared(provider: str) -> bool:
    """Whether the accounts of a connection are read together."""
    return registry.can(provider, Capability.KEEPS_THREADS)


def can_read(provider: str) -> bool:
    """Whether what comes to an account of a provider can be read, rather than only be told."""
    return freshness.is_polled(provider) or is_shared(provider)


def reader_of(sender: SenderAccount) -> SenderAccount:
    """Return the account that reads for ``sender``: itself, or the oldest one of its connection."""
    if not is_shared(sender.connection.provider):
        return sender
    rows = SenderAccount.objects.select_related("connection").filter(connection_id=sender.connection_id)
    first = rows.exclude(status=SenderAccount.Status.DELETED).order_by("created_at", "id").first()
    return first or sender


def read_by(reader: SenderAccount) -> list[SenderAccount]:
    """Return the accounts that ``reader`` reads for, itself among them."""
    if not is_shared(reader.connection.provider):
        return [reader]
    return list(SenderAccount.objects.filter(connection_id=reader.connection_id))


def readers_among(senders: Iterable[SenderAccount]) -> set[UUID]:
    """Return the ids of those accounts that read; ``senders`` are all there are, with their connections."""
    found: set[UUID] = set()
    oldest: dict[UUID, SenderAccount] = {}
    for sender in senders:
        if not is_shared(sender.connection.provider):
            found.add(sender.id)
            continue
        first = oldest.setdefault(sender.connection_id, sender)
        if (sender.created_at, sender.id) < (first.created_at, first.id):
            oldest[sender.connection_id] = sender
    return found | {sender.id for sender in oldest.values()}


def readers_for(connection_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return connection -> the account that reads for all of it, for connections that are read together."""
    rows = SenderAccount.objects.filter(connection_id__in=set(connection_ids))
    rows = rows.exclude(status=SenderAccount.Status.DELETED).order_by("connection_id", "created_at", "id")
    return dict(rows.distinct("connection_id").values_list("connection_id", "id"))
