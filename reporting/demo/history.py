"""Eight weeks of a campaign that is over, as facts, so that reports have something to show. Invented throughout."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import transaction

from campaigns.models import Campaign, Lead
from integrations.models import SenderAccount
from project.core.clock import now
from reporting.models import Fact
from reporting.services import facts

WEEKS: Final = 8
_DOMAINS: Final = ("gmail.com", "outlook.com", "nordkyl.test", "vantage-foods.test", "haugen.test")
Kind = Fact.Kind


class Step(NamedTuple):
    """One thing that may happen after the one before it."""

    kind: str
    chance: float
    hours: float
    node: str
    channel: str


_NETWORK: Final = (
    Step(Kind.INVITED, 0.97, 3, "invite", "linkedin"),
    Step(Kind.CONNECTED, 0.46, 40, "", "linkedin"),
    Step(Kind.MESSAGED, 0.98, 3, "message", "linkedin"),
    Step(Kind.REPLIED, 0.36, 60, "message", "linkedin"),
    Step(Kind.POSITIVE, 0.48, 0, "message", "linkedin"),
    Step(Kind.MEETING, 0.34, 50, "message", "linkedin"),
)
_MAIL: Final = (
    Step(Kind.EMAILED, 0.9, 80, "email", "email"),
    Step(Kind.DELIVERED, 0.96, 0.1, "email", "email"),
    Step(Kind.OPENED, 0.55, 30, "email", "email"),
    Step(Kind.REPLIED, 0.16, 40, "email", "email"),
    Step(Kind.POSITIVE, 0.42, 0, "email", "email"),
    Step(Kind.MEETING, 0.3, 50, "email", "email"),
)
#: Kinds that people do in their working hours.
_BY_DAY: Final = frozenset({Kind.INVITED, Kind.MESSAGED, Kind.EMAILED, Kind.REPLIED})


@transaction.atomic
def write(campaign: Campaign, leads: Sequence[Lead], senders: dict[str, SenderAccount]) -> None:
    """Write the facts of a campaign over ``leads``; ``senders`` by channel."""
    dice = random.Random("history")  # noqa: S311 - invented data, not a secret
    for number, lead in enumerate(leads):
        begins = now() - timedelta(days=dice.uniform(3, 7 * WEEKS - 1))
        domain = _DOMAINS[number % len(_DOMAINS)]
        _record(campaign, lead, senders, Step(Kind.ENROLLED, 1, 0, "", ""), begins, None, "")
        steps = _NETWORK if "linkedin" in senders else ()
        reached = list(_path(dice, steps, begins))
        if not any(step.kind == Kind.CONNECTED for step, _, _ in reached) and "email" in senders:
            reached += _path(dice, _MAIL, begins + timedelta(days=2))
        for step, at, seconds in reached:
            _record(campaign, lead, senders, step, at, seconds, domain if step.channel == "email" else "")


def _path(
    dice: random.Random, steps: Sequence[Step], begins: datetime
) -> Iterator[tuple[Step, datetime, int | None]]:
    at, sent = begins, begins
    for step in steps:
        if dice.random() > step.chance:
            return
        at += timedelta(hours=dice.uniform(0, step.hours))
        if step.kind in _BY_DAY:
            at = _working(dice, at)
        if at > now():
            return
        if step.kind in {Kind.INVITED, Kind.MESSAGED, Kind.EMAILED}:
            sent = at
        replies = step.kind in {Kind.REPLIED, Kind.POSITIVE}
        yield step, at, int((at - sent).total_seconds()) if replies else None


def _working(dice: random.Random, at: datetime) -> datetime:
    """The same instant, or one in working hours soon after it; mornings are liked best."""
    while at.weekday() > 4:
        at += timedelta(days=1)
    if 7 <= at.hour <= 16:
        return at
    hour = min(16, 7 + int(dice.triangular(0, 9, 2)))
    return at.replace(hour=hour, minute=dice.randrange(60)) + timedelta(days=1 if at.hour > 16 else 0)


def _record(
    campaign: Campaign,
    lead: Lead,
    senders: dict[str, SenderAccount],
    step: Step,
    at: datetime,
    seconds: int | None,
    domain: str,
) -> None:
    sender = senders.get(step.channel)
    facts.record(
        kind=step.kind,
        key=f"demo:{lead.id}:{step.kind}:{step.node}",
        occurred_at=at,
        client_id=campaign.client_id,
        value=seconds,
        campaign_id=campaign.id,
        lead_id=lead.id,
        sender_id=sender.id if sender is not None else None,
        node_id=step.node,
        channel=step.channel,
        domain=domain,
    )
