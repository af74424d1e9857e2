"""Reports are tested in the same world as campaigns."""

from __future__ import annotations

import sys

from reporting.services import rollups
from tests.campaigns.conftest import world

__all__ = ["counted", "world"]


def counted() -> None:
    """Count everything, what this test's own transaction has written included."""
    rollups.rebuild(below=sys.maxsize)
