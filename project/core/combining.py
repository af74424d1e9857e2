"""Threads that want the same kind of work done at the same time have it done together, by one of them.

Whoever comes while nobody is at work does its own at once, without waiting for company. Whoever comes meanwhile waits;
when the work ends, the first of those who wait does it for all of them. The busier it gets, the more is done at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Unfinished(Exception):
    """The thread that was to do this work ended before it was done."""


@dataclass(slots=True)
class _Turn(Generic[Item, Result]):
    """One item that somebody waits for. ``gate`` opens when it is done, or when its thread is to lead ``batch``."""

    item: Item
    gate: Lock = field(default_factory=Lock)
    batch: list[_Turn[Item, Result]] = field(default_factory=list)
    outcome: Result | Exception = field(default_factory=Unfinished)


class Combiner(Generic[Item, Result]):
    """Does ``work`` for many items at once, at most ``most``.

    ``work`` returns one result per item, in their order; what it raises is raised to everybody whose item was among
    them.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]], *, most: int) -> None:
        self._work = work
        self._most = most
        self._lines: dict[Hashable, list[_Turn[Item, Result]]] = {}
        self._lock = Lock()

    def do(self, line: Hashable, item: Item) -> Result:
        """Have an item worked on together with others of the same ``line``; return its result or raise its
        exception.
        """
        mine = _Turn[Item, Result](item)
        with self._lock:
            others = self._lines.get(line)
            if others is None:
                self._lines[line] = []
                mine.batch = [mine]
            else:
                mine.gate.acquire()
                others.append(mine)
        if not mine.batch:
            mine.gate.acquire()
        if mine.batch:
            try:
                self._lead(mine)
            finally:
                self._hand_on(line)
        if isinstance(mine.outcome, Exception):
            raise mine.outcome
        return mine.outcome

    def _lead(self, mine: _Turn[Item, Result]) -> None:
        batch, mine.batch = mine.batch, []
        try:
            results = self._work([turn.item for turn in batch])
            for turn, result in zip(batch, results, strict=True):
                turn.outcome = result
        except Exception as error:  # noqa: BLE001 - raised to everybody whose work it was, in their own threads
            for turn in batch:
                turn.outcome = error
        finally:
            for turn in batch:
                if turn is not mine:
                    turn.gate.release()

    def _hand_on(self, line: Hashable) -> None:
        """Let the first of those who wait lead the next batch, or close the line."""
        with self._lock:
            waiting = self._lines[line]
            if not waiting:
                del self._lines[line]
                return
            leader = waiting[0]
            leader.batch, self._lines[line] = waiting[: self._most], waiting[self._most :]
            leader.gate.release()
