"""Conditions of branch nodes. Text is compared without regard to case; a blank value counts as missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from campaigns.plans.schema import BranchNode, EventCondition, FieldCondition, Value


def fields_of(node: BranchNode) -> tuple[str, ...]:
    """Names of the fields that ``node`` tests, sorted."""
    return tuple(
        sorted({test.field for rule in node.rules for test in rule.if_ if isinstance(test, FieldCondition)})
    )


def decide(
    node: BranchNode, fields: Mapping[str, Value], happened: Iterable[tuple[str, str]]
) -> tuple[str, str]:
    """(node id, reason) of the first rule whose conditions all hold, else of the default.

    ``happened`` are (event, node id) pairs up to now; an empty node id means that the node is not known.
    """
    facts = frozenset(happened)
    for number, rule in enumerate(node.rules, start=1):
        if all(
            _event_holds(test, facts) if isinstance(test, EventCondition) else _field_holds(test, fields)
            for test in rule.if_
        ):
            return rule.to, f"Rule {number} of {node.id} holds."
    return node.else_, f"No rule of {node.id} holds."


def _event_holds(test: EventCondition, facts: frozenset[tuple[str, str]]) -> bool:
    known = any(kind == test.event and (test.node is None or node in ("", test.node)) for kind, node in facts)
    return known == (test.op == "happened")


def _field_holds(test: FieldCondition, fields: Mapping[str, Value]) -> bool:
    actual = fields.get(test.field)
    present = not _is_missing(actual)
    if test.op in ("exists", "missing"):
        return present == (test.op == "exists")
    if test.op in ("ne", "not_in"):
        return not (present and _is_one_of(actual, test.value))
    if not present:
        return False
    if test.op in ("eq", "in"):
        return _is_one_of(actual, test.value)
    if test.op == "contains":
        return _contains(actual, test.value)
    order = _compare(actual, test.value)
    return order is not None and (order > 0 if test.op == "gt" else order < 0)


def _is_missing(value: Value) -> bool:
    return value is None or value == () or (isinstance(value, str) and not value.strip())


def _is_one_of(actual: Value, expected: Value) -> bool:
    options = expected if isinstance(expected, tuple) else (expected,)
    values = actual if isinstance(actual, tuple) else (actual,)
    return any(_same(value, option) for value in values for option in options)


def _contains(actual: Value, expected: Value) -> bool:
    if isinstance(actual, tuple):
        return any(_same(value, expected) for value in actual)
    return isinstance(actual, str) and isinstance(expected, str) and expected.casefold() in actual.casefold()


def _same(left: Value, right: Value) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.strip().casefold() == right.strip().casefold()
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return _compare(left, right) == 0


def _compare(left: Value, right: Value) -> int | None:
    """-1, 0 or 1; None where the two cannot be compared. Texts that are numbers compare as numbers."""
    first, second = _number(left), _number(right)
    if first is not None and second is not None:
        return (first > second) - (first < second)
    if isinstance(left, str) and isinstance(right, str):
        a, b = left.strip().casefold(), right.strip().casefold()
        return (a > b) - (a < b)
    return None


def _number(value: Value) -> float | None:
    if isinstance(value, bool) or value is None or isinstance(value, tuple):
        return None
    try:
        return float(value)
    except ValueError:
        return None
