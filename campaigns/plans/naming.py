"""Steps and ways of a plan in the words of the builder: short enough for a row or a label on a line. Pure."""

from __future__ import annotations

from typing import Final

from campaigns.plans.graph import AnyNode
from campaigns.plans.schema import (
    BranchNode,
    EventCondition,
    FieldCondition,
    Plan,
    Rule,
    SendNode,
    StopNode,
    Transition,
    WaitNode,
)
from campaigns.plans.wording import describe_duration

ACTIONS: Final[dict[str, str]] = {
    "email": "E-mail",
    "invite": "Invitation",
    "message": "Message",
    "inmail": "InMail",
    "profile_view": "Profile visit",
    "sms": "Text message",
}
OUTCOMES: Final[dict[str, str]] = {
    "completed": "Stop",
    "replied": "Stop, counted as replied",
    "meeting": "Stop, counted as meeting",
    "disqualified": "Stop, disqualified",
    "handed_over": "Stop, handed over to a person",
}
EVENTS: Final[dict[str, str]] = {
    "no_reply": "no reply",
    "accepted": "accepted",
    "no_accept": "not accepted",
    "open": "opened",
    "no_open": "not opened",
    "click": "clicked",
    "no_click": "not clicked",
    "reply": "replied",
    "sent": "sent",
    "delivered": "delivered",
    "bounce": "bounced",
    "failed": "sending failed",
    "unsubscribe": "unsubscribed",
    "complaint": "reported as spam",
    "meeting_booked": "meeting booked",
    "elapsed": "time is over",
}
"""Events as conditions, in the order in which the builder offers them."""
OPERATORS: Final[dict[str, str]] = {
    "eq": "is",
    "ne": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "gt": "is more than",
    "lt": "is less than",
    "exists": "is known",
    "missing": "is not known",
}


def kind_of(node: AnyNode) -> str:
    """The kind of a node: its action, else its type."""
    return node.action if isinstance(node, SendNode) else node.type


def name_of(node: AnyNode) -> str:
    """The name of a step: its label, else what it does."""
    if node.label:
        return node.label
    if isinstance(node, SendNode):
        return ACTIONS[node.action]
    if isinstance(node, WaitNode):
        return f"Wait {describe_duration(node.duration, working_days=node.working_days)}"
    return OUTCOMES[node.outcome] if isinstance(node, StopNode) else "Branch"


def summary_of(node: AnyNode) -> str:
    """One line about what a step says or asks."""
    if isinstance(node, SendNode):
        content = node.variants[0].content if node.variants else node.content
        if content is None:
            return "Nothing is written." if node.action == "profile_view" else "No text yet"
        text = content.subject or content.body or content.text or content.note
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")
        if first:
            return first
        if node.action == "invite":
            return "Without a note"
        return "No text yet"
    if isinstance(node, BranchNode):
        return ", ".join(rule_text(rule) for rule in node.rules)
    return ""


def way_text(way: Transition) -> str:
    """The condition of a way: "no reply, 3 working days", "accepted within 5 days"."""
    text = EVENTS[way.on]
    if way.within:
        text += f" within {describe_duration(way.within, working_days=way.working_days)}"
    if way.after:
        text += f", {describe_duration(way.after, working_days=way.working_days)}"
    return text


def rule_text(rule: Rule, plan: Plan | None = None) -> str:
    """The conditions of a rule: "accepted and title is known"."""
    return " and ".join(condition_text(test, plan) for test in rule.if_)


def condition_text(test: FieldCondition | EventCondition, plan: Plan | None = None) -> str:
    """One condition in words."""
    if isinstance(test, EventCondition):
        node = plan.index.get(test.node) if plan and test.node else None
        about = f" ({name_of(node)})" if node else ""
        return f"{'' if test.op == 'happened' else 'not yet '}{EVENTS[test.event]}{about}"
    root, _, name = test.field.partition(".")
    words = name.replace("_", " ") if root in ("custom", "lead") else f"{root} {name.replace('_', ' ')}"
    if test.value is None:
        return f"{words} {OPERATORS[test.op]}"
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    said = ", ".join("yes" if value is True else "no" if value is False else str(value) for value in values)
    return f"{words} {OPERATORS[test.op]} {said}"


def exit_text(plan: Plan, node: AnyNode, field: str) -> str:
    """The condition of an exit, by its field (``transitions[0].to``, ``rules[1].to``, ``else``)."""
    if isinstance(node, BranchNode):
        if field == "else":
            return "otherwise"
        return rule_text(node.rules[_number(field)], plan)
    if isinstance(node, StopNode):
        return ""
    way = node.transitions[_number(field)]
    if isinstance(node, WaitNode) and way.on == "elapsed":
        return "" if len(node.transitions) == 1 else "time is over"
    return way_text(way)


def _number(field: str) -> int:
    return int(field[field.index("[") + 1 : field.index("]")])
