"""The sequence form: a list of steps as people type them, and the linear sequence that it stands for."""

from __future__ import annotations

from typing import Any, Final

from django.http import QueryDict

from campaigns.plans.errors import PlanInvalid
from campaigns.plans.linear import MAX_STEPS, NotLinear, Sequence, from_plan, parse_sequence, to_plan
from campaigns.plans.schema import CHANNEL_OF_ACTION, Plan
from campaigns.rendering import sms_segments
from campaigns.rendering.proofreading import Remark, proofread

STEP_KINDS: Final = {
    "invite": "Invitation",
    "message": "Message",
    "inmail": "InMail",
    "profile_view": "Profile visit",
    "email": "E-mail",
    "sms": "SMS",
}
_COLUMNS: Final = {
    "kind": "",
    "id": "",
    "subject": "",
    "text": "",
    "threaded": "0",
    "delay": "3",
    "working": "1",
    "give_up": "14",
}
"""What a row of the form has, and what a new or half posted one begins with."""


def _row(**values: str) -> dict[str, str]:
    return {**_COLUMNS, **values}


class SequenceEditor:
    """The sequence form: steps as people type them, also while they are not valid yet.

    ``steps`` are dictionaries with the form's values; ``errors`` maps ``steps[1].text`` to a sentence.
    """

    def __init__(self, steps: list[dict[str, Any]], close_days: str = "14") -> None:
        self.steps = steps
        self.close_days = close_days
        self.errors: dict[str, str] = {}
        self.general: list[str] = []
        self.kinds: dict[str, str] = dict(STEP_KINDS)
        self.counts_working_days = True

    @classmethod
    def of_plan(cls, plan: dict[str, Any]) -> SequenceEditor:
        """The editor of a stored plan; an empty one begins with an invitation. Raises ``NotLinear``."""
        if not plan:
            return cls([_row(kind="invite", delay="0")])
        sequence = from_plan(Plan.model_validate(plan))
        return cls([_typed(step) for step in sequence.steps], str(sequence.close_days))

    @classmethod
    def of_post(cls, data: QueryDict) -> SequenceEditor:
        """The editor as posted: parallel lists ``step_kind``, ``step_text``, ..."""
        columns = {name: data.getlist(f"step_{name}") for name in _COLUMNS}
        count = min(len(columns["kind"]), MAX_STEPS + 10)
        steps = [
            {
                name: (given[index] if index < len(given) else _COLUMNS[name])
                for name, given in columns.items()
            }
            for index in range(count)
        ]
        return cls(steps, data.get("close_days", "14"))

    def limit_to(self, channel: str) -> None:
        """Offer what a provider of one channel can do: its steps, and waits that count all days."""
        self.kinds = {
            kind: label for kind, label in STEP_KINDS.items() if CHANNEL_OF_ACTION.get(kind) == channel
        }
        self.counts_working_days = False
        for step in self.steps:
            step["working"] = "0"
        if len(self.steps) == 1 and not self.steps[0]["id"] and self.steps[0]["kind"] not in self.kinds:
            self.steps[0]["kind"] = next(iter(self.kinds))

    def operate(self, operation: str) -> None:
        """Add (``add:message``), remove (``remove:2``) or move (``up:2``, ``down:2``) a step; else do nothing."""
        act, _, argument = operation.partition(":")
        index = int(argument) if argument.isdigit() else -1
        if act == "add" and argument in self.kinds and len(self.steps) < MAX_STEPS:
            follows_mail = argument == "email" and any(step["kind"] == "email" for step in self.steps)
            delay, threaded = "3" if self.steps else "0", "1" if follows_mail else "0"
            working = "1" if self.counts_working_days else "0"
            self.steps.append(_row(kind=argument, delay=delay, threaded=threaded, working=working))
        elif act == "remove" and 0 <= index < len(self.steps):
            del self.steps[index]
        elif act in {"up", "down"} and 0 <= index < len(self.steps):
            other = index + (-1 if act == "up" else 1)
            if 0 <= other < len(self.steps):
                self.steps[index], self.steps[other] = self.steps[other], self.steps[index]

    def sequence(self, time_zone: str) -> Sequence | None:
        """The valid sequence, or ``None`` with ``errors`` filled."""
        steps = []
        for number, step in enumerate(self.steps):
            first = number == 0
            made = {
                "kind": step["kind"],
                "id": step["id"],
                "delayDays": _number(step["delay"], 0) if not first else 0,
                "workingDays": step["working"] != "0",
            }
            steps.append(made | _content(step))
        data = {"timezone": time_zone, "steps": steps, "closeDays": _number(self.close_days, 14)}
        try:
            sequence = parse_sequence(data)
            to_plan(sequence)
        except PlanInvalid as invalid:
            for error in invalid.errors:
                if error.field.startswith("steps["):
                    self.errors.setdefault(error.field, error.message)
                else:
                    self.general.append(error.message)
            return None
        return sequence

    def rows(self) -> list[dict[str, Any]]:
        """The steps with number, label, errors and what the template needs."""
        made = []
        for index, step in enumerate(self.steps):
            prefix = f"steps[{index}]"
            found = [message for field, message in self.errors.items() if field.startswith(prefix)]
            made.append(
                {
                    **step,
                    "index": index,
                    "number": index + 1,
                    "label": STEP_KINDS.get(step["kind"], step["kind"]),
                    "channel": CHANNEL_OF_ACTION.get(step["kind"], "linkedin"),
                    "has_subject": step["kind"] in {"email", "inmail"},
                    "can_thread": step["kind"] == "email"
                    and any(before["kind"] == "email" for before in self.steps[:index]),
                    "segments": sms_segments(step["text"]) if step["kind"] == "sms" else None,
                    "remarks": _remarks(step),
                    "errors": found,
                    "is_first": index == 0,
                    "is_last": index == len(self.steps) - 1,
                    "after_invite": index > 0 and self.steps[index - 1]["kind"] == "invite",
                }
            )
        return made


def _content(step: dict[str, str]) -> dict[str, Any]:
    """The fields of a step that depend on its kind, as ``parse_sequence`` takes them."""
    kind, text = step["kind"], step["text"]
    if kind == "invite":
        return {"note": text, "giveUpDays": _number(step["give_up"], 14)}
    if kind == "email":
        return {"subject": step["subject"], "body": text, "threaded": step["threaded"] == "1"}
    if kind == "inmail":
        return {"subject": step["subject"], "text": text}
    return {"text": text} if kind in {"message", "sms"} else {}


def _remarks(step: dict[str, str]) -> list[Remark]:
    """What a colleague would say about the texts of a step."""
    kind, threaded = step["kind"], step["threaded"] == "1"
    if kind == "profile_view":
        return []
    field = {"invite": "note", "email": "body"}.get(kind, "text")
    subject = proofread(step["subject"], action=kind, field="subject", threaded=threaded)
    return [*subject, *proofread(step["text"], action=kind, field=field)]


def _typed(step: Any) -> dict[str, str]:
    return _row(
        kind=step.kind,
        id=step.id,
        subject=getattr(step, "subject", ""),
        text=getattr(step, "note", "") or getattr(step, "text", "") or getattr(step, "body", ""),
        threaded="1" if getattr(step, "threaded", False) else "0",
        delay=str(step.delay_days),
        working="1" if step.working_days else "0",
        give_up=str(getattr(step, "give_up_days", 14)),
    )


def _number(text: str, default: int) -> int | str:
    """A whole number, or the text as it is, for the plan's own check to refuse."""
    text = text.strip()
    if not text:
        return default
    return int(text) if text.isdigit() else text


__all__ = ["STEP_KINDS", "NotLinear", "SequenceEditor"]
