"""The circuit breaker: opens, probes, closes, and does not depend on Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from project.core.http import CircuitOpenError, HttpClient
from project.core.http.breaker import (
    BreakerPolicy,
    CircuitBreaker,
    CircuitState,
    KeyStore,
    LocalStore,
    RedisStore,
    ResilientStore,
)
from tests.core.http.conftest import Answer, Script

POLICY = BreakerPolicy(failures=3, window_s=60.0, cool_down_s=30.0, probe_s=60.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Broken:
    """A Redis that is gone."""

    def __getattr__(self, name: str) -> Any:
        def fail(*args: Any, **kwargs: Any) -> Any:
            raise redis.ConnectionError("gone")

        return fail


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["local", "redis", "broken redis"])
def store(request: pytest.FixtureRequest, clock: Clock) -> KeyStore:
    if request.param == "local":
        return LocalStore(clock)
    if request.param == "redis":
        client = request.getfixturevalue("clean_redis")
        return ResilientStore(RedisStore(client), clock=clock)
    return ResilientStore(RedisStore(Broken()), LocalStore(clock), clock=clock)


@pytest.fixture
def circuit(store: KeyStore, clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(store, POLICY, clock)


def fail(circuit: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        circuit.before("k")
        circuit.failed("k")


def test_opens_after_failures_in_a_row(circuit: CircuitBreaker) -> None:
    fail(circuit, 3)
    assert circuit.state("k") is CircuitState.OPEN
    with pytest.raises(CircuitOpenError) as caught:
        circuit.before("k")
    assert 0 < caught.value.retry_after <= 30.0
    assert circuit.state("other") is CircuitState.CLOSED


def test_a_success_between_failures_resets_the_count(circuit: CircuitBreaker) -> None:
    fail(circuit, 2)
    circuit.succeeded("k")
    fail(circuit, 2)
    assert circuit.state("k") is CircuitState.CLOSED


def test_one_probe_passes_when_half_open_and_closes(circuit: CircuitBreaker, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 31
    assert circuit.state("k") is CircuitState.HALF_OPEN
    assert circuit.before("k") is CircuitState.HALF_OPEN
    with pytest.raises(CircuitOpenError):
        circuit.before("k")
    circuit.succeeded("k")
    assert circuit.state("k") is CircuitState.CLOSED
    circuit.before("k")


def test_a_failed_probe_opens_again(circuit: CircuitBreaker, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 31
    fail(circuit, 1)
    assert circuit.state("k") is CircuitState.OPEN
    with pytest.raises(CircuitOpenError):
        circuit.before("k")


def test_old_failures_are_forgotten(clock: Clock) -> None:
    circuit = CircuitBreaker(LocalStore(clock), POLICY, clock)
    fail(circuit, 2)
    clock.now += 61
    fail(circuit, 2)
    assert circuit.state("k") is CircuitState.CLOSED


def test_redis_is_asked_again_after_a_pause(clock: Clock) -> None:
    calls: list[str] = []

    class Flaky(LocalStore):
        def get(self, key: str) -> str | None:
            calls.append(key)
            if len(calls) == 1:
                raise redis.TimeoutError("slow")
            return super().get(key)

    circuit = CircuitBreaker(ResilientStore(Flaky(clock), clock=clock), POLICY, clock)
    circuit.state("k")
    circuit.state("k")
    assert len(calls) == 1
    clock.now += 6
    circuit.state("k")
    assert len(calls) == 2


def test_the_client_stops_calling_a_failing_service(
    server: Script, make: Callable[..., HttpClient], clock: Clock
) -> None:
    breaker = CircuitBreaker(LocalStore(clock), POLICY, clock)
    client = make(breaker=breaker)
    server.say(Answer(status=503))
    for _ in range(3):
        client.request("POST", "/", json={}, breaker_key="account-1")
    with pytest.raises(CircuitOpenError):
        client.request("POST", "/", json={}, breaker_key="account-1")
    assert len(server.seen) == 3
    server.say(Answer())
    assert client.request("POST", "/", json={}, breaker_key="account-2").status_code == 200
    clock.now += 31
    assert client.request("POST", "/", json={}, breaker_key="account-1").status_code == 200
    assert breaker.state("account-1") is CircuitState.CLOSED


def test_refusals_do_not_open_it(server: Script, make: Callable[..., HttpClient], clock: Clock) -> None:
    breaker = CircuitBreaker(LocalStore(clock), POLICY, clock)
    server.say(Answer(status=422))
    for _ in range(10):
        make(breaker=breaker).request("POST", "/", json={})
    assert breaker.state("test") is CircuitState.CLOSED
