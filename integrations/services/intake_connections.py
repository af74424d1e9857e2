"""The connections that providers call, as this process remembers them between calls.

A call needs the connection's secrets before it may be stored, and secrets are encrypted. What was opened for one call
is therefore kept for the next ones. Nobody relies on it alone: the statement that stores a call stores nothing when
the row has changed since (``intake``), and whoever is refused is looked at again with what is stored now.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import Final
from uuid import UUID

from integrations.base import ReceivesWebhooks, require
from integrations.models import Connection
from integrations.services.adapters import adapter_of, credentials_of, webhook_secrets
from project.core.http import Redactor
from project.core.scoping import platform_scope

#: Seconds after which a connection is read again whatever happened, and how many are remembered at most.
REMEMBERED_S: Final = 60.0
MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Opened:
    """What taking in a call needs of a connection, as its row was (``credentials``, ``status``)."""

    id: UUID
    organization_id: UUID
    provider: str
    status: str
    credentials: str
    receiver: ReceivesWebhooks
    secrets: list[str]
    redactor: Redactor
    until: float


_opened: dict[tuple[str, str], Opened] = {}
_lock = Lock()


def find(provider: str, key: str) -> Connection | None:
    """Return the connection that an address names, ``None`` if there is none. Needs no scope."""
    with platform_scope("find the connection of a webhook"):
        found: Connection | None = Connection.objects.filter(key=key, provider=provider).first()
    return found


def remembered(provider: str, key: str) -> Opened | None:
    """Return what is remembered of the connection that an address names."""
    known = _opened.get((provider, key))
    return known if known is not None and known.until > time.monotonic() else None


def opened(connection: Connection) -> Opened:
    """Open a connection and remember it. Raises ``ProviderError`` if no call can be verified for it."""
    credentials = credentials_of(connection)
    secrets = webhook_secrets(connection.provider, credentials)
    made = Opened(
        id=connection.id,
        organization_id=connection.organization_id,
        provider=connection.provider,
        status=connection.status,
        credentials=connection.credentials,
        receiver=require(adapter_of(connection, credentials), ReceivesWebhooks),
        secrets=secrets,
        redactor=Redactor(secrets),
        until=time.monotonic() + REMEMBERED_S,
    )
    with _lock:
        if len(_opened) >= MOST:
            _opened.clear()
        _opened[connection.provider, connection.key] = made
    return made
