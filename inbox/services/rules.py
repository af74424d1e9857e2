"""The rules by which conversations are given to people, and when people are at work."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from campaigns.replies.intents import Intent
from campaigns.scheduling import SendingWindow, UnknownZone, zone
from campaigns.scheduling.zones import to_instant
from inbox.models import AssignmentRule, WorkingHours
from inbox.services import assignment
from integrations.models.connections import Channel
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, Membership, User

_KNOWN = {"intents": [one.value for one in Intent], "channels": Channel.values}


@transaction.atomic
def create(
    *,
    method: str,
    actor: User,
    client: Client | None = None,
    intents: list[str] | None = None,
    channels: list[str] | None = None,
    people: list[str] | None = None,
    in_working_hours: bool = True,
    online_only: bool = False,
) -> AssignmentRule:
    """Add a rule behind the others. Raises ``Invalid`` for what does not exist."""
    if method not in AssignmentRule.Method.values:
        raise Invalid("Choose how people take turns.", field="method")
    given: dict[str, Any] = {"intents": intents or [], "channels": channels or [], "people": people or []}
    for name, known in _KNOWN.items():
        if set(given[name]) - set(known):
            raise Invalid(f"Not all of these {name} exist.", field=name)
    members = Membership.objects.filter(
        user_id__in=given["people"], is_active=True, role__in=assignment.ANSWERING
    )
    if members.count() != len(set(given["people"])):
        raise Invalid("Not all of these people can answer conversations here.", field="people")
    last = AssignmentRule.objects.aggregate(last=Max("position"))["last"]
    rule: AssignmentRule = AssignmentRule.objects.create(
        client=client,
        method=method,
        position=(last or 0) + 1,
        in_working_hours=in_working_hours,
        online_only=online_only,
        **given,
    )
    audit.record(actor=actor, action="inbox.rule_made", subject=rule, method=method, **given)
    return rule


@transaction.atomic
def switch(*, rule_id: UUID, is_active: bool, actor: User) -> AssignmentRule:
    """Let a rule work, or rest."""
    rule: AssignmentRule = AssignmentRule.objects.get(id=rule_id)
    rule.is_active = is_active
    rule.save(update_fields=["is_active", "updated_at"])
    audit.record(actor=actor, action="inbox.rule_switched", subject=rule, active=is_active)
    return rule


@transaction.atomic
def remove(*, rule_id: UUID, actor: User) -> None:
    """Remove a rule; what it gave to people stays with them."""
    rule = AssignmentRule.objects.get(id=rule_id)
    audit.record(actor=actor, action="inbox.rule_removed", subject=rule, method=rule.method)
    rule.delete()


@transaction.atomic
def set_hours(*, user: User, actor: User, **values: Any) -> WorkingHours:
    """Say when a member is at work, whether they are away, and how much rules may give them. Raises ``Invalid``."""
    hours = _hours(user) or WorkingHours(user=user)
    if hours.away_until is not None and not values.get("is_away", True):
        values = {"away_until": None, **values}
    for name, value in values.items():
        if name not in {"weekdays", "starts", "ends", "time_zone", "is_away", "away_until", "most_open"}:
            raise Invalid(f"Working hours have no {name!r}.", field=name)
        setattr(hours, name, value)
    try:
        SendingWindow(frozenset(hours.weekdays), hours.starts, hours.ends)
        zone(hours.time_zone)
    except UnknownZone as error:
        raise Invalid(
            f"{hours.time_zone!r} is no time zone, for example Europe/Oslo.", field="time_zone"
        ) from error
    except ValueError as error:
        raise Invalid(str(error), field="weekdays") from error
    if values.get("away_until") is not None and values["away_until"] <= now():
        raise Invalid("Choose a day that has not begun yet.", field="away_until")
    hours.save()
    shown: dict[str, Any] = {name: str(value) for name, value in values.items()}
    audit.record(actor=actor, action="inbox.hours_set", user=str(user.id), **shown)
    return hours


def set_away(*, user: User, actor: User, is_away: bool, until: date | None = None) -> WorkingHours:
    """Let rules give somebody nothing until the morning of a day (``None``: until they are back), or again.

    Whoever has stated no hours goes on working at all of them. Raises ``Invalid`` for a day that has begun.
    """
    known = _hours(user)
    values: dict[str, Any] = {}
    if known is None:
        values = {
            "weekdays": list(range(7)), "starts": time(0), "ends": time(23, 59), "time_zone": user.time_zone or "UTC",
        }  # fmt: skip
    back = None
    if is_away and until is not None:
        tz = zone(known.time_zone if known is not None else user.time_zone or "UTC")
        back = to_instant(datetime.combine(until, known.starts if known is not None else time(0)), tz)
    return set_hours(user=user, actor=actor, is_away=is_away, away_until=back, **values)


def _hours(user: User) -> WorkingHours | None:
    found: WorkingHours | None = WorkingHours.objects.filter(user=user).first()
    return found
