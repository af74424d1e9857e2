"""``emit``: what services call, inside their transaction, when something that screens show has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from project.core.realtime import rendering, sequencer
from project.core.realtime.models import StreamEvent
from project.core.realtime.names import check_name
from project.core.rehearsal import rehearsal
from project.core.scoping import current_organization_id


class _Sequence:
    """The on-commit callback of one organization, comparable so that a transaction registers it once."""

    def __init__(self, organization_id: UUID) -> None:
        self.organization_id = organization_id
        # Django names a robust callback that broke by this, and instances have none by themselves.
        self.__qualname__ = type(self).__qualname__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sequence) and other.organization_id == self.organization_id

    def __hash__(self) -> int:
        return hash(self.organization_id)

    def __call__(self) -> None:
        sequencer.number_and_publish(self.organization_id)


def emit(
    *, stream: str, kind: str, subject: tuple[str, UUID] | None = None, data: Mapping[str, Any] | None = None
) -> None:
    """Record that ``subject`` changed in a way that the subscribers of ``stream`` see.

    Must run inside a transaction and an organization's scope. The event gets its number and is rendered and
    pushed after the commit; a rollback takes it back. Several events of the same stream, kind and subject may
    be rendered once, from the state at that time, with the ``data`` of the last of them.

    Raises ``BadStreamName``, ``UnknownKind`` (no renderer was registered), ``ScopeMissing``, and
    ``RuntimeError`` outside a transaction.
    """
    _write([(stream, kind, subject, data)])


def emit_many(events: Sequence[tuple[str, str, tuple[str, UUID]]]) -> None:
    """``emit`` for many events without data, as (stream, kind, subject), with one statement."""
    if events:
        _write([(stream, kind, subject, None) for stream, kind, subject in events])


def emit_each(events: Sequence[tuple[str, str, tuple[str, UUID], Mapping[str, Any]]]) -> None:
    """``emit`` for many events, as (stream, kind, subject, data), with one statement."""
    if events:
        _write(events)


def _write(events: Sequence[tuple[str, str, tuple[str, UUID] | None, Mapping[str, Any] | None]]) -> None:
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise RuntimeError(f"{events[0][1]} must be emitted inside a transaction.")
    organization_id = current_organization_id()
    rows = []
    for stream, kind, subject, data in events:
        rendering.check_kind(kind)
        subject_type, subject_id = subject or ("", None)
        rows.append(
            StreamEvent(
                organization_id=organization_id,
                stream=check_name(stream),
                kind=kind,
                subject_type=subject_type,
                subject_id=subject_id,
                data=dict(data or {}),
            )
        )
    rehearsed = rehearsal()
    if rehearsed is not None:
        rehearsed.live_events.update(row.kind for row in rows)
        return
    StreamEvent.objects.bulk_create(rows)
    callback = _Sequence(organization_id)
    if not _is_registered(connection, callback):
        # robust: whatever goes wrong here, the business transaction has already succeeded; the sweep repairs
        # it.
        transaction.on_commit(callback, using=DEFAULT_DB_ALIAS, robust=True)


def _is_registered(connection: BaseDatabaseWrapper, callback: _Sequence) -> bool:
    """Say whether this transaction will already run ``callback``, whatever savepoint rolls back later.

    An earlier registration counts only if it lies in savepoints that are still open: otherwise it may be
    undone while the event just written stays.
    """
    open_savepoints = set(connection.savepoint_ids)
    return any(
        registered == callback and savepoints <= open_savepoints
        for savepoints, registered, *_ in connection.run_on_commit
    )
