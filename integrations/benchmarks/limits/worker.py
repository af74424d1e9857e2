"""One process of workers: ``python -m integrations.benchmarks.limits.worker``.

Reads one JSON object a line from standard input (a ``Task``), says ``ready``, waits for a line, races, and answers
with one JSON object: what was granted by whom, when it began and ended, and the slots that were taken.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import django

django.setup()

import psycopg  # noqa: E402 (models need the set-up above)
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from integrations.models import SenderAccount  # noqa: E402
from integrations.rates import Rate  # noqa: E402
from integrations.services import rates  # noqa: E402
from integrations.services.rates import slots  # noqa: E402
from project.core.clock import now  # noqa: E402
from project.core.scoping import organization_scope, platform_scope  # noqa: E402

DOMAINS = ("example.com", "example.org", "example.net")
ACTION = "email"


@dataclass(slots=True)
class Found:
    """What one worker did. It ``ended`` when it was last granted something: who only hears refusals is done."""

    granted: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    slots: list[float] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0


def main() -> None:
    """Race once for each task, until standard input ends."""
    for line in sys.stdin:
        task = json.loads(line)
        race = _bare(task) if task["kind"] == "bare" else _product(task)
        _say("ready")
        sys.stdin.readline()
        found = _run(race, task["threads"])
        _say(json.dumps(_summary(found)))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _run(race: Callable[[int, Found], None], threads: int) -> list[Found]:
    found = [Found() for _ in range(threads)]

    def work(number: int) -> None:
        found[number].began = found[number].ended = time.monotonic()
        try:
            race(number, found[number])
        finally:
            connection.close()

    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return found


def _summary(found: list[Found]) -> dict[str, Any]:
    granted: Counter[str] = sum((one.granted for one in found), Counter())
    return {
        "granted": granted,
        "refused": sum(one.refused for one in found),
        "slots": [slot for one in found for slot in one.slots],
        "began": min(one.began for one in found),
        "ended": max(one.ended for one in found),
    }


def _product(task: dict[str, Any]) -> Callable[[int, Found], None]:
    """Batches of one organization after the other, as the engine makes them; a slot for each batch."""
    at = datetime.fromisoformat(task["at"])
    by_organization: dict[UUID, list[SenderAccount]] = {}
    with platform_scope("read the accounts of a benchmark"):
        for sender in SenderAccount.objects.filter(organization_id__in=task["organizations"]):
            by_organization.setdefault(sender.organization_id, []).append(sender)
    rate = Rate(*task["rate"])
    link, home = UUID(task["connection"]), UUID(task["organizations"][0])

    def race(number: int, found: Found) -> None:
        chance = random.Random(f"{task['seed']}:{number}")  # noqa: S311 (a repeatable choice)
        left = {organization: list(senders) for organization, senders in by_organization.items()}
        while left:
            organization_id = chance.choice(sorted(left))
            senders = left[organization_id]
            demands = [
                rates.Demand(chance.choice(senders), ACTION, chance.choice(DOMAINS))
                for _ in range(task["batch"])
            ]
            with organization_scope(organization_id):
                answers = rates.reserve_many(demands, at)
            for demand, answer in zip(demands, answers, strict=True):
                if isinstance(answer, rates.Reserved):
                    found.granted[str(demand.sender.id)] += 1
                    found.ended = time.monotonic()
                    continue
                found.refused += 1
                if demand.sender in senders:
                    senders.remove(demand.sender)
            if not senders:
                del left[organization_id]
            if task["slots"]:
                with organization_scope(home):
                    moment = now()
                    wait = slots.take(link, rate, moment)
                if wait <= slots.LONGEST_WAIT.total_seconds():
                    found.slots.append(moment.timestamp() + wait)

    return race


def _bare(task: dict[str, Any]) -> Callable[[int, Found], None]:
    """One conditional statement for one counter at a time, nothing else."""

    def race(number: int, found: Found) -> None:
        chance = random.Random(f"{task['seed']}:{number}")  # noqa: S311 (a repeatable choice)
        left = list(range(task["budgets"]))
        with psycopg.connect(task["database"], autocommit=True) as link:
            while left:
                budget = chance.choice(left)
                done = link.execute(
                    "UPDATE bench_limits SET used = used + 1 WHERE id = %s AND used < cap", [budget]
                )
                if done.rowcount:
                    found.granted[str(budget)] += 1
                    found.ended = time.monotonic()
                else:
                    found.refused += 1
                    left.remove(budget)

    return race


if __name__ == "__main__":
    settings.DATABASES["default"]["OPTIONS"]["pool"]["timeout"] = 60
    # Redis is away for moments only, and asked again at once.
    slots.PAUSE_SECONDS = 0.05
    main()
