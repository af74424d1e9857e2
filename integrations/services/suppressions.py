"""Lists of whom a provider refuses to write to, kept in step with our own, both ways.

What a provider lists is told to the rooms above as ``ProviderSuppressed``, page by page, and may be told again;
what people ask of us is put on the provider's list. Our own list is asked before every send, so that a push that
gets lost costs nothing but a message that the provider would have dropped.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.dateparse import parse_datetime

from integrations import registry
from integrations.base import Capability, SyncsSuppressions, require
from integrations.domain_events import ProviderSuppressed
from integrations.models import Connection, SenderAccount
from integrations.services.adapters import adapter_of
from project.core.clock import now
from project.core.events import publish
from project.core.tasks import enqueue

log = structlog.get_logger(__name__)

#: Lists that stop later mail. Blocks do not: they are about one message.
KINDS: Final = ("complaint", "unsubscribe", "bounce", "invalid")
#: Entries may show up a little late at the provider, and its clock is not ours.
OVERLAP: Final = timedelta(hours=1)
EVERY: Final = timedelta(hours=1)
#: More pages of one list than this are read the next time.
MAX_PAGES: Final = 200


def pull(connection: Connection) -> int:
    """Read what the provider's lists hold since the last time; return how many entries were told.

    A list whose reading breaks off is read again from where it began. Raises ``ProviderError``.
    """
    adapter = require(adapter_of(connection), SyncsSuppressions)
    told = 0
    for kind in KINDS:
        began = now()
        told += _pull_list(connection, adapter, kind)
        _note(connection, kind, began)
    return told


def _pull_list(connection: Connection, adapter: SyncsSuppressions, kind: str) -> int:
    told = 0
    cursor: str | None = None
    for _page in range(MAX_PAGES):
        page = adapter.list_suppressions(kind=kind, after=_since(connection, kind), cursor=cursor)
        with transaction.atomic():
            for entry in page.items:
                publish(ProviderSuppressed(connection=connection, suppression=entry))
        told += len(page.items)
        cursor = page.cursor
        if cursor is None:
            break
    return told


def _since(connection: Connection, kind: str) -> datetime | None:
    stored = parse_datetime(connection.suppressions_read.get(kind, ""))
    return stored - OVERLAP if stored else None


def _note(connection: Connection, kind: str, began: datetime) -> None:
    """Keep how far a list was read."""
    with transaction.atomic():
        locked = Connection.objects.select_for_update(of=("self",)).get(id=connection.id)
        locked.suppressions_read = {**locked.suppressions_read, kind: began.isoformat()}
        locked.save(update_fields=["suppressions_read", "updated_at"])
    connection.suppressions_read = locked.suppressions_read


def due() -> list[tuple[UUID, UUID]]:
    """Return (connection, organization) of connections whose lists are to be read. Runs over all organizations."""
    before = (now() - EVERY).isoformat()
    rows = Connection.objects.filter(provider__in=_able()).exclude(
        status__in=[Connection.Status.FAILING, Connection.Status.DISABLED]
    )
    found = rows.values_list("id", "organization_id", "suppressions_read")
    return [
        (connection_id, organization_id)
        for connection_id, organization_id, read in found
        if any(read.get(kind, "") < before for kind in KINDS)
    ]


def tell(*, client_id: UUID | None, address: str) -> int:
    """Put an address that asked to be left out on the lists of the providers concerned, once this transaction
    commits; return how many there are.

    A list of a connection that several clients send through is told only what holds for all of them.
    """
    return _enqueue(_concerned(client_id), address, listed=True)


def take_back(*, client_id: UUID | None, address: str) -> int:
    """Take an address that may be written to again off the lists it was put on by ``tell``; return how many."""
    return _enqueue(_concerned(client_id), address, listed=False)


def _enqueue(connections: list[Connection], address: str, *, listed: bool) -> int:
    from integrations.tasks import push_suppression  # tasks call services

    for connection in connections:
        enqueue(push_suppression, connection_id=connection.id, address=address, listed=listed)
    return len(connections)


def _concerned(client_id: UUID | None) -> list[Connection]:
    rows = Connection.objects.filter(provider__in=_able()).exclude(status=Connection.Status.DISABLED)
    if client_id is None:
        return list(rows)
    shared = SenderAccount.objects.exclude(client_id=client_id).values("connection_id")
    used = SenderAccount.objects.filter(client_id=client_id).values("connection_id")
    return list(rows.filter(Q(client_id=client_id) | (Q(id__in=used) & ~Q(id__in=shared))))


def push(*, connection: Connection, address: str, listed: bool = True) -> None:
    """Put one address on the provider's list, or take it off. Raises ``ProviderError``."""
    adapter = require(adapter_of(connection), SyncsSuppressions)
    if listed:
        adapter.suppress(address)
    else:
        adapter.unsuppress(address)


def _able() -> list[str]:
    return [item.kind for item in registry.providers() if Capability.SYNCS_SUPPRESSIONS in item.capabilities]
