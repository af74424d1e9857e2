"""Linear sequences: which of them a provider can carry out, and which step a message came from. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from integrations.mail.plain import plain_of
from integrations.outreach import variables
from integrations.running import ProviderMessage, SequenceStep, StepAction, StepProblem
from integrations.values import Direction

#: Placeholders of any of the providers: ``{{first_name}}``, ``{FIRST_NAME}``, spintax ``{a|b}``.
_HOLE: Final = re.compile(r"\{\{[^{}]*\}\}|\{[^{}]*\}")
_LABELS: Final = {
    StepAction.EMAIL: "an e-mail",
    StepAction.INVITE: "an invitation",
    StepAction.MESSAGE: "a message",
    StepAction.INMAIL: "an InMail",
    StepAction.PROFILE_VIEW: "a profile visit",
    StepAction.FOLLOW: "a follow",
    StepAction.LIKE_POST: "a like",
    StepAction.OTHER: "a step of this kind",
}
_WRITTEN: Final = frozenset({StepAction.EMAIL, StepAction.MESSAGE, StepAction.INMAIL})


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What a provider can express. Waits are in days and hours; ``hours`` says whether it knows hours at all."""

    label: str
    actions: frozenset[StepAction]
    most_steps: int = 50
    longest_days: int = 365
    shortest_days: int = 0
    hours: bool = False
    variants: bool = False
    longest_body: Mapping[StepAction, int] | None = None


def check(steps: Sequence[SequenceStep], can: Abilities) -> list[StepProblem]:
    """Return what of ``steps`` cannot be expressed, step by step; ``[]`` if all of it can."""
    found: list[StepProblem] = []
    if not steps:
        found.append(StepProblem(step=0, field="steps", message="The sequence has no steps."))
    if len(steps) > can.most_steps:
        message = f"{can.label} takes at most {can.most_steps} steps, not {len(steps)}."
        found.append(StepProblem(step=0, field="steps", message=message))
    for place, step in enumerate(steps, 1):
        problems = [
            *_place(step, place),
            *_action(step, can),
            *_wait(step, place, can),
            *_content(step, place, can),
        ]
        found += [StepProblem(step=place, field=field, message=message) for field, message in problems]
    return found


def _place(step: SequenceStep, place: int) -> list[tuple[str, str]]:
    return [] if step.number == place else [("number", f"Step {place} is numbered {step.number}.")]


def _action(step: SequenceStep, can: Abilities) -> list[tuple[str, str]]:
    if step.action in can.actions:
        return []
    return [("action", f"{can.label} cannot send {_LABELS[step.action]}.")]


def _wait(step: SequenceStep, place: int, can: Abilities) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if step.wait_days < 0 or step.wait_hours < 0:
        found.append(("wait_days", "A wait cannot be negative."))
    if step.wait_days > can.longest_days:
        found.append(("wait_days", f"{can.label} waits at most {can.longest_days} days."))
    if place > 1 and step.wait_days < can.shortest_days:
        found.append(("wait_days", f"{can.label} waits at least {can.shortest_days} day before a follow-up."))
    if step.wait_hours and not can.hours:
        found.append(("wait_hours", f"{can.label} waits whole days, not {step.wait_hours} hours."))
    return found


def _content(step: SequenceStep, place: int, can: Abilities) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if step.action in _WRITTEN and not step.body.strip():
        found.append(("body", "The text is empty."))
    most = (can.longest_body or {}).get(step.action)
    if most is not None and len(step.body) > most:
        found.append(("body", f"{can.label} takes {most} characters here, not {len(step.body)}."))
    if step.action is StepAction.EMAIL:
        if place == 1 and step.same_thread:
            found.append(("same_thread", "The first e-mail has no thread to answer in."))
        if not step.subject.strip() and not step.same_thread:
            found.append(("subject", "An e-mail that begins a thread needs a subject."))
    for part in (step.subject, step.body, step.fallback):
        found += [("body", problem) for problem in variables.problems(part)]
    if step.variants and not can.variants:
        found.append(("variants", f"Variants cannot be pushed to {can.label}."))
    return found


def attribute(
    messages: Sequence[ProviderMessage], steps: Sequence[SequenceStep]
) -> tuple[ProviderMessage, ...]:
    """Return the messages of one thread (oldest first) with ``sequence_step_number`` where it can be told.

    What the provider says stays. Else one of ours is the next step whose wording fits, and theirs answers the last
    step before it. Messages whose wording fits no step were written by hand.
    """
    told: list[ProviderMessage] = []
    last: int | None = None
    for message in messages:
        number = message.sequence_step_number
        if message.direction is Direction.OUTBOUND:
            if number is None:
                number = _step_of(message, [step for step in steps if last is None or step.number > last])
            last = number if number is not None else last
        elif number is None:
            number = last
        told.append(message.model_copy(update={"sequence_step_number": number}))
    return tuple(told)


def _step_of(message: ProviderMessage, steps: Sequence[SequenceStep]) -> int | None:
    said = _words(message.text)
    for step in steps:
        for wording in (step.body, step.fallback, *(variant.body for variant in step.variants)):
            if wording.strip() and said and _fits(said, wording):
                return step.number
    return None


def _fits(said: str, wording: str) -> bool:
    """Say whether ``said`` is ``wording`` with something in its placeholders: its fixed parts come in their order."""
    plain = plain_of(wording).full if "<" in wording else wording
    parts = [_words(part) for part in _HOLE.split(plain)]
    if not any(parts) or not said.startswith(parts[0]) or not said.endswith(parts[-1]):
        return False
    at = len(parts[0])
    for part in parts[1:]:
        found = said.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(parts) > 1 or said == parts[0]


def _words(value: str) -> str:
    return " ".join(value.split())
