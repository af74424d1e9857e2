"""Plans to begin with: proven shapes whose texts say what belongs there. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from campaigns.plans import edits
from campaigns.plans.edits import EDIT
from campaigns.plans.schema import Plan

_HELLO: Final = "Hi {{ lead.first_name | default: 'there' }}"
_INTRO: Final = {
    "subject": "A question on {{ company.name | default: 'your team' }}",
    "body": f"{_HELLO},\n\nwhat you noticed about them, in one sentence.\n\nWhat you do for people like them, "
    "and one proof.\n\nOne question that can be answered in a line?",
}
_BUMP: Final = {"body": f"{_HELLO},\n\none more thing that makes the first mail worth an answer."}
_LAST: Final = {"body": f"{_HELLO},\n\nlast note from me. Shall I come back in a few months, or not at all?"}


@dataclass(frozen=True, slots=True)
class Beginning:
    """A plan to begin with."""

    key: str
    title: str
    text: str
    steps: tuple[dict[str, Any], ...]


def _insert(kind: str, node: str = "", way: str = "") -> dict[str, Any]:
    return {"op": "insert", "kind": kind, "at": {"node": node, "exit": way}}


def _says(node: str, content: dict[str, str]) -> dict[str, Any]:
    return {"op": "content", "node": node, "content": content}


BEGINNINGS: Final = (
    Beginning(
        "three_channels",
        "E-mail, LinkedIn, text message",
        "An e-mail, an invitation when nobody answers, then a message to who accepts and a text to who does not.",
        (
            _insert("email"),
            _insert("invite", "email"),
            _insert("message", "invite"),
            _insert("email", "invite", "transitions[1].to"),
            _insert("sms", "email_2"),
            _says("email", _INTRO),
            _says("invite", {"note": f"{_HELLO}, I wrote you a mail; this is the person behind it."}),
            _says(
                "message", {"text": f"{_HELLO}, thanks for connecting. The question from my mail, in short?"}
            ),
            _says("email_2", _BUMP),
            _says("sms", {"text": f"{_HELLO}, the question from my mail in one line. Yes or no is fine."}),
        ),
    ),
    Beginning(
        "linkedin",
        "LinkedIn, step by step",
        "A visit, an invitation, and two messages to who accepts.",
        (
            _insert("profile_view"),
            _insert("invite", "profile_view"),
            _insert("message", "invite"),
            _insert("message", "message"),
            _says("invite", {"note": f"{_HELLO}, why you would like to know them, in one sentence."}),
            _says("message", {"text": f"{_HELLO}, thanks for connecting. One question, no pitch?"}),
            _says("message_2", {"text": f"{_HELLO}, a proof that belongs to the question above."}),
        ),
    ),
    Beginning(
        "email",
        "Three e-mails in one thread",
        "An introduction and two follow-ups that answer it.",
        (
            _insert("email"),
            _insert("email", "email"),
            _insert("email", "email_2"),
            _says("email", _INTRO),
            _says("email_2", _BUMP),
            _says("email_3", _LAST),
        ),
    ),
)


def plan_of(key: str, timezone: str) -> Plan:
    """The plan of a beginning. Raises ``KeyError`` for one that does not exist."""
    found = {one.key: one for one in BEGINNINGS}[key]
    return made(found.steps, timezone)


def made(steps: Iterable[dict[str, Any]], timezone: str) -> Plan:
    """A plan by edits of a blank one."""
    plan = edits.blank(timezone)
    for step in steps:
        plan = edits.apply(plan, EDIT.validate_python(step))
    return plan
