"""The one lock of this room, and the order in which rows are locked below it.

Everything that changes what we know about a sender account - a recorded fact, an outbox row, its status -
happens in a transaction that first takes the account's lock. Two facts about one conversation are therefore
applied one after the other, an account has one write in flight, and the rooms above cannot deadlock over rows
of one account.

Order, always from the top: (1) account lock, (2) rows of ``integrations``, (3) enrollments, in order of their
ids, (4) conversations, in order of their ids, (5) facts and counters, (6) stream events. Nothing is asked of
a provider while a lock is held.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import connection


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
    for sender_id in sorted(sender_ids):
        lock_sender(sender_id)


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
