"""The request rate of a connection: each request takes an instant of a time axis (a slot) that is given once.

PostgreSQL keeps the truth: all slots before ``RequestSlots.next_slot_at`` are gone. They lie a rate's gap apart,
and one that is older than the burst lapses, so whoever hands them out, any interval of length t sees at most
``t * rate + burst`` requests. A block of slots, about a second's worth, is leased to a token bucket in Redis,
which hands them out smoothly and cheaply. What Redis loses is lost: those slots stay given, so an emptied or
restarted Redis allows nothing more. A block belongs to the run of the Redis server that it
was stored in, so a server that comes back with an older state does not hand out slots twice. Without Redis
each process leases a tenth of a second's worth for itself, which is the same in small.
"""

from __future__ import annotations

import functools
import math
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import connection as database
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.models import Connection, LimitScope, LimitWindow, RateLimit, RequestSlots
from integrations.rates import Rate
from integrations.services.rates.reserving import Refused
from project.core.clock import now
from project.core.ids import parse_uuid, uuid7
from project.core.scoping import active_scope

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS: Final = 0.25
#: After a failure nobody waits for Redis for so long.
PAUSE_SECONDS = 5.0
#: How long a process trusts what it read about a connection's rate.
RATE_SECONDS: Final = 5.0
#: A request waits at most so long for its slot; dispatch puts a send off that would wait longer than ``PATIENCE``.
LONGEST_WAIT: Final = timedelta(seconds=10)
PATIENCE: Final = timedelta(seconds=2)

_paused_until = 0.0

#: KEYS[1]: list of blocks "run next end gap", microseconds. ARGV: now, credit, longest wait.
#: Returns {1, slot} taken, {0, slot} too far away, {-1, 0} nothing known.
_TAKE: Final = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local now, oldest, latest = tonumber(ARGV[1]), ARGV[1] - ARGV[2], ARGV[1] + ARGV[3]
while true do
    local block = redis.call('LINDEX', KEYS[1], 0)
    if not block then return {-1, 0} end
    local of, first, last, gap = string.match(block, '^(%x+) (%d+) (%d+) (%d+)$')
    first, last, gap = tonumber(first), tonumber(last), tonumber(gap)
    if of == run and first < oldest then first = first + math.ceil((oldest - first) / gap) * gap end
    if of ~= run or first >= last then
        redis.call('LPOP', KEYS[1])
    elseif first > latest then
        return {0, first}
    else
        redis.call('LSET', KEYS[1], 0, string.format('%s %.0f %.0f %.0f', run, first + gap, last, gap))
        return {1, first}
    end
end
"""
#: KEYS[1]: the list. ARGV: next, end, gap, milliseconds to live.
_STORE: Final = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
redis.call('RPUSH', KEYS[1], run .. ' ' .. ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""
_LEASE: Final = """
INSERT INTO integrations_requestslots AS slots
    (id, organization_id, connection_id, next_slot_at, given, created_at, updated_at)
SELECT %(id)s, organization_id, id, %(first)s + %(length)s * interval '1 microsecond', %(count)s, %(now)s, %(now)s
FROM integrations_connection WHERE id = %(connection)s
ON CONFLICT (connection_id) DO UPDATE
    SET next_slot_at = greatest(slots.next_slot_at, %(first)s) + %(length)s * interval '1 microsecond',
        given = slots.given + %(count)s,
        updated_at = EXCLUDED.updated_at
    WHERE greatest(slots.next_slot_at, %(first)s) <= %(latest)s
RETURNING next_slot_at - %(length)s * interval '1 microsecond'
"""


@dataclass(frozen=True, slots=True)
class RequestState:
    """What is persisted about a connection's requests: its rate, the next free slot, how many were given."""

    connection_id: UUID
    rate: Rate
    next_slot_at: datetime | None
    given: int


def throttle(key: str) -> float:
    """Take the next slot for a request under a circuit breaker's key (``provider:connection id[:account]``).

    Returns the seconds to wait for it. Where that is more than ``LONGEST_WAIT`` no slot is taken. Requests of
    no stored connection, and those outside of any scope, have no rate.
    """
    provider, _, rest = key.partition(":")
    connection_id = parse_uuid(rest.partition(":")[0])
    if connection_id is None or active_scope() is None:
        return 0.0
    rate = _rates.get(connection_id, provider)
    return take(connection_id, rate, now()) if rate is not None else 0.0


def take(connection_id: UUID, rate: Rate, at: datetime) -> float:
    """Take the next slot of a connection at ``at``; return the seconds until it (see ``throttle``)."""
    slot, taken = _from_redis(connection_id, rate, at)
    if slot is None:
        slot, taken = _own.take(connection_id, rate, at), True
    if slot is None:
        slot, taken = _from_database(connection_id, rate, at)
    if slot is None:
        return 0.0
    wait = max(0.0, (slot - at).total_seconds())
    return wait if taken else max(wait, LONGEST_WAIT.total_seconds() + rate.gap.total_seconds())


def refusal(connection: Connection, at: datetime) -> Refused | None:
    """Return why a send should not start now: so many requests wait that it would stand in line for long."""
    rate = _rates.get(connection.id, connection.provider)
    if rate is None:
        return None
    free = RequestSlots.objects.filter(connection=connection).values_list("next_slot_at", flat=True).first()
    # A leased block may lie ahead although nobody waits for it.
    ahead = PATIENCE + _block(rate) * rate.gap
    if free is None or free - at <= ahead:
        return None
    return Refused(
        reason=f"The request rate of {rate.per_second:g} a second of this connection is used up.",
        limit=max(1, int(rate.per_second)),
        next_free=free - ahead,
        limit_key="provider_rate",
    )


def rate_of(connection_id: UUID, provider: str) -> Rate | None:
    """Return a connection's request rate: as set, or the provider's default; ``None`` for no limit. One query."""
    rows = RateLimit.objects.filter(scope=LimitScope.CONNECTION, subject=str(connection_id))
    return _rate(dict(rows.values_list("window", "cap")), provider)


def states_of(connections: list[Connection]) -> list[RequestState]:
    """Return what is persisted about the requests of connections that have a rate; two queries."""
    ids = [str(connection.id) for connection in connections]
    caps: dict[str, dict[str, int]] = {}
    rows = RateLimit.objects.filter(scope=LimitScope.CONNECTION, subject__in=ids)
    for subject, window, cap in rows.values_list("subject", "window", "cap"):
        caps.setdefault(subject, {})[window] = cap
    slots = {row.connection_id: row for row in RequestSlots.objects.filter(connection__in=connections)}
    found = []
    for connection in connections:
        rate = _rate(caps.get(str(connection.id), {}), connection.provider)
        row = slots.get(connection.id)
        if rate is not None:
            found.append(
                RequestState(
                    connection_id=connection.id,
                    rate=rate,
                    next_slot_at=row.next_slot_at if row else None,
                    given=row.given if row else 0,
                )
            )
    return found


def _rate(caps: dict[str, int], provider: str) -> Rate | None:
    """The smallest of what is set by second and minute, else the default. A burst is a second's worth."""
    per_second = [float(caps[LimitWindow.SECOND])] if LimitWindow.SECOND in caps else []
    if LimitWindow.MINUTE in caps:
        per_second.append(caps[LimitWindow.MINUTE] / 60)
    if not per_second:
        default = settings.REQUEST_RATES.get(provider)
        return Rate(*default) if default else None
    slowest = max(min(per_second), 1 / 3600)
    return Rate(slowest, max(1, int(slowest)))


class _Rates:
    """Rates by connection, as read lately by this process."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[float, Rate | None]] = {}

    def get(self, connection_id: UUID, provider: str) -> Rate | None:
        """The rate of a connection; read again after ``RATE_SECONDS``."""
        read_at, rate = self._known.get(connection_id, (-math.inf, None))
        if time.monotonic() - read_at >= RATE_SECONDS:
            rate = rate_of(connection_id, provider)
            self._known[connection_id] = (time.monotonic(), rate)
        return rate

    def forget(self, connection_id: UUID) -> None:
        """Read a connection's rate again at the next request."""
        self._known.pop(connection_id, None)


_rates = _Rates()
forget_rate = _rates.forget


class _Own:
    """Slots that this process leased for itself while Redis was away, by connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: dict[UUID, tuple[int, int, int]] = {}

    def keep(self, connection_id: UUID, first: int, end: int, gap: int) -> None:
        """Keep a block; what was left of an earlier one stays given and is not used."""
        with self._lock:
            self._blocks[connection_id] = (first, end, gap)

    def take(self, connection_id: UUID, rate: Rate, at: datetime) -> datetime | None:
        """Take the next slot that has not lapsed; ``None`` if there is none."""
        if connection_id not in self._blocks:
            return None
        oldest = _micros(at - rate.credit)
        with self._lock:
            first, end, gap = self._blocks.pop(connection_id, (0, 0, 1))
            first += max(0, -(-(oldest - first) // gap)) * gap
            if first >= end:
                return None
            self._blocks[connection_id] = (first + gap, end, gap)
        return _moment(first)

    def forget(self) -> None:
        """Drop all blocks; their slots stay given."""
        with self._lock:
            self._blocks.clear()


_own = _Own()


def _block(rate: Rate) -> int:
    """How many slots are leased at once: a second's worth."""
    return max(1, int(rate.per_second))


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _gap(rate: Rate) -> int:
    # Rounded up: never faster than the rate.
    return math.ceil(rate.gap / timedelta(microseconds=1))


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC) + timedelta(microseconds=micros % 1_000_000)


def _from_redis(connection_id: UUID, rate: Rate, at: datetime) -> tuple[datetime | None, bool]:
    """Take a slot that was leased; ``(None, False)`` if there is none there or no Redis."""
    credit = math.floor(rate.credit / timedelta(microseconds=1))
    answer = _ask(
        _TAKE, _name(connection_id), _micros(at), credit, int(LONGEST_WAIT / timedelta(microseconds=1))
    )
    if answer is None or int(answer[0]) < 0:
        return None, False
    return _moment(int(answer[1])), int(answer[0]) == 1


def _from_database(connection_id: UUID, rate: Rate, at: datetime) -> tuple[datetime | None, bool]:
    """Lease a block, keep its first slot, and leave the others in Redis; ``(None, False)`` without a connection."""
    gap = _gap(rate)
    is_away = time.monotonic() < _paused_until
    count = max(1, _block(rate) // 10) if is_away else _block(rate)
    with database.cursor() as cursor:
        cursor.execute(
            _LEASE,
            {
                "id": uuid7(),
                "connection": connection_id,
                "first": at - rate.credit,
                "latest": at + LONGEST_WAIT,
                "length": gap * count,
                "count": count,
                "now": at,
            },
        )
        row = cursor.fetchone()
    if row is None:
        slots = RequestSlots.objects.filter(connection_id=connection_id)
        return slots.values_list("next_slot_at", flat=True).first(), False
    first = _micros(row[0])
    if is_away:
        _own.keep(connection_id, first + gap, first + gap * count, gap)
    elif count > 1:
        _ask(_STORE, _name(connection_id), first + gap, first + gap * count, gap, 60_000)
    return _moment(first), True


def _name(connection_id: UUID) -> str:
    return f"oex:slots:{connection_id}"


@functools.lru_cache(maxsize=8)
def _script(url: str, source: str) -> Any:
    # A slot that is taken twice is one lost; a block that is stored twice would be handed out twice.
    retries = 1 if source is _TAKE else 0
    client = redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), retries),
    )
    return client.register_script(source)


def _ask(source: str, name: str, *arguments: int) -> Any:
    """Run a script; ``None`` while Redis does not answer."""
    global _paused_until  # noqa: PLW0603 (one breaker for the process)
    if time.monotonic() < _paused_until:
        return None
    try:
        return _script(settings.REDIS_URL, source)(keys=[name], args=list(arguments))
    except (redis.RedisError, OSError) as error:
        _paused_until = time.monotonic() + PAUSE_SECONDS
        log.warning("rates.redis_away", error=type(error).__name__)
        return None
