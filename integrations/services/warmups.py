"""Warm-up of senders: started, held on a bad day, resumed and stopped by people; the stage follows from the dates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from integrations import warmup
from integrations.locks import lock_sender
from integrations.models import Channel, SenderAccount, WarmupPlan
from integrations.services import rates
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.refusals import Refused as Refusal
from project.tenancy import audit
from project.tenancy.models import User

#: Which plans suit which channel; numbers have none.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    Channel.LINKEDIN: ("linkedin",),
    Channel.EMAIL: ("mailbox", "domain_new", "domain_known", "ip"),
}
LONGEST_AGO_DAYS: Final = 400


@transaction.atomic
def start(
    *,
    sender: SenderAccount,
    kind: str,
    actor: User | None,
    started_on: date | None = None,
    ceiling: int | None = None,
) -> WarmupPlan:
    """Put an account on a warm-up from ``started_on`` (today) on; one that it is on ends.

    Raises ``Invalid`` for a plan that does not suit the channel, a day to come or too long ago, a bad ceiling.
    """
    if kind not in KINDS.get(sender.channel, ()):
        raise Invalid(f"There is no warm-up {kind!r} for {sender.get_channel_display()}.", field="kind")
    today = rates.day_of(sender, now())
    first = started_on or today
    if not 0 <= (today - first).days <= LONGEST_AGO_DAYS:
        raise Invalid("A warm-up starts today or up to 400 days ago.", field="started_on")
    if ceiling is not None and not 1 <= ceiling <= 10_000_000:
        raise Invalid("A ceiling is at least 1.", field="ceiling")
    lock_sender(sender.id)
    WarmupPlan.objects.filter(sender=sender, stopped_at=None).update(stopped_at=now())
    plan: WarmupPlan = WarmupPlan.objects.create(sender=sender, kind=kind, started_on=first, ceiling=ceiling)
    _record(sender, actor, "sender.warmup_started", kind=kind, started_on=str(first), ceiling=ceiling)
    return plan


@transaction.atomic
def hold(*, sender: SenderAccount, reason: str = "", actor: User | None) -> WarmupPlan:
    """Let the stage stand still from today on, until ``resume``. Raises ``Refused`` without a warm-up."""
    plan = _current(sender)
    if plan.held_since is None:
        plan.held_since = rates.day_of(sender, now())
        plan.hold_reason = reason[:200]
        plan.save(update_fields=["held_since", "hold_reason", "updated_at"])
        _record(sender, actor, "sender.warmup_held", reason=reason[:200])
    return plan


@transaction.atomic
def hold_a_day(*, sender: SenderAccount, reason: str = "", actor: User | None) -> WarmupPlan:
    """Set the ramp back by one day: today's stage is that of yesterday. Raises ``Refused`` without a warm-up."""
    plan = _current(sender)
    plan.held_days += 1
    plan.save(update_fields=["held_days", "updated_at"])
    _record(sender, actor, "sender.warmup_set_back", days=1, reason=reason[:200])
    return plan


@transaction.atomic
def resume(*, sender: SenderAccount, actor: User | None) -> WarmupPlan:
    """Let a held warm-up go on where it stands. Raises ``Refused`` without a warm-up."""
    plan = _current(sender)
    if plan.held_since is not None:
        plan.held_days += max(0, (rates.day_of(sender, now()) - plan.held_since).days)
        plan.held_since, plan.hold_reason = None, ""
        plan.save(update_fields=["held_days", "held_since", "hold_reason", "updated_at"])
        _record(sender, actor, "sender.warmup_resumed")
    return plan


@transaction.atomic
def stop(*, sender: SenderAccount, actor: User | None) -> None:
    """End an account's warm-up; its other limits stay. Raises ``Refused`` without a warm-up."""
    plan = _current(sender)
    plan.stopped_at = now()
    plan.save(update_fields=["stopped_at", "updated_at"])
    _record(sender, actor, "sender.warmup_stopped", kind=plan.kind)


def stages_of(senders: Iterable[SenderAccount]) -> dict[UUID, warmup.Stage]:
    """Return where the warm-ups of accounts stand today, by account; one query."""
    accounts = {sender.id: sender for sender in senders}
    at = now()
    return {
        plan.sender_id: rates.stage_of(accounts[plan.sender_id], plan, at)
        for plan in WarmupPlan.objects.filter(sender__in=list(accounts), stopped_at=None)
    }


def _current(sender: SenderAccount) -> WarmupPlan:
    lock_sender(sender.id)
    plan: WarmupPlan | None = WarmupPlan.objects.filter(sender=sender, stopped_at=None).first()
    if plan is None:
        raise Refusal("This account is not being warmed up.", code="NO_WARMUP")
    return plan


def _record(sender: SenderAccount, actor: User | None, action: str, **details: Any) -> None:
    audit.record(actor=actor, action=action, subject=sender, client_id=sender.client_id, **details)
    rates.announce(sender.id)
