"""What is different between two plans, step by step, in words that a reviewer reads. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from campaigns.plans.graph import AnyNode
from campaigns.plans.naming import OUTCOMES, exit_text, kind_of, name_of
from campaigns.plans.outline import outline
from campaigns.plans.schema import Content, Plan, SendNode, StopNode, WaitNode, exits
from campaigns.plans.texts import FIELDS
from campaigns.plans.wording import describe_duration


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: ``sign`` is +, - or ~; ``before`` and ``after`` are texts that were changed."""

    sign: Literal["+", "-", "~"]
    node: str
    kind: str
    text: str
    before: str = ""
    after: str = ""


def difference(before: Plan, after: Plan) -> list[Change]:
    """Everything that ``after`` does differently from ``before``, in the order of its outline, then what is gone."""
    found: list[Change] = []
    if before.start_node_id != after.start_node_id:
        text = f"Begins with {_name(after, after.start_node_id)}, not with {_name(before, before.start_node_id)}."
        found.append(Change("~", after.start_node_id, "start", text))
    if before.quiet_hours != after.quiet_hours:
        found.append(Change("~", "", "quiet hours", "The hours in which nothing is sent are others."))
    if before.timezone != after.timezone:
        found.append(Change("~", "", "time zone", f"{before.timezone} became {after.timezone}."))
    for row in outline(after):
        if row.kind != "node":
            continue
        node, old = after.index[row.node_id], before.index.get(row.node_id)
        if old is None:
            found.append(Change("+", node.id, _kind(node), name_of(node), after=_text(node)))
        else:
            found += _changes(before, after, old, node)
    found += [
        Change("-", node.id, _kind(node), name_of(node), before=_text(node))
        for node in before.nodes
        if node.id not in after.index
    ]
    return found


def _changes(before: Plan, after: Plan, old: AnyNode, new: AnyNode) -> list[Change]:
    """What is different in one step."""
    if kind_of(old) != kind_of(new):
        return [Change("~", new.id, _kind(new), f"{name_of(old)} became {name_of(new)}.")]
    found: list[Change] = []
    if old.label != new.label:
        found.append(Change("~", new.id, "name", f"{name_of(old)} is called {name_of(new)}."))
    if isinstance(old, SendNode) and isinstance(new, SendNode):
        found += _sending(old, new)
    if isinstance(old, WaitNode) and isinstance(new, WaitNode):
        lengths = [describe_duration(one.duration, working_days=one.working_days) for one in (old, new)]
        if lengths[0] != lengths[1]:
            found.append(Change("~", new.id, "wait", f"{name_of(new)}: {lengths[1]}, not {lengths[0]}."))
    if isinstance(old, StopNode) and isinstance(new, StopNode) and old.outcome != new.outcome:
        found.append(Change("~", new.id, "outcome", f"{OUTCOMES[new.outcome]}, not {OUTCOMES[old.outcome]}."))
    ways = [_ways(plan, node) for plan, node in ((before, old), (after, new))]
    if ways[0] != ways[1]:
        found.append(
            Change(
                "~",
                new.id,
                "ways",
                f"{name_of(new)} goes on differently.",
                "\n".join(ways[0]),
                "\n".join(ways[1]),
            )
        )
    return found


def _sending(old: SendNode, new: SendNode) -> list[Change]:
    found: list[Change] = []
    texts, others = _texts(new), _texts(old)
    for key in dict.fromkeys([*others, *texts]):
        if others.get(key, "") != texts.get(key, ""):
            variant, field = key
            what = f"{name_of(new)}, {field}" + (f" of variant {variant}" if variant else "")
            found.append(Change("~", new.id, "text", what, others.get(key, ""), texts.get(key, "")))
    weights = [{one.id: one.weight for one in node.variants} for node in (old, new)]
    if weights[0] != weights[1]:
        said = ", ".join(f"{name} {weight}" for name, weight in weights[1].items()) or "one wording"
        found.append(Change("~", new.id, "variants", f"{name_of(new)}: {said}."))
    if old.sender != new.sender:
        found.append(Change("~", new.id, "sender", f"{name_of(new)} is sent by others."))
    if old.thread_with != new.thread_with:
        found.append(Change("~", new.id, "thread", f"{name_of(new)} is in another thread."))
    return found


def _texts(node: SendNode) -> dict[tuple[str, str], str]:
    contents = {one.id: one.content for one in node.variants} or {"": node.content or Content()}
    return {
        (variant, field): text
        for variant, content in contents.items()
        for field in FIELDS
        if (text := str(getattr(content, field)))
    }


def _ways(plan: Plan, node: AnyNode) -> list[str]:
    return [f"{exit_text(plan, node, field) or 'then'}: {_name(plan, to)}" for field, to in exits(node)]


def _text(node: AnyNode) -> str:
    if not isinstance(node, SendNode):
        return ""
    return "\n".join(_texts(node).values())


def _kind(node: AnyNode) -> str:
    return kind_of(node).replace("_", " ")


def _name(plan: Plan, node_id: str) -> str:
    node = plan.index.get(node_id)
    return name_of(node) if node else node_id
