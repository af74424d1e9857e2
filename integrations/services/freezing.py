"""Freeze dates of sender accounts: set and taken back by people, asked by whatever sends for campaigns."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from integrations import freezes, registry, streams
from integrations.base import Capability
from integrations.domain_events import SenderChanged
from integrations.freezes import Freeze
from integrations.locks import lock_sender
from integrations.models import SenderAccount
from integrations.services import rates
from integrations.services.holds import Hold
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.core.refusals import Refused as Refusal
from project.tenancy import audit
from project.tenancy.models import User

LONGEST_DAYS: Final = 366
#: How far ahead a freeze may begin.
FARTHEST: Final = timedelta(days=730)
MOST: Final = 20
#: A warm-up may have begun so long ago: the days on which it stood still are still to be known.
REMEMBERED: Final = timedelta(days=400)


def of(sender: SenderAccount) -> tuple[Freeze, ...]:
    """An account's freezes, earliest first."""
    return freezes.read(sender.freezes)


def to_come(sender: SenderAccount) -> list[Freeze]:
    """The freezes that hold or are still ahead, earliest first."""
    today = rates.day_of(sender, now())
    return [one for one in of(sender) if one.last >= today]


def hold(sender: SenderAccount, at: datetime) -> Hold | None:
    """Why no campaign may send through an account at ``at``; ``None`` when no freeze holds it."""
    if not sender.freezes:
        return None
    zone, known = rates.zone_of(sender), of(sender)
    one = freezes.at(known, at, zone)
    if one is None:
        return None
    because = f" ({one.reason})" if one.reason else ""
    text = f"{sender.name} is frozen through {one.last:%-d %B %Y}{because}."
    return Hold("frozen", text, until=freezes.ends_at(known, at, zone))


@transaction.atomic
def freeze(
    *, sender: SenderAccount, first: date, last: date, reason: str = "", actor: User | None
) -> SenderAccount:
    """Let no campaign send through an account from ``first`` through ``last``, local days of the account.

    What waits keeps its place and goes on afterwards at the account's pace. Raises ``Invalid`` naming the field.
    """
    refuse_unowned(sender)
    lock_sender(sender.id)
    sender.refresh_from_db()
    today = rates.day_of(sender, now())
    if last < first:
        raise Invalid("The last day is before the first.", field="last")
    if last < today:
        raise Invalid("These days are over.", field="last")
    if (last - first).days >= LONGEST_DAYS:
        raise Invalid("A freeze lasts a year at most. Pause the account instead.", field="last")
    if first - today > FARTHEST:
        raise Invalid("A freeze begins within two years.", field="first")
    kept = [one for one in of(sender) if today - one.last <= REMEMBERED]
    if any(one.first == first and one.last == last for one in kept):
        raise Invalid("This account is frozen on these days already.", field="first")
    if sum(one.last >= today for one in kept) >= MOST:
        raise Invalid(f"An account has {MOST} freezes at most. Take one back first.", field="first")
    made = Freeze(first, last, reason.strip()[:120])
    _store(sender, [*kept, made])
    audit.record(
        actor=actor,
        action="sender.frozen",
        subject=sender,
        first=str(first),
        last=str(last),
        reason=made.reason,
    )
    return sender


@transaction.atomic
def thaw(*, sender: SenderAccount, key: str, actor: User | None) -> SenderAccount:
    """Take a freeze back; what waited for it is looked at again now. Raises ``Refused`` when there is none such."""
    lock_sender(sender.id)
    sender.refresh_from_db()
    known = of(sender)
    kept = [one for one in known if one.key != key]
    if len(kept) == len(known):
        raise Refusal("This account is not frozen on these days any more.", code="NOT_FROZEN")
    _store(sender, kept)
    audit.record(actor=actor, action="sender.thawed", subject=sender, days=key)
    return sender


def can_freeze(sender: SenderAccount) -> bool:
    """Whether it is we who send for campaigns through an account. Reads ``sender.connection``."""
    return not registry.can(sender.connection.provider, Capability.RUNS_CAMPAIGNS)


def refuse_unowned(sender: SenderAccount) -> None:
    """Raise ``Refused`` for an account whose campaigns its provider runs: our dates would not hold it."""
    if not can_freeze(sender):
        label = registry.get(sender.connection.provider).label
        raise Refusal(f"{label} runs this account's campaigns. Pause it there.", code="NOT_OURS_TO_FREEZE")


def _store(sender: SenderAccount, kept: list[Freeze]) -> None:
    sender.freezes = [one.stored() for one in sorted(kept)]
    sender.save(update_fields=["freezes", "updated_at"])
    # Whoever waits for a freeze that is gone is woken; whoever waits for one that came is held at the next look.
    publish(SenderChanged(sender=sender, previous=sender.status))
    streams.sender_changed(sender.id)
