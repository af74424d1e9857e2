"""Errors of providers as facts: whatever an adapter raises is counted, by connection, account, kind, call and minute.

``watched`` is the one place: adapters of stored connections are built through it, so that no caller can forget to
note. Noting never breaks the call that failed.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from datetime import timedelta
from types import FunctionType
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

from integrations import metrics, streams
from integrations.base import Adapter
from integrations.domain_events import ProviderFailed
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection, ProviderFailure, SenderAccount
from project.core.clock import now
from project.core.events import publish
from project.core.ids import uuid7
from project.core.scoping import organization_scope

log = structlog.get_logger(__name__)

#: How long failures are kept.
KEEP: Final = timedelta(days=30)
TRIM_BATCH: Final = 10_000

_COUNT = """
INSERT INTO integrations_providerfailure AS row (
    id, organization_id, created_at, updated_at, minute, connection_id, sender_id, provider, kind, is_transient, route,
    count, last_at, status, raw_type, message
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s, %s, %s)
ON CONFLICT (organization_id, connection_id, sender_id, kind, route, minute) DO UPDATE SET
    count = row.count + 1, last_at = excluded.last_at, updated_at = excluded.updated_at,
    status = excluded.status, raw_type = excluded.raw_type, message = excluded.message
RETURNING count
"""


def watched(adapter: Adapter, of: Connection) -> Adapter:
    """Return the adapter with every public call of it noting the ``ProviderError`` that it raises."""
    watching: Any = adapter
    watching.__class__ = _watching(type(adapter))
    watching._noted_for = (of.id, of.organization_id)
    return adapter


@functools.lru_cache(maxsize=64)
def _watching(adapter_class: type[Any]) -> type[Any]:
    """Return a subclass whose public methods note what they raise; what it can do stays visible to ``isinstance``."""
    calls = {
        name: _noting(adapter_class, name)
        for name in dir(adapter_class)
        if not name.startswith("_") and isinstance(inspect.getattr_static(adapter_class, name), FunctionType)
    }
    return type(adapter_class.__name__, (adapter_class,), {**calls, "__module__": adapter_class.__module__})


def _noting(adapter_class: type[Any], name: str) -> Callable[..., Any]:
    @functools.wraps(getattr(adapter_class, name))
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(adapter_class, name)(self, *args, **kwargs)
        except ProviderError as error:
            connection_id, organization_id = self._noted_for
            note(
                error,
                connection_id=connection_id,
                organization_id=organization_id,
                account_id=str(kwargs.get("account_id", "")),
                route=name,
            )
            raise

    return call


def note(
    error: ProviderError, *, connection_id: UUID, organization_id: UUID, account_id: str = "", route: str
) -> None:
    """Count one error. One that was counted already, or that is as good as success, changes nothing.

    Inside a transaction that is rolled back the count goes with it: calls to providers are made outside of any.
    """
    if error.route or error.kind is ErrorKind.ALREADY_DONE:
        return
    error.route = route
    metrics.PROVIDER_ERRORS.labels(error.provider, error.kind.value, str(error.transient).lower()).inc()
    try:
        with organization_scope(organization_id), transaction.atomic():
            _count(error, connection_id, organization_id, account_id)
    except DatabaseError as trouble:
        log.warning("failure.not_noted", provider=error.provider, kind=error.kind, error=str(trouble))


def _count(error: ProviderError, connection_id: UUID, organization_id: UUID, account_id: str) -> None:
    at = now()
    sender_id = None
    if account_id:
        accounts = SenderAccount.objects.filter(connection_id=connection_id, provider_account_id=account_id)
        sender_id = accounts.values_list("id", flat=True).first()
    minute = at.replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            [
                uuid7(), organization_id, at, at, minute, connection_id, sender_id, error.provider[:32],
                error.kind.value, error.transient, error.route[:60], at, error.status, error.raw_type[:120],
                error.message[:1000],
            ],
        )  # fmt: skip
        is_new = cursor.fetchone()[0] == 1
    if is_new:
        streams.weather_changed()
        publish(ProviderFailed(connection_id=connection_id, kind=error.kind.value))


def trim() -> int:
    """Forget failures older than ``KEEP``, a batch at a time; return how many. Runs over all organizations."""
    old = ProviderFailure.objects.filter(minute__lt=now() - KEEP).order_by("minute")
    ids = list(old.values_list("id", flat=True)[:TRIM_BATCH])
    ProviderFailure.objects.filter(id__in=ids).delete()
    return len(ids)
