"""Work of several threads done in one go: whoever comes while others' is under way waits, and then all is done at once.

For work that costs little more for many than for one (a statement and its commit). Nobody waits who comes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Turn(Enum):
    #: It was in somebody's lot that failed: its own thread does it by itself, so that one bad item harms no other.
    ALONE = auto()
    #: Its own thread does what waits now, its own included.
    LEADS = auto()
    DONE = auto()


class _Place(Generic[Item, Result]):
    """An item in the line. ``woken`` is held until its turn has come."""

    __slots__ = ("item", "result", "turn", "woken")

    result: Result

    def __init__(self, item: Item) -> None:
        self.item = item
        self.turn = _Turn.ALONE
        self.woken = Lock()
        self.woken.acquire()


class Together(Generic[Item, Result]):
    """A line of items. ``work`` does several at once and returns a result for each; it must be all or nothing."""

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._lock = Lock()
        self._waiting: list[_Place[Item, Result]] = []
        self._is_led = False

    def do(self, item: Item, work: Callable[[Sequence[Item]], Sequence[Result]]) -> Result:
        """Have an item done, alone or with others; return its result. Raises what ``work`` raises for it alone."""
        own: _Place[Item, Result] = _Place(item)
        with self._lock:
            self._waiting.append(own)
            leads = not self._is_led
            self._is_led = True
        if not leads:
            own.woken.acquire()
            leads = own.turn is _Turn.LEADS
        if leads:
            self._lead(own, work)
        return own.result if own.turn is _Turn.DONE else work([item])[0]

    def _lead(self, own: _Place[Item, Result], work: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        with self._lock:
            lot, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            for place, result in zip(lot, work([place.item for place in lot]), strict=True):
                place.result, place.turn = result, _Turn.DONE
        except Exception:
            if len(lot) == 1:
                raise
        finally:
            for place in lot:
                if place is not own:
                    place.woken.release()
            self._hand_on()

    def _hand_on(self) -> None:
        with self._lock:
            if not self._waiting:
                self._is_led = False
                return
            following = self._waiting[0]
            following.turn = _Turn.LEADS
        following.woken.release()
