"""A plan as a provider can carry it out: linear steps with placeholders, or what is in the way, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

from campaigns.plans.linear import (
    AnyStep,
    EmailStep,
    InMailStep,
    InviteStep,
    MessageStep,
    NotLinear,
    ProfileViewStep,
    SmsStep,
    from_plan,
)
from campaigns.plans.schema import Plan
from campaigns.rendering.mail import to_html
from campaigns.rendering.pushed import Hole, Pushed, pushed
from campaigns.services.planning import plan_of_version
from integrations.running import SequenceStep, StepAction, StepProblem

_ACTIONS: Final[dict[type[AnyStep], StepAction]] = {
    EmailStep: StepAction.EMAIL,
    InviteStep: StepAction.INVITE,
    MessageStep: StepAction.MESSAGE,
    InMailStep: StepAction.INMAIL,
    ProfileViewStep: StepAction.PROFILE_VIEW,
    SmsStep: StepAction.OTHER,
}


@dataclass(frozen=True, slots=True)
class Linear:
    """``steps`` in order, the plan's node of each, and the variables that each person needs values for.

    ``problems`` is what no provider can carry out; an adapter's own objections come on top.
    """

    steps: tuple[SequenceStep, ...] = ()
    nodes: tuple[str, ...] = ()
    holes: tuple[Hole, ...] = ()
    problems: tuple[StepProblem, ...] = ()

    def node_of(self, number: int | None) -> str:
        """The plan's node of a step, ``""`` if there is none of that number."""
        return self.nodes[number - 1] if number and 0 < number <= len(self.nodes) else ""


@lru_cache(maxsize=256)
def of_version(version_id: UUID) -> Linear:
    """The sequence of a launched version, which never changes."""
    return read(plan_of_version(version_id))


def read(plan: Plan) -> Linear:
    """Translate a plan."""
    try:
        sequence = from_plan(plan)
    except NotLinear as error:
        text = f"A provider carries out one step after the other. {error}"
        return Linear(problems=(StepProblem(step=0, field="plan", message=text),))
    problems: list[StepProblem] = []
    if sequence.quiet_hours is not None:
        text = "Quiet hours cannot be pushed to a provider; set the sending window instead."
        problems.append(StepProblem(step=0, field="quietHours", message=text))
    steps: list[SequenceStep] = []
    holes: dict[str, Hole] = {}
    for number, step in enumerate(sequence.steps, 1):
        made, found, objections = _step(number, step)
        steps.append(made)
        holes |= {hole.name: hole for hole in found}
        problems += [StepProblem(step=number, field=name, message=text) for name, text in objections]
    return Linear(
        tuple(steps), tuple(step.id for step in sequence.steps), tuple(holes.values()), tuple(problems)
    )


def _step(number: int, step: AnyStep) -> tuple[SequenceStep, list[Hole], list[tuple[str, str]]]:
    field, text = _text_of(step)
    body, subject = pushed(text), pushed(getattr(step, "subject", ""))
    objections = [
        (name, problem) for name, part in ((field, body), ("subject", subject)) for problem in part.problems
    ]
    if step.delay_days and step.working_days:
        objections.append(("workingDays", "A provider counts all days: choose “days”, not “working days”."))
    if isinstance(step, SmsStep):
        objections.append(("kind", "No provider of campaigns sends text messages."))
    made = SequenceStep(
        number=number,
        action=_ACTIONS[type(step)],
        wait_days=step.delay_days,
        subject=subject.text,
        body=_body(step, body),
        fallback=body.fallback,
        fallback_subject=subject.fallback if isinstance(step, InMailStep) else "",
        same_thread=isinstance(step, EmailStep) and step.threaded,
    )
    return made, [*body.holes, *subject.holes], objections


def _text_of(step: AnyStep) -> tuple[str, str]:
    """(field, text) of what a step says."""
    match step:
        case EmailStep():
            return "body", step.body
        case InviteStep():
            return "note", step.note
        case MessageStep() | InMailStep() | SmsStep():
            return "text", step.text
        case _:
            return "text", ""


def _body(step: AnyStep, text: Pushed) -> str:
    return to_html(text.text) if isinstance(step, EmailStep) else text.text
