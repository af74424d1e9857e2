"""Python's garbage collector, kept out of work that makes many values at once.

It starts after every few hundred new objects and, now and then, goes through all there are: a batch of rows pays a
sixth of its time for that, a simulation more, though nearly everything is freed by its reference count.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """No collection by itself meanwhile, in the whole process. May be nested; for work that ends soon."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def sweep() -> None:
    """Free the cycles among what was made since the last collection (rows that know each other), and only there."""
    gc.collect(0)


def settle() -> None:
    """Leave what is loaded by now alone from here on; for processes that have loaded all they need and serve then.

    Without it every full collection goes through hundreds of thousands of objects that never go, in the middle of a
    request; and touching them in a fork copies them.
    """
    gc.collect()
    gc.freeze()
