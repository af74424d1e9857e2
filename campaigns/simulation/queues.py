"""The clock of a simulation and the lines in which actions wait for a budget."""

from __future__ import annotations

import heapq
from datetime import datetime

from campaigns.scheduling import fraction

Item = tuple[datetime, int, int, object]
"""(when, kind, number of the person, payload)"""


class Queue:
    """What is to come, by time; at one instant in the order in which it was put in."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, int, int, object]] = []
        self._count = 0

    def push(self, at: datetime, kind: int, number: int, payload: object) -> None:
        """Put something on the clock."""
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, kind, number, payload))

    def pop(self, end: datetime) -> Item | None:
        """The next thing up to ``end``, or None."""
        if not self._heap or self._heap[0][0] > end:
            return None
        at, _, kind, number, payload = heapq.heappop(self._heap)
        return at, kind, number, payload


class Waiting:
    """People who wait for one budget, in the order in which they would be spread over the next opening."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str, int, int]] = []
        self._count = 0
        self.free_at: datetime | None = None
        self.version = 0
        #: Who is on the clock for which opening: ``(number, turn, free_at)``; ``None`` while nobody is.
        self.called: tuple[int, int, datetime | None] | None = None

    def __len__(self) -> int:
        """How many wait, those included who have been withdrawn since."""
        return len(self._heap)

    def join(self, seed: str, number: int, turn: int) -> None:
        """Wait; ``turn`` tells later whether the action is still wanted."""
        self._count += 1
        heapq.heappush(self._heap, (fraction(seed), self._count, seed, number, turn))

    def head(self) -> tuple[int, int]:
        """(number, turn) of the first in line."""
        return self._heap[0][3], self._heap[0][4]

    def head_seed(self) -> str:
        """The seed of the first in line."""
        return self._heap[0][2]

    def leave(self) -> tuple[int, int]:
        """Take the first out of the line."""
        _, _, _, number, turn = heapq.heappop(self._heap)
        return number, turn
