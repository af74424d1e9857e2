"""The friendly form of a plan: a list of steps, one after the other. The browser's sequence form writes this.

A sequence and the graph that it stands for turn into each other without loss, so what is written in the form
runs on the same engine as every other plan. Each step waits ``delay_days`` after the step before it is done:
after an invitation is accepted, after a profile visit, after that many days without a reply to a message.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from campaigns.plans.errors import PlanError, PlanInvalid, field_path, shape_message
from campaigns.plans.schema import (
    Content,
    NodeId,
    Plan,
    QuietHoursSpec,
    SendNode,
    StopNode,
    Transition,
    WaitNode,
)
from campaigns.scheduling import Duration, parse_duration

END = "end"
MAX_STEPS = 30
DEFAULT_CLOSE_DAYS = 14


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        str_max_length=20_000,
    )


class _Step(_Model):
    """What all steps have. ``id`` is the node's; empty means that one is made."""

    id: NodeId | Literal[""] = ""
    delay_days: int = Field(default=0, ge=0, le=180)
    working_days: bool = True


class ProfileViewStep(_Step):
    """Look at the person's LinkedIn profile."""

    kind: Literal["profile_view"] = "profile_view"


class InviteStep(_Step):
    """Invite the person to connect and wait for the acceptance; give up after ``give_up_days``."""

    kind: Literal["invite"] = "invite"
    note: str = ""
    give_up_days: int = Field(default=14, ge=1, le=180)


class MessageStep(_Step):
    """A LinkedIn message to a connection."""

    kind: Literal["message"] = "message"
    text: str


class InMailStep(_Step):
    """A LinkedIn InMail, to anybody."""

    kind: Literal["inmail"] = "inmail"
    subject: str
    text: str


class EmailStep(_Step):
    """An e-mail; with ``threaded`` it continues the thread of the e-mail before it."""

    kind: Literal["email"] = "email"
    subject: str = ""
    body: str
    threaded: bool = False


class SmsStep(_Step):
    """A text message."""

    kind: Literal["sms"] = "sms"
    text: str


Step = Annotated[
    ProfileViewStep | InviteStep | MessageStep | InMailStep | EmailStep | SmsStep, Field(discriminator="kind")
]
AnyStep = ProfileViewStep | InviteStep | MessageStep | InMailStep | EmailStep | SmsStep


class Sequence(_Model):
    """A linear sequence. It closes ``close_days`` after the last message, if no reply has come."""

    timezone: str
    quiet_hours: QuietHoursSpec | None = None
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    close_days: int = Field(default=DEFAULT_CLOSE_DAYS, ge=1, le=180)


class NotLinear(ValueError):
    """The plan is not a simple sequence; the message says where it departs from one."""


_SEQUENCE: TypeAdapter[Sequence] = TypeAdapter(Sequence)


def parse_sequence(data: object) -> Sequence:
    """Read a sequence from JSON data; raise ``PlanInvalid`` with errors such as ``steps[1].text``."""
    try:
        return _SEQUENCE.validate_python(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise PlanInvalid(
            [
                PlanError("", field_path(one["loc"]), "shape", shape_message(one))
                for one in errors
                # With every step wrong the list seems empty too: that says nothing new.
                if one["type"] != "too_short" or len(errors) == 1
            ]
        ) from error


def normalized(sequence: Sequence) -> Sequence:
    """The same sequence in its one form: every step with an id, nothing set that has no effect.

    Made ids are ``invite_1``, ``message_2``, ...; ``working_days`` without a delay and ``close_days`` after
    a step that no reply is expected to are put back to their defaults.
    """
    taken = {step.id for step in sequence.steps if step.id} | {END}
    steps: list[AnyStep] = []
    for number, step in enumerate(sequence.steps, start=1):
        if not step.delay_days and not step.working_days:
            step = step.model_copy(update={"working_days": True})  # noqa: PLW2901
        if step.id:
            steps.append(step)
            continue
        name, extra = f"{step.kind}_{number}", 1
        while name in taken:
            extra += 1
            name = f"{step.kind}_{number}_{extra}"
        taken.add(name)
        steps.append(step.model_copy(update={"id": name}))
    ends_at_once = isinstance(steps[-1], InviteStep | ProfileViewStep)
    close_days = DEFAULT_CLOSE_DAYS if ends_at_once else sequence.close_days
    return sequence.model_copy(update={"steps": tuple(steps), "close_days": close_days})


def to_plan(sequence: Sequence) -> Plan:
    """The graph of ``sequence``; validate it. Raises ``PlanInvalid`` where delays or threads cannot be."""
    sequence = normalized(sequence)
    if errors := _sequence_errors(sequence):
        raise PlanInvalid(errors)
    steps = sequence.steps
    nodes: list[SendNode | WaitNode | StopNode] = []
    last_email: str | None = None
    for number, step in enumerate(steps):
        following = steps[number + 1] if number + 1 < len(steps) else None
        node, wait = _nodes(step, following, sequence.close_days, last_email)
        nodes += [node, wait] if wait else [node]
        last_email = step.id if isinstance(step, EmailStep) and not step.threaded else last_email
    nodes.append(StopNode(id=END, type="stop", outcome="completed"))
    return Plan(
        version="1.0",
        timezone=sequence.timezone,
        quiet_hours=sequence.quiet_hours,
        start_node_id=steps[0].id,
        nodes=tuple(nodes),
    )


def from_plan(plan: Plan) -> Sequence:
    """The sequence of which ``plan`` is the graph; raises ``NotLinear`` if there is none."""
    steps: list[AnyStep] = []
    close_days = DEFAULT_CLOSE_DAYS
    node_id, delay, working_days = plan.start_node_id, 0, True
    while True:
        node = plan.index.get(node_id)
        if not isinstance(node, SendNode):
            raise NotLinear(f"{node_id} is not a step that sends.")
        if len(steps) >= MAX_STEPS:
            raise NotLinear("There are more steps than a sequence may have.")
        steps.append(_step(node, delay, working_days))
        ways = {way.on: way for way in node.transitions}
        onward = ways.get("accepted") or ways.get("sent") or ways.get("no_reply")
        if onward is None:
            break
        node_id, delay, working_days = _follow(plan, onward)
        if isinstance(plan.index.get(node_id), StopNode):
            close_days = delay if onward.on == "no_reply" else close_days
            break
    sequence = Sequence(
        timezone=plan.timezone, quiet_hours=plan.quiet_hours, steps=tuple(steps), close_days=close_days
    )
    _require_same(plan, sequence)
    return sequence


def _nodes(
    step: AnyStep, following: AnyStep | None, close_days: int, last_email: str | None
) -> tuple[SendNode, WaitNode | None]:
    """The node of ``step`` and, where the next one has to wait for something else than a reply, the pause."""
    target = following.id if following else END
    wait: WaitNode | None = None
    transitions: tuple[Transition, ...]
    if isinstance(step, InviteStep | ProfileViewStep):
        if following and following.delay_days:
            wait = WaitNode(
                id=f"{step.id}_pause",
                type="wait",
                duration=f"P{following.delay_days}D",
                working_days=following.working_days,
                transitions=(Transition(on="elapsed", to=target),),
            )
            target = wait.id
        if isinstance(step, InviteStep):
            give_up = Transition(on="no_accept", after=f"P{step.give_up_days}D", to=END)
            transitions = (Transition(on="accepted", to=target), give_up)
        else:
            transitions = (Transition(on="sent", to=target),)
    elif following:
        after = f"P{following.delay_days}D"
        transitions = (
            Transition(on="no_reply", after=after, working_days=following.working_days, to=target),
        )
    else:
        transitions = (Transition(on="no_reply", after=f"P{close_days}D", to=END),)
    return _send_node(step, transitions, last_email), wait


def _send_node(step: AnyStep, transitions: tuple[Transition, ...], last_email: str | None) -> SendNode:
    fields: dict[str, Any] = {"id": step.id, "type": "send", "action": step.kind, "transitions": transitions}
    match step:
        case InviteStep():
            return SendNode(**fields, channel="linkedin", content=Content(note=step.note))
        case MessageStep():
            return SendNode(**fields, channel="linkedin", content=Content(text=step.text))
        case InMailStep():
            content = Content(subject=step.subject, text=step.text)
            return SendNode(**fields, channel="linkedin", content=content)
        case EmailStep():
            thread = last_email if step.threaded else None
            content = Content(subject=step.subject, body=step.body)
            return SendNode(**fields, channel="email", content=content, thread_with=thread)
        case SmsStep():
            return SendNode(**fields, channel="sms", content=Content(text=step.text))
        case ProfileViewStep():
            return SendNode(**fields, channel="linkedin")


def _sequence_errors(sequence: Sequence) -> list[PlanError]:
    errors: list[PlanError] = []
    email_before = False
    seen: set[str] = {END}
    for number, step in enumerate(sequence.steps):
        place = f"steps[{number}]"
        before = sequence.steps[number - 1] if number else None
        if step.id in seen:
            text = f"More than one step is called {step.id}."
            errors.append(PlanError(step.id, f"{place}.id", "duplicate_id", text))
        seen.add(step.id)
        if before is None and step.delay_days:
            text = "The first step starts at once: it has no delay."
            errors.append(PlanError(step.id, f"{place}.delayDays", "delay", text))
        waits_for_reply = before is not None and not isinstance(before, InviteStep | ProfileViewStep)
        if waits_for_reply and not step.delay_days:
            text = "Give people at least one day to answer the step before."
            errors.append(PlanError(step.id, f"{place}.delayDays", "delay", text))
        if isinstance(step, EmailStep):
            if step.threaded and not email_before:
                text = "There is no e-mail before this one whose thread it could continue."
                errors.append(PlanError(step.id, f"{place}.threaded", "thread", text))
            email_before = True
    return errors


def _step(node: SendNode, delay: int, working_days: bool) -> AnyStep:
    content = node.content or Content()
    common: dict[str, Any] = {"id": node.id, "delay_days": delay, "working_days": working_days}
    match node.action:
        case "profile_view":
            return ProfileViewStep(**common)
        case "invite":
            wait = next((way for way in node.transitions if way.on == "no_accept"), None)
            if wait is None or wait.after is None:
                raise NotLinear(f"{node.id} does not say when to give up.")
            return InviteStep(**common, note=content.note, give_up_days=_days(wait.after))
        case "message":
            return MessageStep(**common, text=content.text)
        case "inmail":
            return InMailStep(**common, subject=content.subject, text=content.text)
        case "email":
            threaded = node.thread_with is not None
            return EmailStep(**common, subject=content.subject, body=content.body, threaded=threaded)
        case "sms":
            return SmsStep(**common, text=content.text)


def _follow(plan: Plan, onward: Transition) -> tuple[str, int, bool]:
    """(next node, days, working days) along ``onward``, through a pause if there is one."""
    node = plan.index.get(onward.to)
    if isinstance(node, WaitNode):
        return node.transitions[0].to, _days(node.duration), node.working_days
    if onward.after:
        return onward.to, _days(onward.after), onward.working_days
    return onward.to, 0, True


def _days(text: str) -> int:
    duration: Duration = parse_duration(text)
    if duration.elapsed or duration.in_weeks:
        raise NotLinear(f"{text} is not a whole number of days.")
    return duration.days


def _require_same(plan: Plan, sequence: Sequence) -> None:
    """``plan`` is linear if its sequence gives it back, apart from the names of pauses and of the end."""
    try:
        again = to_plan(sequence)
    except PlanInvalid as error:
        raise NotLinear(str(error)) from error
    names = dict(zip([node.id for node in plan.nodes], [node.id for node in again.nodes], strict=False))
    if _renamed(plan, names) != again:
        raise NotLinear("The plan has more ways through it than a sequence has.")


def _renamed(plan: Plan, names: dict[str, str]) -> Plan:
    """``plan`` with its nodes called as in ``names``."""
    data = plan.model_dump(exclude_defaults=True)
    data["start_node_id"] = names.get(plan.start_node_id, plan.start_node_id)
    for node in data["nodes"]:
        node["id"] = names.get(node["id"], node["id"])
        if "thread_with" in node:
            node["thread_with"] = names.get(node["thread_with"], node["thread_with"])
        for way in node.get("transitions", ()):
            way["to"] = names.get(way["to"], way["to"])
    try:
        return Plan.model_validate(data)
    except ValidationError as error:
        raise NotLinear("The plan is not a sequence.") from error
