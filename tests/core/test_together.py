"""Several threads' work done in one go: each is done once, nobody waits for ever, and one bad item harms no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from project.core.together import Together


class Statement:
    """Work that waits in its first turn until the others have come; refuses a lot with a bad item in it."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.began, self.go_on = threading.Event(), threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.lots.append(list(items))
        if len(self.lots) == 1:
            self.began.set()
            self.go_on.wait(60)
        if any(item < 0 for item in items):
            raise ValueError(f"{items} cannot be stored.")
        return [item * 10 for item in items]


def crowd(line: Together[int, int], work: Statement, items: Sequence[int]) -> dict[int, int | str]:
    """Let a first thread begin, and the others come meanwhile; return what each was told."""
    told: dict[int, int | str] = {}

    def call(item: int) -> None:
        try:
            told[item] = line.do(item, work)
        except ValueError as error:
            told[item] = str(error)

    threads = [threading.Thread(target=call, args=(item,)) for item in items]
    threads[0].start()
    assert work.began.wait(60)
    for thread in threads[1:]:
        thread.start()
    while len(line._waiting) < len(items) - 1:
        assert all(thread.is_alive() for thread in threads)
    work.go_on.set()
    for thread in threads:
        thread.join(60)
    assert line._waiting == []
    return told


def test_who_comes_alone_waits_for_nobody() -> None:
    line, work = Together[int, int](), Statement()
    work.go_on.set()
    assert [line.do(item, work) for item in (1, 2)] == [10, 20]
    assert work.lots == [[1], [2]]


def test_who_comes_meanwhile_is_done_together() -> None:
    line, work = Together[int, int](most=4), Statement()
    assert crowd(line, work, range(1, 8)) == {item: item * 10 for item in range(1, 8)}
    assert [len(lot) for lot in work.lots] == [1, 4, 2]


@pytest.mark.parametrize("first", [1, -1])
def test_one_bad_item_harms_no_other(first: int) -> None:
    line, work = Together[int, int](), Statement()
    told = crowd(line, work, [first, 2, -3, 4])
    assert (told[2], told[4]) == (20, 40)
    assert told[-3] == "[-3] cannot be stored."
    assert told[first] == (10 if first > 0 else "[-1] cannot be stored.")
    # Afterwards it goes on as ever.
    assert line.do(5, work) == 50
