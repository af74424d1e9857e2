"""The one lock of this room, and the order in which rows are locked below it.

Everything that changes what we know about a sender account - a recorded fact, an outbox row, its status -
happens in a transaction that first takes the account's lock. Two facts about one conversation are therefore
applied one after the other, an account has one write in flight, and the rooms above cannot deadlock over rows
of one account.

Several accounts' locks are taken in the order of their ids. Work that learns only under one lock that it needs another
one (a fact whose lead has other senders) runs ``in_lock_order``.

Order, always from the top: (1) account lock, (2) rows of ``integrations``, (3) enrollments, in order of their
ids, (4) conversations, in order of their ids, (5) facts and counters, (6) stream events. Nothing is asked of
a provider while a lock is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TypeVar
from uuid import UUID

from django.db import connection, transaction

T = TypeVar("T")
#: How often work is begun anew because it wanted a lock out of order; then it waits for it, order or not.
RESTARTS = 5


class _OutOfOrder(Exception):
    """The work has to be begun anew, with these locks from the beginning."""

    def __init__(self, sender_ids: set[UUID]) -> None:
        super().__init__("Locks are wanted out of order.")
        self.sender_ids = sender_ids


#: The locks that the running work of ``in_lock_order`` holds.
_held: ContextVar[set[UUID] | None] = ContextVar("held_sender_locks", default=None)


def in_lock_order(sender_ids: Iterable[UUID], work: Callable[[], T]) -> T:
    """Do ``work`` in a transaction that holds accounts' locks, and in which more of them may be taken.

    One that comes earlier in the order and is not free is never waited for while later ones are held: two that wait for
    each other so would be a deadlock. The transaction is rolled back and begun anew with all of them, so ``work`` must
    change nothing but the database. Inside another transaction, whose locks would stay, it simply waits.
    """
    wanted = set(sender_ids)
    for _ in range(RESTARTS if not connection.in_atomic_block else 0):
        token = _held.set(set())
        try:
            with transaction.atomic():
                lock_senders(wanted)
                return work()
        except _OutOfOrder as more:
            wanted |= more.sender_ids
        finally:
            _held.reset(token)
    with transaction.atomic():
        lock_senders(wanted)
        return work()


def lock_sender(sender_id: UUID) -> None:
    """Wait for the account's lock and hold it until the transaction ends. Raises ``RuntimeError`` outside
    one.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An account's lock lasts as long as a transaction; open one first.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"sender:{sender_id}"])


def lock_senders(sender_ids: Iterable[UUID]) -> None:
    """Wait for the locks of several accounts, one after the other in order of their ids."""
    wanted = sorted(sender_ids)
    held = _held.get()
    if held is None:
        for sender_id in wanted:
            lock_sender(sender_id)
        return
    last = max(held, default=None)
    early = [
        sender_id for sender_id in wanted if last is not None and sender_id < last and sender_id not in held
    ]
    if set(early) - try_lock_senders(early):
        raise _OutOfOrder(set(wanted))
    for sender_id in wanted:
        if sender_id not in held and sender_id not in early:
            lock_sender(sender_id)
    held.update(wanted)


def try_lock_senders(sender_ids: Iterable[UUID]) -> set[UUID]:
    """Take the locks of several accounts without waiting; return those that were free. One statement."""
    wanted = sorted(sender_ids)
    if not wanted:
        return set()
    if not connection.in_atomic_block:
        raise RuntimeError("An account's lock lasts as long as a transaction; open one first.")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, pg_try_advisory_xact_lock(hashtextextended('sender:' || id, 0))"
            " FROM unnest(%s::text[]) AS wanted (id)",
            [[str(sender_id) for sender_id in wanted]],
        )
        return {UUID(sender_id) for sender_id, is_ours in cursor.fetchall() if is_ours}


def is_waited_for() -> bool:
    """Say whether another session waits for something that the running transaction holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks AS waiting WHERE NOT waiting.granted"
            " AND pg_backend_pid() = ANY (pg_blocking_pids(waiting.pid)))"
        )
        return bool(cursor.fetchone()[0])


def wait_at_most(milliseconds: int) -> None:
    """Have the running transaction give up what it waits for after this long: ``OperationalError``."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])
