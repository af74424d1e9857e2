"""What is combined is done once, by one thread at a time; a failure reaches everybody whose work it was."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence

import pytest

from project.core.combining import Combiner, Unfinished


def _at_once(
    combiner: Combiner[int, int], items: Sequence[int], lines: int = 1
) -> dict[int, int | Exception]:
    start, got = threading.Barrier(len(items)), dict[int, int | Exception]()

    def ask(item: int) -> None:
        start.wait()
        try:
            got[item] = combiner.do(item % lines, item)
        except (ValueError, Unfinished) as error:
            got[item] = error
        except SystemExit:
            return

    threads = [threading.Thread(target=ask, args=[item]) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return got


@pytest.mark.parametrize("lines", [1, 3])
def test_everybody_gets_their_own_result_and_nothing_is_done_twice(lines: int) -> None:
    done: list[int] = []

    def double(items: Sequence[int]) -> list[int]:
        assert len(items) <= 4
        assert len({item % lines for item in items}) == 1
        done.extend(items)
        threading.Event().wait(random.random() / 500)
        return [item * 2 for item in items]

    combiner = Combiner(double, most=4)
    for _ in range(5):
        done.clear()
        assert _at_once(combiner, range(24), lines) == {item: item * 2 for item in range(24)}
        assert sorted(done) == list(range(24))
    assert not combiner._lines


def test_a_failure_reaches_everybody_whose_work_it_was_and_nobody_else() -> None:
    def picky(items: Sequence[int]) -> list[int]:
        if 7 in items:
            raise ValueError("not 7")
        return list(items)

    combiner = Combiner(picky, most=1)
    got = _at_once(combiner, range(12))
    assert [item for item, result in got.items() if isinstance(result, ValueError)] == [7]
    assert len(got) == 12


def test_a_thread_that_is_ended_leaves_nobody_waiting() -> None:
    def ended(items: Sequence[int]) -> list[int]:
        if 3 in items:
            raise SystemExit
        return list(items)

    got = _at_once(Combiner(ended, most=2), range(10))
    assert 3 not in got
    companions = [item for item, result in got.items() if isinstance(result, Unfinished)]
    assert len(companions) <= 1
    assert len(got) == 9
