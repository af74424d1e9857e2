"""The plan graph: what to do to one contact and how to react. The only definition of its shape.

JSON is camelCase, Python snake_case; unknown fields are refused. These models check the shape of each field;
``campaigns.plans.validate`` checks what fields mean together. Instances are immutable.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from pydantic.alias_generators import to_camel

from campaigns.scheduling import QuietHours, parse_duration, parse_time, zone

MAX_NODES = 200
NODE_ID = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"

NodeId = Annotated[str, StringConstraints(pattern=NODE_ID)]
FieldName = Annotated[
    str, StringConstraints(pattern=r"^(lead|company|enrollment|custom)\.[A-Za-z0-9_ -]{1,80}$")
]
Channel = Literal["linkedin", "email", "sms"]
Action = Literal["email", "invite", "message", "inmail", "profile_view", "sms"]
RealEvent = Literal[
    "sent", "delivered", "open", "click", "reply", "bounce", "complaint", "unsubscribe", "accepted",
    "meeting_booked", "failed",
]  # fmt: skip
SyntheticEvent = Literal["no_open", "no_click", "no_reply", "no_accept", "elapsed"]
Outcome = Literal["completed", "replied", "meeting", "disqualified", "handed_over"]
Operator = Literal["eq", "ne", "in", "not_in", "contains", "gt", "lt", "exists", "missing"]
Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...] | None

CHANNEL_OF_ACTION: dict[str, Channel] = {
    "email": "email",
    "invite": "linkedin",
    "message": "linkedin",
    "inmail": "linkedin",
    "profile_view": "linkedin",
    "sms": "sms",
}
COUNTERPART: dict[str, str] = {
    "no_open": "open",
    "no_click": "click",
    "no_reply": "reply",
    "no_accept": "accepted",
}
"""The real event that keeps a synthetic one from happening."""


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        str_max_length=20_000,
    )


def _duration(text: str) -> str:
    parse_duration(text)
    return text


class Transition(_Model):
    """One way out of a node. The first in the list whose event and window match is taken."""

    on: RealEvent | SyntheticEvent
    to: NodeId
    within: str | None = Field(
        default=None, description="Counts only this long after the send or the start of the wait."
    )
    after: str | None = Field(
        default=None, description="Acts no earlier than this after that moment or the real event."
    )
    working_days: bool = Field(
        default=False, description="Days of both durations are the campaign's working days."
    )

    @field_validator("within", "after")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        return None if value is None else _duration(value)


class Content(_Model):
    """What is written; which fields are used depends on the action. All are templates."""

    subject: str = ""
    body: str = Field(default="", description="E-mail.")
    text: str = Field(default="", description="LinkedIn message, InMail and SMS.")
    note: str = Field(default="", description="LinkedIn invitation; may be empty.")


class Variant(_Model):
    """One of several wordings of a step."""

    id: NodeId
    weight: int = Field(default=1, ge=1, le=1000)
    content: Content


class Sender(_Model):
    """Who sends: one account, or any of a pool. Exactly one of the two."""

    pool: str | None = Field(default=None, min_length=1, max_length=64)
    account: str | None = Field(default=None, min_length=1, max_length=64)


class SendNode(_Model):
    """One outbound action through the outbox."""

    id: NodeId
    type: Literal["send"]
    label: str = Field(default="", max_length=120)
    channel: Channel
    action: Action
    content: Content | None = None
    variants: tuple[Variant, ...] = ()
    sender: Sender | None = None
    thread_with: NodeId | None = None
    transitions: tuple[Transition, ...] = ()


class WaitNode(_Model):
    """A pause; it ends with the event ``elapsed``."""

    id: NodeId
    type: Literal["wait"]
    label: str = Field(default="", max_length=120)
    duration: str
    working_days: bool = False
    transitions: tuple[Transition, ...] = Field(min_length=1)

    @field_validator("duration")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        return _duration(value)


class FieldCondition(_Model):
    """A test of a field of the lead, company or enrollment."""

    field: FieldName
    op: Operator
    value: Value = None


class EventCondition(_Model):
    """A test of what happened so far, to one node's message or (without ``node``) at all."""

    event: RealEvent
    node: NodeId | None = None
    op: Literal["happened", "not_happened"]


class Rule(_Model):
    """Where a branch leads when all conditions hold."""

    if_: tuple[FieldCondition | EventCondition, ...] = Field(alias="if", min_length=1, max_length=20)
    to: NodeId


class BranchNode(_Model):
    """A choice that is made at once: rules in order, else the default."""

    id: NodeId
    type: Literal["branch"]
    label: str = Field(default="", max_length=120)
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=50)
    else_: NodeId = Field(alias="else")


class StopNode(_Model):
    """The end of a path."""

    id: NodeId
    type: Literal["stop"]
    label: str = Field(default="", max_length=120)
    outcome: Outcome


Node = Annotated[SendNode | WaitNode | BranchNode | StopNode, Field(discriminator="type")]


class QuietHoursSpec(_Model):
    """Local hours, ``HH:MM``, in which nothing is sent on any day. Half-open; may cross midnight."""

    start: str
    end: str

    @field_validator("start", "end")
    @classmethod
    def _is_time(cls, value: str) -> str:
        parse_time(value)
        return value

    def hours(self) -> QuietHours:
        """The value that calendars work with. Raises ``ValueError`` if start equals end."""
        return QuietHours(parse_time(self.start), parse_time(self.end))


class Plan(_Model):
    """A whole plan. Immutable; see ``campaigns.plans.canonical`` for its hash."""

    version: Literal["1.0"]
    timezone: str = Field(max_length=64, description="IANA zone, used unless the lead's own is to be used.")
    quiet_hours: QuietHoursSpec | None = None
    start_node_id: NodeId
    nodes: tuple[Node, ...] = Field(min_length=1, max_length=MAX_NODES)

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        zone(value)
        return value

    @cached_property
    def index(self) -> dict[str, SendNode | WaitNode | BranchNode | StopNode]:
        """Nodes by id; of duplicates the first (validation refuses them)."""
        found: dict[str, SendNode | WaitNode | BranchNode | StopNode] = {}
        for node in self.nodes:
            found.setdefault(node.id, node)
        return found

    def node(self, node_id: str) -> SendNode | WaitNode | BranchNode | StopNode:
        """The node called ``node_id``; raises ``KeyError`` if the plan has none."""
        return self.index[node_id]


def exits(node: SendNode | WaitNode | BranchNode | StopNode) -> tuple[tuple[str, str], ...]:
    """(field, node id) of everything ``node`` points to, in order; ``field`` is the path of the reference."""
    if isinstance(node, StopNode):
        return ()
    if isinstance(node, BranchNode):
        rules = tuple((f"rules[{number}].to", rule.to) for number, rule in enumerate(node.rules))
        return (*rules, ("else", node.else_))
    return tuple((f"transitions[{number}].to", way.to) for number, way in enumerate(node.transitions))


def plan_json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a plan, as published in the API docs."""
    schema = Plan.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Plan"
    return schema
