"""Outlasting an outage of the database: for what is known here only, and may be written twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

import stamina
from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")

#: The first and the longest pause between two tries (seconds).
FIRST_S: Final = 0.1
LONGEST_S: Final = 2.0


def outlast_outage(work: Callable[[], T], *, within: timedelta) -> T:
    """Do ``work`` and return what it returns; again with growing pauses as long as the database fails it.

    ``work`` is a whole transaction, harmless twice: a cut connection does not say whether the commit arrived. Raises
    the last ``OperationalError`` or ``InterfaceError`` once ``within`` is over; at once inside a transaction, which a
    cut connection has ended.
    """
    for attempt in stamina.retry_context(
        on=_is_passing,
        attempts=None,
        timeout=within,
        wait_initial=FIRST_S,
        wait_max=LONGEST_S,
        wait_jitter=FIRST_S,
    ):
        with attempt:
            return work()
    raise AssertionError("the last try raises")


def _is_passing(error: Exception) -> bool:
    if connection.in_atomic_block or not isinstance(error, OperationalError | InterfaceError):
        return False
    connection.close_if_unusable_or_obsolete()
    return True
