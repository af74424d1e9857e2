"""Background work: tasks carry their organization, are enqueued on commit, and are only hints about rows.

A task body runs inside the scope of its organization and refuses to start without one. The row that it works on
is the truth: whoever claims the row works, a lost or doubled message changes nothing, and a sweeper finds
forgotten rows again.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import structlog
from celery import Task, current_app, shared_task
from django.db import transaction
from kombu import Connection, Producer
from kombu.exceptions import OperationalError
from kombu.pools import producers

from project.core.rehearsal import rehearsal
from project.core.scoping import current_organization_id, organization_scope, platform_scope

log = structlog.get_logger(__name__)

QUEUES = ("inbound", "dispatch", "sync", "bulk", "ai", "reports")

#: The longest that handing over one message may take, and how long nobody tries again after a failure.
BROKER_SECONDS = 1.0
PAUSE_SECONDS = 2.0

_paused_until = 0.0


def task(*, queue: str, name: str, **options: Any) -> Callable[[Callable[..., Any]], Task]:
    """Make a function a task of one organization.

    The enqueued message carries ``organization_id``; the function is called inside that scope without it.
    """
    _check_queue(queue)

    def decorate(function: Callable[..., Any]) -> Task:
        @functools.wraps(function)
        def run(*, organization_id: str, **kwargs: Any) -> Any:
            with organization_scope(organization_id):
                return function(**kwargs)

        made: Task = shared_task(name=name, queue=queue, **options)(run)
        made.organization_scoped = True
        return made

    return decorate


def platform_task(*, queue: str, name: str, **options: Any) -> Callable[[Callable[..., Any]], Task]:
    """Make a function a task over all organizations (ticks, sweepers); it runs in the platform scope."""
    _check_queue(queue)

    def decorate(function: Callable[..., Any]) -> Task:
        @functools.wraps(function)
        def run(**kwargs: Any) -> Any:
            with platform_scope(name):
                return function(**kwargs)

        made: Task = shared_task(name=name, queue=queue, **options)(run)
        made.organization_scoped = False
        return made

    return decorate


def _check_queue(queue: str) -> None:
    if queue not in QUEUES:
        raise ValueError(f"Unknown queue {queue!r}; use one of {', '.join(QUEUES)}.")


def enqueue(target: Task, *, organization_id: UUID | None = None, **kwargs: Any) -> None:
    """Hand a task to the workers once the transaction has committed; nothing happens when it rolls back.

    ``organization_id`` defaults to the active scope. Ids are passed as text. A broker that is away is logged, not
    raised: the row is the truth and the sweeper will find it. A rehearsal only notes it.
    """
    rehearsed = rehearsal()
    if rehearsed is not None:
        rehearsed.tasks[target.name] += 1
        return
    if getattr(target, "organization_scoped", False):
        kwargs["organization_id"] = str(organization_id or current_organization_id())
    payload = {key: str(value) if isinstance(value, UUID) else value for key, value in kwargs.items()}
    transaction.on_commit(functools.partial(_send, target, payload))


def _send(target: Task, payload: dict[str, Any]) -> None:
    global _paused_until  # noqa: PLW0603 (one process, one broker)
    if time.monotonic() < _paused_until:
        log.warning("task.not_enqueued", task=target.name, error="The broker was away a moment ago.")
        return
    try:
        with _producer() as producer:
            target.apply_async(kwargs=payload, retry=False, producer=producer)
    except (OperationalError, OSError) as error:
        _paused_until = time.monotonic() + PAUSE_SECONDS
        log.warning("task.not_enqueued", task=target.name, error=str(error))


@contextmanager
def _producer() -> Iterator[Producer]:
    """Lend a producer whose connection gives up soon: requests must not wait for a broker that is away.

    The workers' own connections keep Celery's patience; theirs come from another pool.
    """
    connection: Connection = current_app.connection_for_write(
        connect_timeout=BROKER_SECONDS,
        transport_options={
            **current_app.conf.broker_transport_options,
            "max_retries": 1,
            "interval_start": 0,
            "connect_retries_timeout": BROKER_SECONDS,
            "socket_timeout": BROKER_SECONDS,
            "socket_connect_timeout": BROKER_SECONDS,
        },
    )
    with producers[connection].acquire(block=True, timeout=BROKER_SECONDS) as producer:
        yield producer
