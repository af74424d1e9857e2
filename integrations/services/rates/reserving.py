"""Takes and gives back units: exact under any number of workers, all budgets of a send or none.

Two statements serve a whole batch. The first reads counters and what caps them, and locks nothing; the pure arithmetic
of ``integrations.rates`` says who is served. The second locks the counters, always in the same order, and charges
them if every one of them still has room, or none: nothing is decided while a lock is held. If somebody else was
quicker it is decided anew, in the end with the counters locked. The counters stay locked until the caller's
transaction ends, so reserve late, once, and commit soon. Only a process's first use of a window costs up to two
more statements, which make its counters.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from integrations.models import SenderAccount
from integrations.rates import Cap, Counter, allocate
from integrations.services.rates.budgets import Budget, Demand, budgets_of, caps_of_budget, domain_group
from integrations.services.rates.reading import Reading, read
from project.core.clock import now
from project.core.ids import uuid7

_CHARGE: Final = """
WITH locked AS (
    SELECT usage.id, wanted.units, usage.used + wanted.units <= wanted.cap AS fits
    FROM integrations_rateusage AS usage
    JOIN unnest(%(organizations)s::uuid[], %(keys)s::text[], %(units)s::int[], %(caps)s::bigint[])
        AS wanted (organization_id, key, units, cap)
        ON usage.organization_id = wanted.organization_id AND usage.key = wanted.key
    ORDER BY usage.scope <> 'sender', usage.key
    FOR UPDATE OF usage
), verdict AS (
    SELECT count(*) = %(count)s AND bool_and(fits) AS all_fit FROM locked
), charged AS (
    UPDATE integrations_rateusage AS usage SET used = usage.used + locked.units, updated_at = %(now)s
    FROM locked, verdict WHERE verdict.all_fit AND usage.id = locked.id
    RETURNING 1
)
SELECT count(*) FROM charged
"""
_MAKE: Final = """
INSERT INTO integrations_rateusage
    (id, organization_id, key, scope, subject, sender_id, action, "window", day, used, created_at, updated_at)
SELECT id, organization_id, key, scope, subject, sender_id, action, "window", day, 0, %(now)s, %(now)s
FROM unnest(%(ids)s::uuid[], %(organizations)s::uuid[], %(keys)s::text[], %(scopes)s::text[], %(subjects)s::text[],
        %(senders)s::uuid[], %(actions)s::text[], %(windows)s::text[], %(days)s::date[])
    AS made (id, organization_id, key, scope, subject, sender_id, action, "window", day)
ON CONFLICT (organization_id, key) DO NOTHING
"""
_GIVE_BACK: Final = """
WITH held AS (
    SELECT usage.id FROM integrations_rateusage AS usage
    WHERE usage.organization_id = %(organization)s AND usage.key = ANY(%(keys)s)
    ORDER BY usage.scope <> 'sender', usage.key
    FOR UPDATE OF usage
)
UPDATE integrations_rateusage AS usage SET used = usage.used - 1, updated_at = %(now)s
FROM held WHERE usage.id = held.id AND usage.used > 0
"""
#: How often a batch is decided anew before the counters are locked first.
_TRIES: Final = 3
#: Counters that are known to be committed, or to be needless. The others are made before anything is locked: who made
#: one while holding locks would wait for somebody else's that is not committed, who may wait for these locks.
_seen: set[tuple[UUID, str]] = set()
_SEEN_AT_MOST: Final = 50_000


class Overrun(RuntimeError):
    """A counter would have exceeded its cap although it was locked and had room: nothing is charged."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A unit of every budget was taken. ``day``, ``used`` and ``limit`` are those of the account's day.

    ``reservation`` is JSON for the outbox row: what ``release`` needs to give back exactly these units.
    """

    day: date
    used: int
    limit: int
    reservation: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was taken: the budget ``limit_key`` binds (of several, the one that is free last).

    ``limit_key`` is ``account_day``, ``account_week``, ``mailbox_hour``, ``client_day``, ``organization_day``,
    ``recipient_domain_hour``, ``provider_rate``, ``warmup`` or ``velocity``; ``reason`` a sentence with the
    figures; ``next_free`` when its next window begins (UTC).
    """

    reason: str
    limit: int
    next_free: datetime
    limit_key: str = "account_day"


def reserve(
    *, sender: SenderAccount, action: str, at: datetime, recipient_domain: str = ""
) -> Reserved | Refused:
    """Take one unit of every budget of ``action`` in the windows that ``at`` is in, or none of any."""
    return reserve_many([Demand(sender, action, recipient_domain)], at)[0]


def reserve_many(demands: Sequence[Demand], at: datetime) -> list[Reserved | Refused]:
    """Serve demands in their order, each wholly or not at all; return one answer for each.

    Two statements for the whole batch. The accounts may belong to several organizations (platform scope).
    """
    if not demands:
        return []
    batch = _Batch(demands, at)
    if not batch.is_familiar():
        batch.make(batch.missing(batch.read(lock=False)))
    for _ in range(_TRIES):
        answers = batch.serve(lock=False)
        if answers is not None:
            return answers
    with transaction.atomic(savepoint=False):
        answers = batch.serve(lock=True)
    if answers is None:
        raise Overrun("Counters that are locked did not have the room that they had.")
    return answers


@transaction.atomic(savepoint=False)
def release(*, sender: SenderAccount, reservation: Mapping[str, Any] | None) -> None:
    """Give back the units that a reservation took: what they were taken for did not happen."""
    if not reservation:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE_BACK,
            {"organization": sender.organization_id, "keys": list(reservation["keys"]), "now": now()},
        )


class _Batch:
    """Demands that are served together, and the counters that they touch, numbered in the order of their mention."""

    def __init__(self, demands: Sequence[Demand], at: datetime) -> None:
        self.at = at
        self.senders = {demand.sender.id: demand.sender for demand in demands}
        self.domains = {domain_group(demand.recipient_domain) for demand in demands} - {""}
        self.budgets: list[tuple[Budget, SenderAccount]] = []
        self.numbers: dict[tuple[UUID, str], int] = {}
        #: For each demand the numbers of its counters.
        self.wanted: list[list[int]] = []
        alike: dict[tuple[UUID, str, str], list[int]] = {}
        for demand in demands:
            kind = (demand.sender.id, demand.action, demand.recipient_domain)
            if kind not in alike:
                alike[kind] = [self._number(budget, demand.sender) for budget in budgets_of(demand, at)]
            self.wanted.append(alike[kind])
        self._caps: list[tuple[Cap, ...]] = []

    def _number(self, budget: Budget, sender: SenderAccount) -> int:
        number = self.numbers.setdefault((budget.organization_id, budget.key), len(self.budgets))
        if number == len(self.budgets):
            self.budgets.append((budget, sender))
        return number

    def is_familiar(self) -> bool:
        """Whether this process has seen all counters before."""
        return _seen.issuperset(self.numbers)

    def read(self, *, lock: bool) -> Reading:
        """Read counters and rules, and work out the caps."""
        keys = [key for _organization, key in self.numbers]
        reading = read(senders=self.senders.values(), keys=keys, domains=self.domains, at=self.at, lock=lock)
        self._caps = [
            caps_of_budget(budget, sender, reading.rules, self.at) for budget, sender in self.budgets
        ]
        return reading

    def missing(self, reading: Reading) -> list[Budget]:
        """The counters with a cap that do not exist yet, in the order in which they are locked."""
        found = [
            self.budgets[number][0]
            for name, number in self.numbers.items()
            if self._caps[number] and name not in reading.used
        ]
        return sorted(found, key=lambda budget: (budget.scope != "sender", budget.key))

    def make(self, budgets: Sequence[Budget]) -> None:
        """Make counters that others may be making too."""
        transaction.on_commit(self._remember)
        if not budgets:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                _MAKE,
                {
                    "ids": [uuid7() for _budget in budgets],
                    "organizations": [budget.organization_id for budget in budgets],
                    "keys": [budget.key for budget in budgets],
                    "scopes": [str(budget.scope) for budget in budgets],
                    "subjects": [budget.subject for budget in budgets],
                    "senders": [budget.sender_id for budget in budgets],
                    "actions": [budget.action for budget in budgets],
                    "windows": [str(budget.window) for budget in budgets],
                    "days": [budget.day for budget in budgets],
                    "now": now(),
                },
            )

    def _remember(self) -> None:
        if len(_seen) > _SEEN_AT_MOST:
            _seen.clear()
        _seen.update(self.numbers)

    def serve(self, *, lock: bool) -> list[Reserved | Refused] | None:
        """Decide and charge; ``None``, and nothing is charged, if somebody else was quicker."""
        reading = self.read(lock=lock)
        missing = self.missing(reading)
        if missing:
            self.make(missing)
            reading = self.read(lock=lock)
        counters: dict[Hashable, Counter] = {
            number: Counter(
                used=reading.used[name],
                caps=self._caps[number],
                resets_at=self.budgets[number][0].resets_at,
            )
            for name, number in self.numbers.items()
            if self._caps[number]
        }
        answers = [
            self._answer([number for number in numbers if number in counters], counters)
            for numbers in self.wanted
        ]
        return answers if self._charge(counters) else None

    def _answer(self, numbers: list[int], counters: dict[Hashable, Counter]) -> Reserved | Refused:
        [limit] = allocate([numbers], counters, self.at)
        if limit is not None:
            return Refused(
                reason=f"The {limit.name} is used up.",
                limit=limit.cap,
                next_free=limit.resets_at,
                limit_key=limit.key,
            )
        # The first budget is the account's day.
        today = counters[numbers[0]]
        return Reserved(
            day=self.budgets[numbers[0]][0].day,
            used=today.used + today.taken,
            limit=today.binding.value,
            reservation={"keys": [self.budgets[number][0].key for number in numbers]},
        )

    def _charge(self, counters: Mapping[Any, Counter]) -> bool:
        taken = [(self.budgets[number][0], one) for number, one in counters.items() if one.taken]
        if not taken:
            return True
        with connection.cursor() as cursor:
            cursor.execute(
                _CHARGE,
                {
                    "organizations": [budget.organization_id for budget, _counter in taken],
                    "keys": [budget.key for budget, _counter in taken],
                    "units": [counter.taken for _budget, counter in taken],
                    "caps": [counter.binding.value for _budget, counter in taken],
                    "count": len(taken),
                    "now": now(),
                },
            )
            return bool(cursor.fetchone()[0] == len(taken))
