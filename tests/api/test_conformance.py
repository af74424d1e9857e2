"""Requests made up from the description of the API: none may fail on our side, all answers are as described."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.test import override_settings
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from project.core.scoping import no_scope
from tests.api.conftest import Program
from tests.architecture.objects import argument
from tests.campaigns.conftest import World
from tests.rows import Rows

pytestmark = pytest.mark.django_db

#: Requests per operation that fit the description, and that break it.
EXAMPLES = {GenerationMode.POSITIVE: 4, GenerationMode.NEGATIVE: 2}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
#: They ask a provider, which is not there, or hash passwords, which is slow on purpose.
ELSEWHERE = {"Connections", "Signing in", "Senders", "Synchronisation"}


@contextmanager
def undone() -> Iterator[None]:
    """Run the block and take back whatever it did."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Keep the connection, and with it the test's transaction, as Django's own test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def path_values(world: World, operation: Any) -> dict[str, str]:
    """Rows that exist, so that more is reached than the refusal of unknown ids."""
    rows = Rows(world.agency, world.agency.first)
    values = {}
    for parameter in operation.path_parameters:
        found = argument(parameter.name)
        assert found is not None
        values[parameter.name] = str(found.make(rows))
    return values


def tried(operation: Any, mode: GenerationMode, path: dict[str, str], program: Program) -> list[str]:
    """Send made-up requests to one operation; return what was wrong with the answers."""
    wrong: list[str] = []

    @settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=path))
    def send(case: Case) -> None:
        with undone(), no_scope():
            response = case.call(headers={"Authorization": f"Bearer {program.token}"})
            try:
                case.validate_response(response, checks=CHECKS)
            except FailureGroup as failures:
                wrong.append(f"{operation.label}: {failures.exceptions}")

    send()
    return wrong


@override_settings(API_REQUESTS_PER_MINUTE=1_000_000, API_PUBLIC_REQUESTS_PER_MINUTE=1_000_000)
@pytest.mark.usefixtures("one_connection")
def test_the_api_keeps_what_it_promises(world: World) -> None:
    admin = Program(world.agency, world.agency.admin)
    with no_scope():
        schema = openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    wrong: list[str] = []
    count = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found.err()
        operation = found.ok()
        if ELSEWHERE & set(operation.tags or ()):
            continue
        count += 1
        path = path_values(world, operation)
        for mode in EXAMPLES:
            # An operation that takes nothing cannot be sent anything wrong.
            if mode is GenerationMode.POSITIVE or operation.body or operation.query:
                wrong += tried(operation, mode, path, admin)
    assert count > 60
    assert not wrong, "\n\n".join(wrong)
