"""What the builder posts, as edits of a plan; and durations and conditions in the form in which people write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.http import QueryDict

from campaigns.plans.content import FIELDS
from campaigns.plans.naming import EVENTS
from campaigns.plans.schema import BranchNode, EventCondition, FieldCondition, Plan, SendNode, WaitNode
from campaigns.plans.variants import next_id
from campaigns.plans.wiring import main_target
from campaigns.scheduling import parse_duration

UNITS: Final = {"working": "working days", "days": "days", "hours": "hours", "minutes": "minutes"}
AS_WRITTEN: Final = "iso"
"""The unit of a duration that is none of these: it is shown as it is written."""
BRANCH_FIELDS: Final = {
    "lead.first_degree": "is a first-degree connection",
    "lead.title": "job title",
    "lead.country": "country",
    "lead.first_name": "first name",
    "lead.last_name": "last name",
    "lead.time_zone": "time zone",
    "company.name": "company",
    "company.domain": "company's domain",
    "company.country": "company's country",
    "enrollment.stage": "stage in this campaign",
}
BRANCH_EVENTS: Final = (
    "accepted", "open", "click", "reply", "sent", "delivered", "bounce", "failed", "meeting_booked",
)  # fmt: skip
_NO_VALUE: Final = ("exists", "missing")


def split_duration(text: str | None, *, working_days: bool) -> tuple[str, str]:
    """(amount, unit) of an ISO duration, as the fields of a form show it."""
    if not text:
        return "", "working" if working_days else "days"
    duration = parse_duration(text)
    seconds = int(duration.elapsed.total_seconds())
    if duration.days and not seconds:
        return str(duration.days), "working" if working_days else "days"
    if not duration.days and seconds % 3600 == 0:
        return str(seconds // 3600), "hours"
    if not duration.days and seconds % 60 == 0:
        return str(seconds // 60), "minutes"
    return text, AS_WRITTEN


def joined_duration(amount: str, unit: str) -> str | None:
    """The ISO duration of what was typed; ``None`` for an empty field. What cannot be one is left as it is."""
    amount = amount.strip()
    if not amount or not amount.isascii() or not amount.isdigit():
        return amount or None
    return {"hours": f"PT{amount}H", "minutes": f"PT{amount}M"}.get(unit, f"P{amount}D")


def edit_of(post: QueryDict, plan: Plan) -> dict[str, Any]:
    """The edit that a form stands for, as ``services.editing.parse_edit`` takes it."""
    op = post.get("op", "")
    made = {"op": op, "node": post.get("node", "")}
    at = {"node": post.get("at_node", ""), "exit": post.get("at_exit", "")}
    if op in ("insert", "paste"):
        what = {"kind": post.get("kind", "")} if op == "insert" else {"nodes": _pasted(post)}
        return {"op": op, "at": at, **what}
    if op == "move":
        return {**made, "at": at}
    reader = _READERS.get(op)
    return {**made, **reader(post, plan)} if reader else made


def _pasted(post: QueryDict) -> Any:
    try:
        return json.loads(post.get("nodes", ""))
    except (json.JSONDecodeError, RecursionError):
        return []


def _operation(post: QueryDict) -> tuple[str, int]:
    """What a button of a list asks for: (``add``, ``remove`` or ``up``, which row)."""
    act, _, argument = post.get("operation", "").partition(":")
    return act, int(argument) if argument.isascii() and argument.isdigit() else -1


def _operated(rows: list[dict[str, Any]], act: str, place: int, new: dict[str, Any]) -> list[dict[str, Any]]:
    if act == "add":
        return [*rows, new]
    if act == "remove" and 0 <= place < len(rows):
        return [row for number, row in enumerate(rows) if number != place]
    if act == "up" and 0 < place < len(rows):
        return [*rows[: place - 1], rows[place], rows[place - 1], *rows[place + 1 :]]
    return rows


def _columns(post: QueryDict, names: Sequence[str], lead: str) -> list[dict[str, str]]:
    """Rows of parallel lists ``<name>``; as many as ``lead`` has."""
    lists = {name: post.getlist(name) for name in names}
    return [
        {name: (given[number] if number < len(given) else "") for name, given in lists.items()}
        for number in range(min(len(lists[lead]), 60))
    ]


def _ways(post: QueryDict, plan: Plan) -> list[dict[str, Any]]:
    names = ("way_on", "way_after", "way_after_unit", "way_within", "way_within_unit", "way_to")
    rows = []
    for row in _columns(post, names, "way_on"):
        made: dict[str, Any] = {"on": row["way_on"], "to": row["way_to"]}
        for name in ("after", "within"):
            if duration := joined_duration(row[f"way_{name}"], row[f"way_{name}_unit"]):
                made[name] = duration
                made["workingDays"] = made.get("workingDays", False) or row[f"way_{name}_unit"] == "working"
        rows.append(made)
    node = plan.index.get(post.get("node", ""))
    act, place = _operation(post)
    return _operated(rows, act, place, _new_way(node, post.get("new_on", "")))


def _new_way(node: Any, on: str) -> dict[str, Any]:
    """One more way: to where the step goes on already, so that only what differs has to be said."""
    if not isinstance(node, SendNode | WaitNode):
        return {}
    event = on if on in EVENTS else "reply"
    made: dict[str, Any] = {"on": event, "to": main_target(node) or node.id}
    return {**made, "after": "P3D", "workingDays": True} if event.startswith("no_") else made


def _rules(post: QueryDict, plan: Plan) -> dict[str, Any]:
    tests = _columns(post, ("test_rule", "test_what", "test_op", "test_value"), "test_rule")
    rules: list[dict[str, Any]] = [{"if": [], "to": to} for to in post.getlist("rule_to")[:50]]
    for row in tests:
        if row["test_rule"].isdigit() and int(row["test_rule"]) < len(rules):
            rules[int(row["test_rule"])]["if"].append(_test(row))
    act, place = _operation(post)
    if act == "add_test" and 0 <= place < len(rules):
        rules[place]["if"].append({"field": "lead.country", "op": "exists"})
    elif act == "remove_test":
        _without_test(rules, place)
    node = plan.index.get(post.get("node", ""))
    otherwise = node.else_ if isinstance(node, BranchNode) else ""
    new = {"if": [{"field": "lead.title", "op": "exists"}], "to": otherwise}
    return {"rules": _operated(rules, act, place, new), "else": post.get("else", otherwise)}


def _without_test(rules: list[dict[str, Any]], place: int) -> None:
    """Drop the condition that is the ``place``-th of all; the last one of a rule stays."""
    for rule in rules:
        if place < len(rule["if"]):
            if place >= 0 and len(rule["if"]) > 1:
                del rule["if"][place]
            return
        place -= len(rule["if"])


def _test(row: dict[str, str]) -> dict[str, Any]:
    """A condition from ``event:open``, ``event:open@intro`` or ``field:lead.country``, an operator and a value."""
    kind, _, what = row["test_what"].partition(":")
    if kind == "event":
        event, _, node = what.partition("@")
        op = row["test_op"] if row["test_op"] in ("happened", "not_happened") else "happened"
        return {"event": event, "op": op, **({"node": node} if node else {})}
    op, text = row["test_op"], row["test_value"].strip()
    if op in ("happened", "not_happened", ""):
        op = "exists" if not text else "eq"
    if what == "lead.first_degree":
        return {"field": what, "op": "eq", "value": text.lower() not in ("no", "false", "0")}
    if op in _NO_VALUE:
        return {"field": what, "op": op}
    if op in ("in", "not_in"):
        return {"field": what, "op": op, "value": [one.strip() for one in text.split(",") if one.strip()]}
    return {"field": what, "op": op, "value": text or None}


def test_fields(test: FieldCondition | EventCondition) -> dict[str, str]:
    """A condition as the fields of its row."""
    if isinstance(test, EventCondition):
        return {
            "what": f"event:{test.event}" + (f"@{test.node}" if test.node else ""),
            "op": test.op,
            "value": "",
        }
    values = test.value if isinstance(test.value, tuple) else () if test.value is None else (test.value,)
    said = ["yes" if value is True else "no" if value is False else str(value) for value in values]
    return {"what": f"field:{test.field}", "op": test.op, "value": ", ".join(said)}


def _variants(post: QueryDict, plan: Plan) -> list[dict[str, Any]]:
    """The wordings with their weights as posted; ``add`` copies one, ``remove:1`` takes one away."""
    node = plan.index.get(post.get("node", ""))
    if not isinstance(node, SendNode) or not FIELDS[node.action]:
        return []
    weights = dict(zip(post.getlist("variant_id"), post.getlist("variant_weight"), strict=False))
    rows: list[dict[str, Any]] = [
        {
            "id": variant.id,
            "weight": _weight(weights.get(variant.id, ""), variant.weight),
            "content": variant.content.model_dump(by_alias=True),
        }
        for variant in node.variants
    ]
    act, place = _operation(post)
    if act == "add":
        content = node.content.model_dump(by_alias=True) if node.content else {}
        rows = rows or [{"id": "A", "weight": 1, "content": content}]
        return [*rows, {**rows[-1], "id": next_id(row["id"] for row in rows)}]
    return _operated(rows, act, place, {})


def _weight(text: str, otherwise: int) -> int | str:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else text or otherwise


def _sender(text: str) -> dict[str, str] | None:
    kind, _, value = text.partition(":")
    return {kind: value} if kind in ("pool", "account") and value else None


def _content(post: QueryDict, plan: Plan) -> dict[str, Any]:
    texts = {name: post[name] for name in ("subject", "body", "text", "note") if name in post}
    return {"content": texts, "variant": post.get("variant", "")}


def _wait(post: QueryDict, plan: Plan) -> dict[str, Any]:
    unit = post.get("unit", "days")
    duration = joined_duration(post.get("amount", ""), unit) or ""
    return {"duration": duration, "workingDays": unit == "working"}


_READERS: Final[dict[str, Callable[[QueryDict, Plan], dict[str, Any]]]] = {
    "shift": lambda post, plan: {"up": post.get("up") == "1"},
    "connect": lambda post, plan: {"exit": post.get("exit", ""), "to": post.get("to", "")},
    "content": _content,
    "label": lambda post, plan: {"label": post.get("label", "")},
    "wait": _wait,
    "ways": lambda post, plan: {"ways": _ways(post, plan)},
    "rules": _rules,
    "variants": lambda post, plan: {"variants": _variants(post, plan)},
    "outcome": lambda post, plan: {"outcome": post.get("outcome", "")},
    "sender": lambda post, plan: {"sender": _sender(post.get("sender", ""))},
    "thread": lambda post, plan: {"threadWith": post.get("thread_with") or None},
}
"""What a form says beside the step it is about, by what it does."""
