"""What the operations of triage take and give."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import BeforeValidator, Field

from project.core.api_values import Instant

ActName = Literal[
    "assign", "close", "reopen", "snooze", "label", "unlabel", "priority", "read", "unread", "macro"
]
Minutes = Field(ge=1, le=20_160)
#: A time of the day, ``09:00``.
Clock = Annotated[
    str,
    BeforeValidator(lambda value: f"{value:%H:%M}" if isinstance(value, time) else value),
    Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"),
]


class ActIn(Schema):
    """An act on conversations: the named ones, or (``query``) all that a list of the page shows.

    ``assignee_id`` (null: nobody), ``note`` and ``despite_claim`` (take it from whoever has just claimed it, else it is
    among ``failures`` with the code ``CLAIMED``) are for assign, ``until`` (null: until they write) for snooze,
    ``label_id`` for label and unlabel, ``priority`` (0 to 2) for priority, ``macro_id`` for macro; for close, snooze
    and macro ``seen``: revisions by conversation that the caller has seen, else as they are now. Where they wrote
    since, nothing is put away unseen: it is listed among ``failures``.
    """

    act: ActName
    conversation_ids: list[UUID] = Field(default_factory=list, max_length=5_000)
    query: str = Field(
        "", max_length=1_000, description="The query string of a list, such as view=all&unread=1."
    )
    assignee_id: UUID | None = None
    note: str = Field("", max_length=2_000)
    despite_claim: bool = False
    label_id: UUID | None = None
    priority: int | None = Field(None, ge=0, le=2)
    until: Instant | None = None
    macro_id: UUID | None = None
    seen: dict[UUID, Annotated[int, Field(ge=0, le=2_147_483_647)]] = Field(
        default_factory=dict, max_length=5_000
    )


class LeftOut(Schema):
    """A conversation that could not be changed, or was not changed back, and why."""

    conversation: str
    title: str
    why: str
    code: str = ""


class ActOut(Schema):
    """An act: how far it is, what failed, and after an undo what stayed because somebody had changed it since.

    ``back``: how many have been looked at while it is taken back.
    """

    id: UUID
    act: ActName
    state: Literal["running", "done", "undoing", "undone"]
    total: int
    done: int
    back: int
    failures: list[LeftOut]
    kept: list[LeftOut]
    created_at: datetime
    undone_at: datetime | None


class LabelIn(Schema):
    """A label of one client, or (null) of all."""

    name: str = Field(min_length=1, max_length=40)
    client_id: UUID | None = None


class LabelChangeIn(Schema):
    """A new name, or another label that takes this one's place."""

    name: str = Field("", max_length=40)
    into_id: UUID | None = None


class LabelOut(Schema):
    """A label."""

    id: UUID
    name: str
    client_id: UUID | None


class SavedViewIn(Schema):
    """A list under a name. ``query`` is the query string of the list's address."""

    name: str = Field(min_length=1, max_length=60)
    query: str = Field(max_length=1_000)
    is_shared: bool = False


class SavedViewOut(Schema):
    """A saved view."""

    id: UUID
    name: str
    query: str
    is_shared: bool
    owner_id: UUID


class PolicyIn(Schema):
    """What is promised to a client, or (null) to all that have no promise of their own. Times are the client's."""

    client_id: UUID | None = None
    reply_minutes: int = Minutes
    hot_reply_minutes: int = Minutes
    weekdays: list[int] = Field(
        default=[0, 1, 2, 3, 4], min_length=1, max_length=7, description="0 is Monday."
    )
    opens: Clock = "09:00"
    closes: Clock = "17:00"
    holiday_country: str = Field("", max_length=8)
    lease_minutes: int = Field(30, ge=0, le=1_440)
    close_after_days: int = Field(0, ge=0, le=365)


class PolicyOut(PolicyIn):
    """What is promised."""


class RuleIn(Schema):
    """Who gets a conversation that nobody has. Empty lists: all."""

    method: Literal["round_robin", "load", "owner"]
    client_id: UUID | None = None
    intents: list[str] = Field(default_factory=list, max_length=20)
    channels: list[str] = Field(default_factory=list, max_length=3)
    people: list[UUID] = Field(default_factory=list, max_length=200)
    in_working_hours: bool = True
    online_only: bool = False


class RuleOut(RuleIn):
    """A rule; those with a lower position are asked first."""

    id: UUID
    position: int
    is_active: bool


class RuleSwitchIn(Schema):
    """Whether a rule gives conversations to people."""

    is_active: bool


class HoursIn(Schema):
    """When a member is at work; ``most_open`` 0 means no limit."""

    weekdays: list[int] = Field(default=[0, 1, 2, 3, 4], min_length=1, max_length=7)
    starts: Clock = "09:00"
    ends: Clock = "17:00"
    time_zone: str = Field("UTC", max_length=64)
    is_away: bool = False
    away_until: Instant | None = None
    most_open: int = Field(0, ge=0, le=10_000)


class HoursOut(HoursIn):
    """When a member is at work."""

    user_id: UUID


class AwayIn(Schema):
    """Whether the caller is away, and until the morning of which day (null: until they say otherwise)."""

    is_away: bool
    until: date | None = None


class QueueOut(Schema):
    """What one person has, or (``user_id`` null) nobody. ``at_risk`` will be late at the person's pace."""

    user_id: UUID | None
    name: str
    open: int
    unread: int
    late: int
    at_risk: int
    oldest_unread_at: datetime | None
    state: str

    @staticmethod
    def of(queue: Any) -> dict[str, Any]:
        """A queue of the board."""
        return {
            "user_id": queue.person.id if queue.person else None,
            "name": queue.person.display_name if queue.person else "",
            "open": queue.open,
            "unread": queue.unread,
            "late": queue.late,
            "at_risk": queue.at_risk,
            "oldest_unread_at": queue.oldest,
            "state": queue.state,
        }


class CandidateOut(Schema):
    """A lead who may be the one that wrote, and why."""

    lead_id: UUID
    name: str
    reason: str


class NewLeadIn(Schema):
    """What the person is called; empty: as the network names them."""

    name: str = Field("", max_length=200)
