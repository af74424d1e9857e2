"""Runs ``test_fixture`` once per recorded call of the class's provider."""

from __future__ import annotations

import pytest

from tests.contracts.fixtures import fixtures_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fixture" in metafunc.fixturenames and metafunc.cls is not None:
        cases = fixtures_of(metafunc.cls.kind)
        metafunc.parametrize("fixture", cases, ids=[case.name for case in cases])
