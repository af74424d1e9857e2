"""What the interpreter takes, keeps and gives back: plain frozen values, storable as JSON.

All instants are aware UTC datetimes. Nothing here decides anything; see ``campaigns.plans.interpreter``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from campaigns.plans.schema import Plan, Value
from campaigns.scheduling import Calendar, zone_for

Stage = Literal[
    "pending", "invited", "connected", "messaged", "completed", "stopped", "replied", "meeting", "bounced",
    "unsubscribed", "error",
]  # fmt: skip
"""Lead lifecycle (mission C7), from the weakest to the strongest; it only ever moves to the right."""
STAGES: tuple[Stage, ...] = (
    "pending", "invited", "connected", "messaged", "completed", "stopped", "replied", "meeting", "bounced",
    "unsubscribed", "error",
)  # fmt: skip

EndOutcome = Literal[
    "completed",
    "replied",
    "meeting",
    "disqualified",
    "handed_over",
    "bounced",
    "unsubscribed",
    "stopped",
    "error",
]
CauseKind = Literal["event", "timer", "person", "rule", "engine"]

Key = tuple[datetime, int, datetime, str, int]
"""Order of all that can happen: instant, rank at one instant, occurrence, event id, place in the list."""


BranchFields = tuple[tuple[str, tuple[tuple[str, Value], ...]], ...]
"""By visit of a branch (``<node>:<visit>``): the field values it saw, as (name, value) pairs."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about an enrollment.

    ``node`` and ``visit`` say which message it belongs to, where that is known. ``machine`` marks opens and
    clicks by privacy proxies and scanners; ``soft`` bounces and deferrals; ``out_of_office`` automatic
    replies, with the day of return if they name one. ``channel`` is the channel of an unsubscribe or
    complaint; ``detail`` is text for people (why a send failed).
    """

    id: str
    kind: str
    occurred_at: datetime
    received_at: datetime = field(compare=False)
    node: str | None = None
    visit: int | None = None
    channel: str | None = None
    machine: bool = False
    soft: bool = False
    out_of_office: bool = False
    returns_on: date | None = None
    detail: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may depend on besides plan, state and events. Build it with ``context_for``.

    ``fields`` are the values that branches test, by full name (``lead.country``); ``seed`` makes spreading
    differ between enrollments (the enrollment's id).
    """

    calendar: Calendar
    tz: ZoneInfo
    seed: str = ""
    fields: Mapping[str, Value] = field(default_factory=dict)


def context_for(
    plan: Plan,
    calendar: Calendar,
    *,
    seed: str,
    lead_zone: str | None = None,
    use_lead_zone: bool = False,
    fields: Mapping[str, Value] | None = None,
) -> Context:
    """The context of one enrollment: the calendar with the plan's quiet hours, in the zone that holds."""
    quiet = plan.quiet_hours.hours() if plan.quiet_hours else None
    return Context(
        calendar=calendar.with_quiet_hours(quiet),
        tz=zone_for(plan.timezone, lead_zone, use_lead_zone=use_lead_zone),
        seed=seed,
        fields=fields or {},
    )


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something happened: an event id, a timer key, a person's name or a rule."""

    kind: CauseKind
    ref: str


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of the path. ``number`` counts from 1, ``at`` is when it takes effect (not when seen)."""

    number: int
    from_node: str
    to_node: str
    visit: int
    cause: Cause
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Timer:
    """A moment at which the state may change by itself: ``event`` leads to ``to``."""

    key: str
    node: str
    visit: int
    event: str
    to: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A send that is wanted: node and visit identify it, ``due_at`` is the earliest instant it may leave."""

    node: str
    visit: int
    due_at: datetime

    @property
    def key(self) -> str:
        """Dedupe key of the action within its enrollment."""
        return f"{self.node}:{self.visit}:send"


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an enrollment. Final: no event reopens it."""

    outcome: EndOutcome
    reason: str
    cause: Cause
    node: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All up to the last irrevocable thing (start, attempt of a send, person's move), settled for good.

    The state is always computed from here and the facts since, so the order in which those arrive cannot matter.
    ``happened`` are (event, node or "") pairs, ``seen`` the ids of all events ever taken in.
    """

    started_at: datetime
    node: str
    visit: int
    entered_at: datetime
    cursor: Key
    barrier: datetime
    path_length: int
    attempted_at: datetime | None = None
    not_before: datetime | None = None
    visits: tuple[tuple[str, int], ...] = ()
    happened: tuple[tuple[str, str], ...] = ()
    seen: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    away_until: date | None = None
    stage: Stage = "pending"


Phase = Literal["due", "held", "in_flight", "listening", "waiting", "ended"]
"""due: a send is wanted; held: a decided transition waits, nothing is sent; in_flight: attempted, result
not known; listening: sent; waiting: in a wait node; ended."""


@dataclass(frozen=True, slots=True)
class State:
    """Where an enrollment is, why, and what comes next. ``facts`` are the events since ``checkpoint``.

    ``branch_fields`` is what the branches passed since then saw: editing a lead does not change their decisions.
    """

    checkpoint: Checkpoint
    facts: tuple[Event, ...]
    as_of: datetime
    node: str
    visit: int
    phase: Phase
    since: datetime
    stage: Stage
    path: tuple[Transition, ...] = ()
    timers: tuple[Timer, ...] = ()
    send: SendRequest | None = None
    ended: Ended | None = None
    branch_fields: BranchFields = ()


@dataclass(frozen=True, slots=True)
class ArmTimer:
    """Wake the enrollment at ``timer.at``; the same key again means the new time."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """The timer with this key is no longer needed."""

    key: str


@dataclass(frozen=True, slots=True)
class RequestSend:
    """Send at ``send.due_at`` or later; the same key again means the new time."""

    send: SendRequest


@dataclass(frozen=True, slots=True)
class WithdrawSend:
    """The send with this key is no longer wanted; ``reason`` is for the timeline."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordTransition:
    """Append ``transition`` to the log."""

    transition: Transition


@dataclass(frozen=True, slots=True)
class RetractTransitions:
    """A late event changed the past: transitions numbered above ``after`` no longer hold.

    The log is append-only: record this as a step of its own from ``from_node`` back to ``to_node``.
    """

    after: int
    from_node: str
    to_node: str
    cause: Cause
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EndEnrollment:
    """The enrollment is over."""

    ended: Ended


@dataclass(frozen=True, slots=True)
class Note:
    """Something to show on the timeline that changed no node. ``code`` is stable."""

    code: str
    event_id: str
    text: str
    at: datetime


Command = (
    ArmTimer
    | CancelTimer
    | RequestSend
    | WithdrawSend
    | RecordTransition
    | RetractTransitions
    | EndEnrollment
    | Note
)


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one call: the new state and what the engine has to do, in order."""

    state: State
    commands: tuple[Command, ...] = ()


_ADAPTER: TypeAdapter[State] = TypeAdapter(State)


def to_json(state: State) -> dict[str, Any]:
    """``state`` as plain JSON values."""
    data: dict[str, Any] = _ADAPTER.dump_python(state, mode="json")
    return data


def from_json(data: Mapping[str, Any]) -> State:
    """The state that ``to_json`` wrote. Raises ``pydantic.ValidationError`` for anything else."""
    return _ADAPTER.validate_python(dict(data))


def stronger(left: Stage, right: Stage) -> Stage:
    """The one of two stages that is further along."""
    return left if STAGES.index(left) >= STAGES.index(right) else right
