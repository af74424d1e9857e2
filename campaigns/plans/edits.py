"""Changes of a plan as values: each is one thing that a person does in the builder, and turns a plan into another.

Pure. What comes out has a shape that can be kept and edited further; whether it may run is for
``campaigns.plans.validate`` to say, beside the node. What makes no sense at all is refused (``EditRefused``).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from campaigns.plans import restructuring
from campaigns.plans.content import FIELDS
from campaigns.plans.graph import AnyNode
from campaigns.plans.schema import (
    MAX_NODES,
    BranchNode,
    Content,
    Node,
    NodeId,
    Outcome,
    Plan,
    QuietHoursSpec,
    Rule,
    Sender,
    SendNode,
    StopNode,
    Transition,
    Variant,
    WaitNode,
)
from campaigns.plans.wiring import EditRefused, node_of, replaced, retargeted, target_of
from campaigns.scheduling import parse_duration

Kind = Literal[
    "email", "invite", "message", "inmail", "profile_view", "sms", "wait", "branch", "stop"
]  # fmt: skip
KINDS: Final[dict[str, str]] = {
    "email": "e-mail",
    "invite": "LinkedIn invitation",
    "message": "LinkedIn message",
    "inmail": "InMail",
    "profile_view": "profile visit",
    "sms": "text message",
    "wait": "wait",
    "branch": "branch",
    "stop": "stop",
}
"""What can be inserted, as people call it."""


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        str_max_length=20_000,
    )


class Place(_Model):
    """A place in a plan: on an exit of a node (without ``exit`` its main one), or without ``node`` before the start."""

    node: NodeId | Literal[""] = ""
    exit: str = Field(default="", max_length=40)


class Insert(_Model):
    """Put a new step at a place."""

    op: Literal["insert"] = "insert"
    kind: Kind
    at: Place = Place()


class Paste(_Model):
    """Put copies of steps at a place, the first of them first; their ids become new ones."""

    op: Literal["paste"] = "paste"
    nodes: tuple[Node, ...] = Field(min_length=1, max_length=MAX_NODES)
    at: Place = Place()


class Duplicate(_Model):
    """Put a copy of a step behind it."""

    op: Literal["duplicate"] = "duplicate"
    node: NodeId


class Remove(_Model):
    """Take a step out; what led to it leads on. What only it led to goes too."""

    op: Literal["remove"] = "remove"
    node: NodeId


class Move(_Model):
    """Take a step out and put it at another place."""

    op: Literal["move"] = "move"
    node: NodeId
    at: Place = Place()


class Shift(_Model):
    """Change places with the step before (or after) it."""

    op: Literal["shift"] = "shift"
    node: NodeId
    up: bool


class Connect(_Model):
    """Let an exit lead somewhere else."""

    op: Literal["connect"] = "connect"
    node: NodeId
    exit: str = Field(max_length=40)
    to: NodeId


class SetWays(_Model):
    """All transitions of a send or a wait, in order."""

    op: Literal["ways"] = "ways"
    node: NodeId
    ways: tuple[Transition, ...] = Field(max_length=20)


class SetRules(_Model):
    """All rules of a branch, in order, and its default."""

    op: Literal["rules"] = "rules"
    node: NodeId
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=50)
    else_: NodeId = Field(alias="else")


class SetContent(_Model):
    """What a step says; with ``variant`` only that wording."""

    op: Literal["content"] = "content"
    node: NodeId
    content: Content
    variant: NodeId | Literal[""] = ""


class SetVariants(_Model):
    """The wordings of a step; with one or none it has a single text again."""

    op: Literal["variants"] = "variants"
    node: NodeId
    variants: tuple[Variant, ...] = Field(max_length=12)


class SetLabel(_Model):
    """The name of a step; empty: by what it does."""

    op: Literal["label"] = "label"
    node: NodeId
    label: str = Field(max_length=120)


class SetWait(_Model):
    """How long a wait is."""

    op: Literal["wait"] = "wait"
    node: NodeId
    duration: str = Field(max_length=40)
    working_days: bool = False


class SetOutcome(_Model):
    """How an enrollment that comes to a stop has ended."""

    op: Literal["outcome"] = "outcome"
    node: NodeId
    outcome: Outcome


class SetSender(_Model):
    """Who sends a step: one account, any of a pool, or (null) any sender of the campaign."""

    op: Literal["sender"] = "sender"
    node: NodeId
    sender: Sender | None


class SetThread(_Model):
    """Which e-mail an e-mail answers; null: it begins a thread of its own."""

    op: Literal["thread"] = "thread"
    node: NodeId
    thread_with: NodeId | None


class SetQuietHours(_Model):
    """Hours in which the plan sends nothing on any day; null for none."""

    op: Literal["quiet_hours"] = "quiet_hours"
    quiet_hours: QuietHoursSpec | None


Edit = Annotated[
    Insert | Paste | Duplicate | Remove | Move | Shift | Connect | SetWays | SetRules | SetContent | SetVariants
    | SetLabel | SetWait | SetOutcome | SetSender | SetThread | SetQuietHours,
    Field(discriminator="op"),
]  # fmt: skip
AnyEdit = (
    Insert | Paste | Duplicate | Remove | Move | Shift | Connect | SetWays | SetRules | SetContent | SetVariants
    | SetLabel | SetWait | SetOutcome | SetSender | SetThread | SetQuietHours
)  # fmt: skip
EDIT: TypeAdapter[AnyEdit] = TypeAdapter(Edit)


def blank(timezone: str) -> Plan:
    """A plan that does nothing yet: it begins at its end."""
    stop = StopNode(id="end", type="stop", outcome="completed")
    return Plan(version="1.0", timezone=timezone, start_node_id="end", nodes=(stop,))


def apply(plan: Plan, edit: AnyEdit) -> Plan:
    """``plan`` after ``edit``. Raises ``EditRefused`` with the reason in plain words."""
    if isinstance(edit, SetQuietHours):
        return _with_quiet_hours(plan, edit.quiet_hours)
    if isinstance(edit, Insert | Paste | Duplicate | Remove | Move | Shift | Connect):
        return _restructured(plan, edit)
    return replaced(plan, _changed(plan, node_of(plan, edit.node), edit))


def _restructured(plan: Plan, edit: Insert | Paste | Duplicate | Remove | Move | Shift | Connect) -> Plan:
    match edit:
        case Insert():
            made, _ = restructuring.insert(plan, edit.kind, edit.at.node, edit.at.exit)
        case Paste():
            made, _ = restructuring.paste(plan, edit.nodes, edit.at.node, edit.at.exit)
        case Duplicate():
            made, _ = restructuring.paste(plan, (node_of(plan, edit.node),), edit.node, "")
        case Remove():
            made = restructuring.remove(plan, edit.node)
        case Move():
            made = restructuring.move(plan, edit.node, edit.at.node, edit.at.exit)
        case Shift():
            made = restructuring.shift(plan, edit.node, up=edit.up)
        case Connect():
            made = _connected(plan, edit)
    return made


def _with_quiet_hours(plan: Plan, quiet_hours: QuietHoursSpec | None) -> Plan:
    return Plan(
        version=plan.version,
        timezone=plan.timezone,
        quiet_hours=quiet_hours,
        start_node_id=plan.start_node_id,
        nodes=plan.nodes,
    )


def _connected(plan: Plan, edit: Connect) -> Plan:
    node = node_of(plan, edit.node)
    node_of(plan, edit.to)
    target_of(node, edit.exit)
    return replaced(plan, retargeted(node, lambda field, to: edit.to if field == edit.exit else to))


Setting = (
    SetWays | SetRules | SetContent | SetVariants | SetLabel | SetWait | SetOutcome | SetSender | SetThread
)  # fmt: skip


def _changed(plan: Plan, node: AnyNode, edit: Setting) -> AnyNode:
    """One node with other settings; where they lead must exist."""
    if isinstance(edit, SetLabel):
        return node.model_copy(update={"label": edit.label.strip()})
    if isinstance(edit, SetWays):
        return _with_ways(plan, node, edit)
    if isinstance(node, SendNode):
        return _with_sending(node, edit)
    match edit, node:
        case SetRules(), BranchNode():
            _require(plan, [*(rule.to for rule in edit.rules), edit.else_])
            return node.model_copy(update={"rules": edit.rules, "else_": edit.else_})
        case SetWait(), WaitNode():
            return _with_duration(node, edit)
        case SetOutcome(), StopNode():
            return node.model_copy(update={"outcome": edit.outcome})
    raise _not_said_of(node)


def _not_said_of(node: AnyNode) -> EditRefused:
    return EditRefused(f"This cannot be said of {node.id}: it is a {node.type}.")


def _with_ways(plan: Plan, node: AnyNode, edit: SetWays) -> AnyNode:
    if not isinstance(node, SendNode | WaitNode):
        raise _not_said_of(node)
    if isinstance(node, WaitNode) and not edit.ways:
        raise EditRefused("A wait needs at least one way on.")
    _require(plan, [way.to for way in edit.ways])
    return node.model_copy(update={"transitions": edit.ways})


def _with_duration(node: WaitNode, edit: SetWait) -> WaitNode:
    try:
        parse_duration(edit.duration)
    except ValueError as error:
        raise EditRefused(str(error)) from error
    return node.model_copy(update={"duration": edit.duration, "working_days": edit.working_days})


def _with_sending(node: SendNode, edit: Setting) -> SendNode:
    match edit:
        case SetContent():
            return _with_content(node, edit)
        case SetVariants():
            return _with_variants(node, edit.variants)
        case SetSender():
            return node.model_copy(update={"sender": edit.sender})
        case SetThread():
            return node.model_copy(update={"thread_with": edit.thread_with})
    raise _not_said_of(node)


def _require(plan: Plan, targets: list[str]) -> None:
    for target in targets:
        node_of(plan, target)


def _with_content(node: SendNode, edit: SetContent) -> SendNode:
    fields = FIELDS[node.action]
    content = Content(**{name: getattr(edit.content, name) for name in fields})
    if not edit.variant:
        if node.variants:
            raise EditRefused("This step has several wordings: say which one is meant.")
        return node.model_copy(update={"content": content if fields else None})
    if edit.variant not in {variant.id for variant in node.variants}:
        raise EditRefused(f"There is no wording called {edit.variant}.")
    variants = tuple(
        variant.model_copy(update={"content": content}) if variant.id == edit.variant else variant
        for variant in node.variants
    )
    return node.model_copy(update={"variants": variants})


def _with_variants(node: SendNode, variants: tuple[Variant, ...]) -> SendNode:
    if not FIELDS[node.action]:
        raise EditRefused("This step says nothing, so it cannot say it in two ways.")
    if len(variants) > 1:
        return node.model_copy(update={"variants": variants, "content": None})
    kept = variants[0] if variants else next(iter(node.variants), None)
    content = kept.content if kept else node.content
    return node.model_copy(update={"variants": (), "content": content or Content()})
