"""The HTTP client: patient with reads, strict with writes, discreet with secrets."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY

from project.core.http import (
    ConnectFailedError,
    HttpClient,
    RequestRateExceededError,
    ResponseTooLargeError,
    RetryPolicy,
    TimeoutExceededError,
    TooManyRedirectsError,
    TransportBrokenError,
    deadline,
)
from tests.core.http.conftest import Answer, Script

Make = Callable[..., HttpClient]


def test_sends_headers_params_and_json(server: Script, make: Make) -> None:
    server.say(Answer(body=b'{"ok": true}'))
    response = make(headers={"X-API-KEY": "key-123456"}).request(
        "POST", "/things", params=[("a", "1"), ("a", "2")], json={"x": 1}
    )
    assert response.json() == {"ok": True}
    seen = server.seen[0]
    assert seen.path == "/things?a=1&a=2"
    assert seen.body == b'{"x":1}'
    assert seen.headers["X-API-KEY"] == "key-123456"
    assert seen.headers["User-Agent"].startswith("OutboundEngineX/")


def test_carries_the_request_id(server: Script, make: Make) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req-1"):
        make().request("GET", "/")
    assert server.seen[0].headers["X-Request-ID"] == "req-1"


def test_keeps_no_cookies(server: Script, make: Make) -> None:
    server.say(Answer(headers={"Set-Cookie": "session=tenant-a; Path=/"}), Answer())
    client = make()
    client.request("GET", "/")
    client.request("GET", "/")
    assert "Cookie" not in server.seen[1].headers


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_reads_are_tried_again(server: Script, make: Make, waits: list[float], status: int) -> None:
    server.say(Answer(status=status), Answer(status=status), Answer(body=b'{"ok": 1}'))
    assert make().request("GET", "/").json() == {"ok": 1}
    assert len(server.seen) == 3
    assert waits == [0.4, 0.8]


@pytest.mark.parametrize("status", [400, 401, 404, 422, 501])
def test_refusals_are_not_tried_again(server: Script, make: Make, status: int) -> None:
    server.say(Answer(status=status))
    assert make().request("GET", "/").status_code == status
    assert len(server.seen) == 1


def test_a_deadline_cuts_what_is_slow_tries_nothing_again_and_says_nothing_against_the_service(
    server: Script, make: Make, waits: list[float]
) -> None:
    client = make(timeout=600.0)
    server.say(Answer(stall=True))
    with deadline.deadline(0.2), pytest.raises(TimeoutExceededError):
        client.request("GET", "/")
    assert (len(server.seen), waits) == (1, [])
    # A service whose requests ran out of our time twenty times is still asked.
    for _ in range(20):
        with deadline.deadline(0.0), pytest.raises(TimeoutExceededError):
            client.request("GET", "/")
    assert len(server.seen) == 1
    server.say(Answer(status=503), Answer(body=b'{"ok": 1}'))
    with deadline.deadline(600.0):
        assert client.request("GET", "/").json() == {"ok": 1}
    server.say(Answer(status=503, headers={"Retry-After": "5"}))
    with deadline.deadline(4.0):
        assert client.request("GET", "/").status_code == 503
    assert len(server.seen) == 4


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("answer", [Answer(status=503), Answer(status=429), Answer(status=500)])
def test_writes_are_sent_once(server: Script, make: Make, method: str, answer: Answer) -> None:
    server.say(answer)
    assert make().request(method, "/").status_code == answer.status
    assert len(server.seen) == 1


def test_a_write_that_breaks_may_have_been_sent(server: Script, make: Make) -> None:
    server.say(Answer(hang_up=True))
    with pytest.raises(TransportBrokenError) as caught:
        make().request("POST", "/", json={})
    assert caught.value.maybe_sent
    assert len(server.seen) == 1


def test_a_write_without_connection_was_not_sent(make: Make) -> None:
    with pytest.raises(ConnectFailedError) as caught:
        make(base_url="http://127.0.0.1:9").request("POST", "/", json={})
    assert not caught.value.maybe_sent


def test_a_read_without_answer_is_tried_again_then_times_out(server: Script, make: Make) -> None:
    server.say(Answer(stall=True))
    with pytest.raises(TimeoutExceededError):
        make(timeout=0.1).request("GET", "/")
    assert len(server.seen) == 3


def test_retry_after_is_honoured(server: Script, make: Make, waits: list[float]) -> None:
    server.say(Answer(status=429, headers={"Retry-After": "2"}), Answer())
    assert make().request("GET", "/").status_code == 200
    assert waits == [2.4]


def test_a_long_retry_after_is_left_to_the_caller(server: Script, make: Make, waits: list[float]) -> None:
    server.say(Answer(status=429, headers={"Retry-After": "3600"}))
    response = make().request("GET", "/")
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "3600"
    assert waits == []


def test_redirect_within_the_origin_keeps_the_headers(server: Script, make: Make) -> None:
    server.say(Answer(status=301, headers={"Location": "/users/x/"}), Answer())
    make(headers={"X-API-KEY": "key-123456"}).request("GET", "/users/x")
    assert [seen.path for seen in server.seen] == ["/users/x", "/users/x/"]
    assert server.seen[1].headers["X-API-KEY"] == "key-123456"


def test_redirect_to_another_origin_leaves_secrets_behind_and_is_guarded(
    server: Script, other_server: Script, make: Make
) -> None:
    server.say(Answer(status=302, headers={"Location": f"{other_server.url}/x"}))
    from project.core.http import AddressRefusedError

    with pytest.raises(AddressRefusedError):
        make(headers={"X-API-KEY": "key-123456"}).request("GET", "/")
    assert other_server.seen == []


def test_redirect_to_another_public_origin_shows_no_secret(
    server: Script, other_server: Script, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Let the guard take loopback for public, to see what would arrive there.
    monkeypatch.setattr("project.core.http.guard.is_public", lambda address: True)
    server.say(Answer(status=302, headers={"Location": f"{other_server.url}/x"}))
    client = make(headers={"X-API-KEY": "key-123456", "X-Tenant": "acme"})
    client.request("GET", "/", headers={"Authorization": "Bearer abcdef"})
    assert {"X-Api-Key", "X-API-KEY", "X-Tenant", "Authorization"}.isdisjoint(other_server.seen[0].headers)
    assert "User-Agent" in other_server.seen[0].headers


def test_writes_are_not_redirected(server: Script, make: Make) -> None:
    server.say(Answer(status=307, headers={"Location": "/elsewhere"}))
    assert make().request("POST", "/", json={}).status_code == 307
    assert len(server.seen) == 1


def test_a_circle_of_redirects_ends(server: Script, make: Make) -> None:
    server.say(Answer(status=302, headers={"Location": "/again"}))
    with pytest.raises(TooManyRedirectsError):
        make().request("GET", "/")


def test_a_large_answer_is_refused_by_its_length(server: Script, make: Make) -> None:
    server.say(Answer(body=b"x" * 5000))
    with pytest.raises(ResponseTooLargeError):
        make(max_bytes=1000).request("GET", "/")


def test_a_compressed_bomb_is_refused_by_its_true_size(server: Script, make: Make) -> None:
    body = gzip.compress(b"0" * 5_000_000)
    server.say(Answer(body=body, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(ResponseTooLargeError):
        make(max_bytes=100_000).request("GET", "/")


def test_a_compressed_answer_is_read(server: Script, make: Make) -> None:
    server.say(Answer(body=gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"}))
    assert make().request("GET", "/").json() == {"a": 1}


def test_a_truncated_answer_is_no_answer(server: Script, make: Make) -> None:
    server.say(Answer(body=b'{"a"', announced=400, headers={"Connection": "close"}))
    with pytest.raises(TransportBrokenError):
        make().request("POST", "/", json={})


def test_streams_with_a_limit(server: Script, make: Make) -> None:
    server.say(Answer(body=b"0123456789" * 1000))
    with make().stream("/file") as answer:
        assert b"".join(answer.chunks) == b"0123456789" * 1000
    with pytest.raises(ResponseTooLargeError), make().stream("/file", max_bytes=100) as answer:
        list(answer.chunks)


def test_exceptions_and_logs_carry_no_secrets(server: Script, make: Make) -> None:
    server.say(Answer(hang_up=True))
    client = make(headers={"X-API-KEY": "key-123456"}, redact=["hush-hush-hush"])
    with structlog.testing.capture_logs() as logs, pytest.raises(TransportBrokenError) as caught:
        client.request("POST", "/hush-hush-hush/x", params={"token": "token-abc"}, json={})
    error = caught.value
    assert error.__cause__ is None
    text = f"{error} {error.args} {logs} {client!r}"
    assert "key-123456" not in text
    assert "hush-hush-hush" not in text
    assert "token-abc" not in text
    assert logs[-1]["event"] == "http.request"
    assert logs[-1]["outcome"] == "broken"


def test_counts_requests(server: Script, make: Make) -> None:
    def count() -> float:
        labels = {"client": "test", "method": "GET", "outcome": "4xx"}
        return REGISTRY.get_sample_value("outbound_http_requests_total", labels) or 0.0

    before = count()
    server.say(Answer(status=404))
    make().request("GET", "/")
    assert count() == before + 1


def test_our_own_rate_waits_a_little_and_refuses_a_lot(
    server: Script, make: Make, waits: list[float]
) -> None:
    asked: list[str] = []

    def throttle(key: str) -> float:
        asked.append(key)
        return 0.3 if len(asked) == 1 else 60.0

    client = make(throttle=throttle, breaker_key="account-1")
    client.request("GET", "/")
    assert waits == [0.3]
    assert asked == ["account-1"]
    with pytest.raises(RequestRateExceededError) as caught:
        client.request("POST", "/", json={})
    assert caught.value.retry_after == 60.0
    assert len(server.seen) == 1


def test_a_path_may_not_leave_the_base_url(make: Make) -> None:
    with pytest.raises(ValueError, match="paths only"):
        make().request("GET", "https://elsewhere.example/")


def test_retry_budget_bounds_all_waiting() -> None:
    policy = RetryPolicy(attempts=9, base_s=4.0, cap_s=8.0, budget_s=10.0, jitter=lambda low, high: high)
    waited, waits = 0.0, []
    for attempt in range(2, 10):
        wait = policy.wait_before(attempt, None, waited)
        if wait is None:
            break
        waits.append(wait)
        waited += wait
    assert waits == [4.0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("soon", None),
        ("-3", None),
        ("Thu, 12 Mar 2026 09:00:30 GMT", 30.0),
        ("Thu, 12 Mar 2026 08:00:00 GMT", 0.0),
    ],
)
def test_retry_after_header(value: str | None, expected: Any) -> None:
    from datetime import UTC, datetime

    from project.core.http import parse_retry_after

    assert parse_retry_after(value, now=datetime(2026, 3, 12, 9, tzinfo=UTC)) == expected
