"""The one HTTP client: pooled, guarded, patient with reads, strict with writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx
import structlog

from project.core.http import deadline, metrics
from project.core.http.breaker import CircuitBreaker, default_breaker
from project.core.http.errors import (
    AddressRefusedError,
    CircuitOpenError,
    ConnectFailedError,
    HttpError,
    RequestRateExceededError,
    ResponseTooLargeError,
    TimeoutExceededError,
    TooManyRedirectsError,
    TransportBrokenError,
)
from project.core.http.guard import check_shape
from project.core.http.pool import USER_AGENT, pool_for
from project.core.http.redaction import Redactor, is_secret_name
from project.core.http.retries import READ_METHODS, RETRIED_STATUSES, RetryPolicy, parse_retry_after
from project.core.rehearsal import refuse_outside

log = structlog.get_logger(__name__)

DEFAULT_TIMEOUT_S: Final = 30.0
DEFAULT_MAX_BYTES: Final = 10 * 1024 * 1024
REQUEST_ID_HEADER: Final = "X-Request-ID"
_CONNECT_TIMEOUT_S: Final = 5.0
#: A drip of bytes never meets the read time-out; this bounds the whole answer.
_ANSWER_DEADLINE_FACTOR: Final = 4
_MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ENCODING_HEADERS: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})

Throttle = Callable[[str], float]
"""Asked before each attempt with the breaker key: seconds to wait until the request may go, 0 for now."""


_default_throttle: Throttle | None = None


def use_throttle(throttle: Throttle | None) -> None:
    """Set what clients that are made from now on ask, unless they bring a throttle of their own."""
    global _default_throttle  # noqa: PLW0603 (set once, when the application starts)
    _default_throttle = throttle


def counts_as_failure(response: httpx.Response) -> bool:
    """Say whether an answer speaks for an outage: any 5xx but 501 (not implemented)."""
    return response.status_code >= 500 and response.status_code != 501


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer whose body is read piece by piece; ``chunks`` raises when the size limit is passed."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


@dataclass(frozen=True, kw_only=True)
class HttpClient:
    """Requests to one service. Make it with ``client_for``; it is light, immutable and thread-safe."""

    name: str
    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    breaker_key: str
    allow_private: bool
    retry: RetryPolicy
    redactor: Redactor = field(repr=False)
    throttle: Throttle | None
    is_failure: Callable[[httpx.Response], bool]
    max_bytes: int
    breaker: CircuitBreaker = field(repr=False)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] | Mapping[str, str] | None = None,
        json: Any = None,
        files: Sequence[tuple[str, Any]] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        breaker_key: str | None = None,
    ) -> httpx.Response:
        """Send a request and return the whole answer, whatever its status.

        Reads (GET, HEAD, OPTIONS) are tried again on 429, 5xx and transport failures, within the retry
        policy. Everything else is sent once. ``breaker_key`` narrows the circuit, e.g. to one account.
        ``timeout`` is in seconds. Raises ``HttpError``.
        """
        method = method.upper()
        options = {"params": params, "json": json, "files": files, "content": content, "headers": headers}
        key = breaker_key or self.breaker_key
        attempt, waited = 1, 0.0
        while True:
            failure: HttpError | None = None
            response: httpx.Response | None = None
            hint: float | None = None
            try:
                response = self._attempt(method, path, options, timeout, key, attempt)
                if response.status_code not in RETRIED_STATUSES:
                    return response
                reason = str(response.status_code)
                hint = parse_retry_after(response.headers.get("Retry-After"))
            except (ConnectFailedError, TimeoutExceededError, TransportBrokenError) as error:
                failure = error
                reason = type(error).__name__
            attempt += 1
            wait = self.retry.wait_before(attempt, hint, waited) if method in READ_METHODS else None
            if wait is None or deadline.is_before(wait):
                if failure is not None:
                    raise failure
                assert response is not None
                return response
            metrics.RETRIES.labels(self.name, reason).inc()
            self.retry.sleep(wait)
            waited += wait

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        params: Sequence[tuple[str, str]] | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        timeout: float | None = None,
        breaker_key: str | None = None,
    ) -> Iterator[Streamed]:
        """GET ``path`` and yield the answer while its body is still on the wire. One try. Raises
        ``HttpError``.
        """
        key = breaker_key or self.breaker_key
        options = {"params": params, "headers": headers}
        started = time.monotonic()
        with self._recorded("GET", path, key, 1) as record:
            response = self._open("GET", path, options, timeout)
            # The caller's limit is meant for the file, not for the words of an error.
            limit = (max_bytes or self.max_bytes) if response.is_success else self.max_bytes
            try:
                yield Streamed(
                    response.status_code, response.headers, self._pieces(response, limit, started, timeout)
                )
            except httpx.HTTPError as error:
                raise self._translated(error) from None
            finally:
                response.close()
            record(response)

    def _attempt(
        self, method: str, path: str, options: dict[str, Any], timeout: float | None, key: str, attempt: int
    ) -> httpx.Response:
        """Send once, follow redirects of reads, and read the whole body."""
        started = time.monotonic()
        with self._recorded(method, path, key, attempt) as record:
            streaming = self._open(method, path, options, timeout)
            try:
                body = b"".join(self._pieces(streaming, self.max_bytes, started, timeout))
            except httpx.HTTPError as error:
                raise self._translated(error) from None
            finally:
                streaming.close()
            response = httpx.Response(
                streaming.status_code,
                # The body is decoded already, so the headers that describe its coding would lie.
                headers=[
                    (name, value)
                    for name, value in streaming.headers.multi_items()
                    if name.lower() not in _ENCODING_HEADERS
                ],
                content=body,
                request=streaming.request,
            )
            response.elapsed = timedelta(seconds=time.monotonic() - started)
            record(response)
            return response

    @contextmanager
    def _recorded(
        self, method: str, path: str, key: str, attempt: int
    ) -> Iterator[Callable[[httpx.Response], None]]:
        """Ask breaker and throttle, then count, time and log one attempt. Yields what takes the answer."""
        answer: list[httpx.Response] = []
        started = time.monotonic()
        outcome = "broken"
        status: int | None = None
        refuse_outside(self.name)
        try:
            self.breaker.before(key)
            self._wait_for_turn(key)
            yield answer.append
            status = answer[0].status_code
            outcome = f"{status // 100}xx" if status != 429 else "429"
            if self.is_failure(answer[0]):
                self.breaker.failed(key)
            else:
                self.breaker.succeeded(key)
        except HttpError as error:
            outcome = _OUTCOMES.get(type(error), "broken")
            is_failed = isinstance(error, ConnectFailedError | TimeoutExceededError | TransportBrokenError)
            # Whom our own deadline cut short may have been about to answer.
            if is_failed and not deadline.has_passed():
                self.breaker.failed(key)
            raise
        finally:
            seconds = time.monotonic() - started
            metrics.REQUESTS.labels(self.name, method, outcome).inc()
            metrics.SECONDS.labels(self.name, method).observe(seconds)
            level = log.debug if outcome in {"2xx", "3xx"} else log.info
            level(
                "http.request",
                client=self.name,
                method=method,
                url=self.redactor.url(self._url(path)),
                status=status,
                outcome=outcome,
                attempt=attempt,
                ms=round(seconds * 1000),
            )

    def _wait_for_turn(self, key: str) -> None:
        """Keep our own request rate: short waits are slept, long ones are refused."""
        wait = self.throttle(key) if self.throttle is not None else 0.0
        if wait > self.retry.budget_s or (wait > 0 and deadline.is_before(wait)):
            raise RequestRateExceededError(
                "Our own request rate for this service is used up.", retry_after=wait, client=self.name
            )
        if wait > 0:
            self.retry.sleep(wait)

    def _url(self, path: str) -> str:
        """Join ``path`` to the base URL. A full URL is only taken where there is no base URL."""
        if not self.base_url:
            return path
        if "://" in path.partition("?")[0]:
            raise ValueError("A client with a base URL takes paths only.")
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"

    def _open(self, method: str, path: str, options: dict[str, Any], timeout: float | None) -> httpx.Response:
        """Send and return the answer with its body unread, after the redirects of a read."""
        url = self._url(path)
        try:
            check_shape(url)
            seconds = self._seconds(timeout)
            limits = httpx.Timeout(seconds, connect=min(_CONNECT_TIMEOUT_S, seconds), pool=_CONNECT_TIMEOUT_S)
            headers = {
                "User-Agent": USER_AGENT,
                **_request_id(),
                **self.headers,
                **(options["headers"] or {}),
            }
            sent = {key: value for key, value in options.items() if key != "headers" and value is not None}
            pool = pool_for(self.name, allow_private=self.allow_private)
            response = pool.send(
                pool.build_request(method, url, headers=headers, timeout=limits, **sent), stream=True
            )
            return self._follow(method, response, headers, limits)
        except httpx.InvalidURL:
            raise AddressRefusedError("This is not a valid address.", client=self.name) from None
        except httpx.HTTPError as error:
            raise self._translated(error) from None

    def _seconds(self, timeout: float | None) -> float:
        """Return how long the service may take, which a deadline cuts. Raises ``TimeoutExceededError``."""
        seconds, left = timeout or self.timeout, deadline.left()
        if left == 0.0:
            raise TimeoutExceededError("The time for this is used up.", client=self.name)
        return seconds if left is None else min(seconds, left)

    def _follow(
        self, method: str, response: httpx.Response, headers: dict[str, str], limits: httpx.Timeout
    ) -> httpx.Response:
        """Follow redirects of reads. Writes are never redirected: their answer goes to the caller.

        Within one origin the headers stay (Unipile answers 301 for a missing slash). Elsewhere secrets are
        left behind, and only public addresses are gone to, whatever the base URL is allowed.
        """
        allow_private = self.allow_private
        for _ in range(_MAX_REDIRECTS + 1):
            location = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or not location or method not in READ_METHODS:
                return response
            target = response.url.join(location)
            if response.url.scheme == "https" and target.scheme != "https":
                return response
            response.close()
            check_shape(str(target))
            if not _same_service(response.url, target):
                allow_private = False
                headers = {name: value for name, value in headers.items() if self._may_travel(name, value)}
            pool = pool_for(self.name, allow_private=allow_private)
            response = pool.send(
                pool.build_request(method, target, headers=headers, timeout=limits), stream=True
            )
        response.close()
        raise TooManyRedirectsError("The service redirects in a circle.", client=self.name)

    def _may_travel(self, name: str, value: str) -> bool:
        """Say whether a header may be shown to another origin: no secret by name or value, none of ours."""
        ours = {header.lower() for header in self.headers}
        return name.lower() not in ours and not is_secret_name(name) and self.redactor.text(value) == value

    def _pieces(
        self, response: httpx.Response, limit: int, started: float, timeout: float | None
    ) -> Iterator[bytes]:
        """Yield the decoded body, bounded in size (after decompression) and in time."""
        until = started + (timeout or self.timeout) * _ANSWER_DEADLINE_FACTOR
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > limit:
                raise ResponseTooLargeError(
                    f"The answer is larger than {limit // 1024} KiB, so we stopped reading it.",
                    client=self.name,
                )
            if time.monotonic() > until or deadline.has_passed():
                raise TimeoutExceededError("The answer came too slowly.", client=self.name)
            yield piece

    def _translated(self, error: httpx.HTTPError) -> HttpError:
        """Turn a library exception into ours, without its request (which holds the credentials)."""
        detail = self.redactor.text(str(error) or type(error).__name__)
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return ConnectFailedError(f"No connection: {detail}", client=self.name)
        if isinstance(error, httpx.TimeoutException):
            return TimeoutExceededError("No answer in time.", client=self.name)
        return TransportBrokenError(f"The connection broke: {detail}", client=self.name)


_OUTCOMES: Final[dict[type[HttpError], str]] = {
    ConnectFailedError: "connect",
    TimeoutExceededError: "timeout",
    TransportBrokenError: "broken",
    ResponseTooLargeError: "too_large",
    TooManyRedirectsError: "broken",
    AddressRefusedError: "refused_address",
    CircuitOpenError: "circuit_open",
    RequestRateExceededError: "rate_limited",
}


def _same_service(first: httpx.URL, second: httpx.URL) -> bool:
    """Say whether two URLs have one origin, or differ only by the step from http to https."""
    if (first.scheme, first.host, first.port) == (second.scheme, second.host, second.port):
        return True
    upgraded = first.scheme == "http" and second.scheme == "https"
    return upgraded and first.host == second.host and first.port is None and second.port is None


def _request_id() -> dict[str, str]:
    """Return the current request id as a header, so that one id runs from browser to provider."""
    value = structlog.contextvars.get_contextvars().get("request_id")
    return {REQUEST_ID_HEADER: str(value)} if value else {}


def client_for(
    name: str,
    *,
    base_url: str = "",
    headers: Mapping[str, str] | None = None,
    timeout: float = DEFAULT_TIMEOUT_S,
    breaker_key: str = "",
    redact: Iterable[str] = (),
    allow_private: bool = False,
    retry: RetryPolicy | None = None,
    throttle: Throttle | None = None,
    is_failure: Callable[[httpx.Response], bool] = counts_as_failure,
    max_bytes: int = DEFAULT_MAX_BYTES,
    breaker: CircuitBreaker | None = None,
) -> HttpClient:
    """Return a client for one service; connections are pooled by ``name``.

    ``headers``       sent with each request; they stay behind when a redirect leaves the origin.
    ``timeout``       seconds without progress; connecting gets at most 5 of them.
    ``breaker_key``   whose failures are counted together; ``name`` if blank.
    ``redact``        secrets to mask in logs and exceptions; secret ``headers`` are added by themselves.
    ``allow_private`` only for addresses that the operator set: it lifts the guard against private networks.
    ``throttle``      our own request rate: asked before each attempt; by default that of ``use_throttle``.
    ``is_failure``    which answers count for the breaker.
    ``max_bytes``     largest answer, decompressed.
    """
    sent = dict(headers or {})
    secrets = [*redact, *(value for header, value in sent.items() if is_secret_name(header))]
    return HttpClient(
        name=name,
        base_url=base_url,
        headers=sent,
        timeout=timeout,
        breaker_key=breaker_key or name,
        allow_private=allow_private,
        retry=retry or RetryPolicy(),
        redactor=Redactor(secrets),
        throttle=throttle or _default_throttle,
        is_failure=is_failure,
        max_bytes=max_bytes,
        breaker=breaker or default_breaker(),
    )
