"""The adapter over a mocked network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import respx

from integrations.providers.unipile import client as unipile_client
from integrations.providers.unipile.adapter import UnipileAdapter
from project.core.http import RetryPolicy, client_for
from project.core.http.breaker import CircuitBreaker, LocalStore
from tests.integrations.unipile.payloads import API, DSN

NOW = datetime(2026, 3, 12, 10, 0, tzinfo=UTC)


class Knowledge:
    """What is stored about us; a test fills it."""

    def __init__(self) -> None:
        self.own: set[str] = set()
        self.sent: set[str] = set()

    def own_user_ids(self, account_id: str) -> frozenset[str]:
        return frozenset(self.own)

    def sent_by_us(self, account_id: str, message_ids: frozenset[str]) -> bool:
        return bool(message_ids & self.sent)


@pytest.fixture
def knowledge() -> Knowledge:
    return Knowledge()


@pytest.fixture
def api() -> Iterator[respx.Router]:
    """Unipile's API; whatever is not mocked fails."""
    with respx.mock(base_url=API, assert_all_called=False) as router:
        yield router


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> UnipileAdapter:
    """An adapter that does not wait between tries and shares no circuit."""
    circuit = CircuitBreaker(LocalStore())

    def quick(name: str, **options: object) -> object:
        policy = RetryPolicy(sleep=lambda seconds: None)
        return client_for(name, **options, retry=policy, breaker=circuit)  # type: ignore[arg-type]

    monkeypatch.setattr(unipile_client, "client_for", quick)
    return UnipileAdapter(credentials={"api_key": "token-123456"}, base_url=DSN, breaker_key="unipile:c1")
