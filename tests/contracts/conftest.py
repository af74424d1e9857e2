"""What each provider's contract consists of: the tests of what it claims, and ``test_fixture`` per recorded call."""

from __future__ import annotations

import pytest

from integrations import registry
from tests.contracts.base import AdapterContract
from tests.contracts.fixtures import fixtures_of


def pytest_pycollect_makeitem(
    collector: pytest.Collector, name: str, obj: object
) -> list[pytest.Item] | None:
    """Leave tests out that need what the class's provider does not claim."""
    needed = frozenset(getattr(obj, "needs", ()))
    owner = getattr(collector, "cls", None)
    if not needed or owner is None or not issubclass(owner, AdapterContract):
        return None
    return None if needed <= registry.get(owner.kind).capabilities else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fixture" in metafunc.fixturenames and metafunc.cls is not None:
        cases = fixtures_of(metafunc.cls.kind)
        metafunc.parametrize("fixture", cases, ids=[case.name for case in cases])
