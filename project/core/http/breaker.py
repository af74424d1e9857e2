"""Circuit breaker per key: after repeated failures stop calling for a while, then let one probe through.

closed     calls pass; failures in a row are counted over a window
open       calls are refused until the cool-down is over
half-open  one probe passes, the others are refused; its success closes, its failure opens again

State lives in Redis, so that all processes share it. Redis is a convenience here: if it fails, the process
keeps its own count and no call breaks. The single steps are not one transaction; the worst race lets one more
call through or counts one failure less, which a breaker can bear.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

import structlog

from project.core.http.errors import CircuitOpenError

log = structlog.get_logger(__name__)

_PREFIX: Final = "circuit:"
_REDIS_PAUSE_S: Final = 5.0
_REDIS_TIMEOUT_S: Final = 0.25


class CircuitState(StrEnum):
    """The three states of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to open, in failures in a row within ``window_s``, and for how long, in seconds."""

    failures: int = 8
    window_s: float = 60.0
    cool_down_s: float = 30.0
    probe_s: float = 60.0


class KeyStore(Protocol):
    """The four steps a breaker needs of a store; times to live are in seconds."""

    def get(self, key: str) -> str | None:
        """Return the value or ``None``."""
        ...

    def put(self, key: str, value: str, ttl: float, *, only_new: bool = False) -> bool:
        """Store; with ``only_new`` only if absent. Return whether it was stored."""
        ...

    def add(self, key: str, ttl: float) -> int:
        """Add one to a counter that lives ``ttl`` from its first use, and return it."""
        ...

    def drop(self, *keys: str) -> None:
        """Remove keys."""
        ...


class LocalStore:
    """A store inside this process."""

    def __init__(self, clock: Any = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._data: dict[str, tuple[str, float]] = {}

    def _live(self, key: str) -> str | None:
        found = self._data.get(key)
        if found is None:
            return None
        if found[1] <= self._clock():
            del self._data[key]
            return None
        return found[0]

    def get(self, key: str) -> str | None:
        """Return the value or ``None``."""
        with self._lock:
            return self._live(key)

    def put(self, key: str, value: str, ttl: float, *, only_new: bool = False) -> bool:
        """Store; with ``only_new`` only if absent."""
        with self._lock:
            if only_new and self._live(key) is not None:
                return False
            self._data[key] = (value, self._clock() + ttl)
            return True

    def add(self, key: str, ttl: float) -> int:
        """Add one to a counter."""
        with self._lock:
            value = self._live(key)
            expires = self._data[key][1] if value is not None else self._clock() + ttl
            count = int(value or 0) + 1
            self._data[key] = (str(count), expires)
            return count

    def drop(self, *keys: str) -> None:
        """Remove keys."""
        with self._lock:
            for key in keys:
                self._data.pop(key, None)


class RedisStore:
    """A store in Redis. Raises ``redis.RedisError``."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, key: str) -> str | None:
        """Return the value or ``None``."""
        value = self._client.get(_PREFIX + key)
        return None if value is None else str(value, "ascii") if isinstance(value, bytes) else str(value)

    def put(self, key: str, value: str, ttl: float, *, only_new: bool = False) -> bool:
        """Store; with ``only_new`` only if absent."""
        return bool(self._client.set(_PREFIX + key, value, px=max(1, int(ttl * 1000)), nx=only_new))

    def add(self, key: str, ttl: float) -> int:
        """Add one to a counter. ``SET NX`` gives it its time to live before ``INCR`` counts."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.set(_PREFIX + key, 0, px=max(1, int(ttl * 1000)), nx=True)
            pipe.incr(_PREFIX + key)
            return int(pipe.execute()[1])

    def drop(self, *keys: str) -> None:
        """Remove keys."""
        self._client.delete(*(_PREFIX + key for key in keys))


class ResilientStore:
    """Redis while it answers, this process's memory while it does not."""

    def __init__(self, shared: KeyStore, local: KeyStore | None = None, clock: Any = time.monotonic) -> None:
        self._shared = shared
        self._local = local or LocalStore()
        self._clock = clock
        self._down_until = 0.0

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        from redis import RedisError

        if self._clock() >= self._down_until:
            try:
                return getattr(self._shared, method)(*args, **kwargs)
            except (RedisError, OSError) as error:
                self._down_until = self._clock() + _REDIS_PAUSE_S
                log.warning("circuit.store_unavailable", error=type(error).__name__)
        return getattr(self._local, method)(*args, **kwargs)

    def get(self, key: str) -> str | None:
        """Return the value or ``None``."""
        value: str | None = self._call("get", key)
        return value

    def put(self, key: str, value: str, ttl: float, *, only_new: bool = False) -> bool:
        """Store; with ``only_new`` only if absent."""
        return bool(self._call("put", key, value, ttl, only_new=only_new))

    def add(self, key: str, ttl: float) -> int:
        """Add one to a counter."""
        return int(self._call("add", key, ttl))

    def drop(self, *keys: str) -> None:
        """Remove keys, in both places: what memory counted during an outage is settled too."""
        self._call("drop", *keys)
        self._local.drop(*keys)


class CircuitBreaker:
    """One policy over one store; keys are given per call. ``clock`` is wall time shared by all."""

    def __init__(self, store: KeyStore, policy: BreakerPolicy | None = None, clock: Any = time.time) -> None:
        self._store = store
        self._policy = policy or BreakerPolicy()
        self._clock = clock

    def state(self, key: str) -> CircuitState:
        """Return the state of ``key`` without changing it."""
        until = self._store.get(f"{key}:open")
        if until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self._clock() < float(until) else CircuitState.HALF_OPEN

    def wait(self, key: str) -> float:
        """Return for how many seconds no call of ``key`` will pass, without changing its state."""
        until = self._store.get(f"{key}:open")
        return max(0.0, float(until) - self._clock()) if until is not None else 0.0

    def before(self, key: str) -> CircuitState:
        """Let a call pass (closed, or half-open as the probe) or raise ``CircuitOpenError``."""
        until = self._store.get(f"{key}:open")
        if until is None:
            return CircuitState.CLOSED
        wait = float(until) - self._clock()
        if wait <= 0:
            if self._store.put(f"{key}:probe", "1", self._policy.probe_s, only_new=True):
                log.info("circuit.probing", key=key)
                return CircuitState.HALF_OPEN
            wait = 1.0
        raise CircuitOpenError("The provider has been failing; we are giving it a moment.", retry_after=wait)

    def succeeded(self, key: str) -> None:
        """Record a call that worked: closes the circuit and forgets failures (one round trip)."""
        self._store.drop(f"{key}:failures", f"{key}:open", f"{key}:probe")

    def failed(self, key: str) -> None:
        """Record a call that failed: opens the circuit at the threshold or after a failed probe."""
        policy = self._policy
        count = self._store.add(f"{key}:failures", policy.window_s)
        until = self._store.get(f"{key}:open")
        probe_failed = until is not None and self._clock() >= float(until)
        if count < policy.failures and not probe_failed:
            return
        opened_until = self._clock() + policy.cool_down_s
        # The mark outlives the cool-down: its presence afterwards is what makes the state half-open.
        self._store.put(f"{key}:open", repr(opened_until), policy.cool_down_s + 10 * policy.window_s)
        self._store.drop(f"{key}:probe", f"{key}:failures")
        log.warning("circuit.opened", key=key, failures=count, cool_down_s=policy.cool_down_s)


_default: CircuitBreaker | None = None
_default_lock = threading.Lock()


def default_breaker() -> CircuitBreaker:
    """Return the process's breaker: over ``settings.REDIS_URL`` if Django is set up with it, else local."""
    global _default  # noqa: PLW0603 -- one per process, made on first use
    with _default_lock:
        if _default is None:
            _default = CircuitBreaker(_default_store())
        return _default


def _default_store() -> KeyStore:
    from django.conf import settings

    url = getattr(settings, "REDIS_URL", "") if settings.configured else ""
    if not url:
        return LocalStore()
    import redis

    client = redis.Redis.from_url(
        url, socket_timeout=_REDIS_TIMEOUT_S, socket_connect_timeout=_REDIS_TIMEOUT_S
    )
    return ResilientStore(RedisStore(client))


def circuit_wait(key: str) -> float:
    """Return for how many seconds calls of ``key`` are refused here."""
    return default_breaker().wait(key)


def circuit_state(key: str) -> CircuitState:
    """Return the state of ``key`` for operations pages."""
    return default_breaker().state(key)
