"""Inserting, taking out, moving and copying steps of a plan, with everything that led to them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.plans.graph import AnyNode, always_before, reachable
from campaigns.plans.schema import (
    CHANNEL_OF_ACTION,
    BranchNode,
    Content,
    EventCondition,
    FieldCondition,
    Plan,
    Rule,
    SendNode,
    StopNode,
    Transition,
    WaitNode,
    exits,
)
from campaigns.plans.wiring import (
    EditRefused,
    a_stop,
    default_ways,
    fresh_id,
    main_exit,
    main_target,
    node_of,
    rebuilt,
    redirected,
    replaced,
    retargeted,
    target_of,
    with_main_target,
)


def insert(plan: Plan, kind: str, node_id: str, field: str) -> tuple[Plan, str]:
    """``plan`` with a new step of ``kind`` on an exit (without a node: before the start), and the new step's id."""
    plan, end = a_stop(plan)
    new_id = fresh_id(plan, kind)
    target = _after(plan, node_id, field) or end
    made = _new(plan, kind, new_id, node_id, target, end)
    plan = rebuilt(plan, (*plan.nodes, made))
    return _pruned(_led_to(plan, node_id, field, new_id, end), {end}), new_id


def paste(plan: Plan, nodes: Iterable[AnyNode], node_id: str, field: str) -> tuple[Plan, str]:
    """``plan`` with copies of ``nodes`` on an exit, and the id of the first copy. Ways out of them go on there."""
    plan, end = a_stop(plan)
    given: list[AnyNode] = list(nodes)
    copied: list[AnyNode] = [node for node in given if not isinstance(node, StopNode)] or given
    target = _after(plan, node_id, field) or end
    names: dict[str, str] = {}
    for node in copied:
        names[node.id] = fresh_id(plan, _base(node), names.values())
    made = [_copy(plan, node, names, target, end) for node in copied]
    plan = rebuilt(plan, (*plan.nodes, *made))
    return _pruned(_led_to(plan, node_id, field, made[0].id, end), {end}), made[0].id


def remove(plan: Plan, node_id: str) -> Plan:
    """``plan`` without a step; what led to it goes on where it went on. What only it led to goes too."""
    node = node_of(plan, node_id)
    if len(plan.nodes) == 1:
        raise EditRefused("This is the last step: a plan has at least one.")
    onward = main_target(node)
    if onward == node_id or not onward:
        if isinstance(node, StopNode):
            others = [other for other in plan.nodes if isinstance(other, StopNode) and other.id != node_id]
            if not others:
                raise EditRefused("This is the only stop: a plan has to end somewhere.")
            onward = others[0].id
        else:
            plan, onward = a_stop(plan)
    before = _reached(plan, [plan.start_node_id])
    plan = redirected(plan, node_id, onward, but=node_id)
    plan = rebuilt(plan, (other for other in plan.nodes if other.id != node_id))
    return _pruned(_without_threads(plan), before)


def move(plan: Plan, node_id: str, to_node: str, to_field: str) -> Plan:
    """``plan`` with a step at another place: its main way goes on there, its other ways stay as they are."""
    node = node_of(plan, node_id)
    if isinstance(node, StopNode):
        raise EditRefused("A stop is not moved: connect to it what should end there.")
    if to_node == node_id:
        raise EditRefused("A step cannot follow itself.")
    onward = main_target(node)
    place = _after(plan, to_node, to_field)
    if place == node_id:
        return plan
    plan, end = a_stop(plan)
    if onward and onward != node_id:
        plan = redirected(plan, node_id, onward, but=node_id)
    elif plan.start_node_id == node_id or _led_by(plan, node_id):
        plan = redirected(plan, node_id, end, but=node_id)
    target = _after(plan, to_node, to_field) or end
    plan = replaced(plan, with_main_target(plan, node_of(plan, node_id), target, end))
    return _led_to(plan, to_node, to_field, node_id, end)


def shift(plan: Plan, node_id: str, *, up: bool) -> Plan:
    """``plan`` with a step before the one that leads to it, or behind the one it goes on to."""
    node = node_of(plan, node_id)
    if not up:
        onward = main_target(node)
        following = plan.index.get(onward)
        if following is None or isinstance(following, StopNode) or onward == node_id:
            raise EditRefused("There is no step behind it to change places with.")
        return move(plan, node_id, onward, main_exit(following))
    if isinstance(node, StopNode):
        raise EditRefused("A stop is not moved: connect to it what should end there.")
    leading = _led_by(plan, node_id)
    if plan.start_node_id == node_id or not leading:
        raise EditRefused("It is the first step already.")
    before = next((one for one in leading if main_target(one) == node_id), leading[0])
    if plan.start_node_id == before.id:
        return move(plan, node_id, "", "")
    ways = [(one, field) for one in plan.nodes for field, to in exits(one) if to == before.id]
    ways = [(one, field) for one, field in ways if one.id != node_id]
    if not ways:
        raise EditRefused("Nothing else leads to the step before it.")
    source, field = ways[0]
    moved = move(plan, node_id, source.id, field)
    # Everything else that led to the step before leads to this one now, so that they have really changed places.
    return _exits_led(moved, {(one.id, name) for one, name in ways[1:]}, node_id)


# --- Parts ------------------------------------------------------------------------------------------


def _after(plan: Plan, node_id: str, field: str) -> str:
    """What comes at a place now; empty where the plan ends."""
    if not node_id:
        return plan.start_node_id
    node = node_of(plan, node_id)
    if isinstance(node, StopNode):
        raise EditRefused("Nothing comes after a stop. Insert the step before it.")
    return target_of(node, field) if field else main_target(node)


def _led_to(plan: Plan, node_id: str, field: str, to: str, end: str) -> Plan:
    """``plan`` with a place leading to ``to``."""
    if not node_id:
        return rebuilt(plan, plan.nodes, to)
    node = node_of(plan, node_id)
    if not field:
        return replaced(plan, with_main_target(plan, node, to, end))
    return replaced(plan, retargeted(node, lambda name, old: to if name == field else old))


def _exits_led(plan: Plan, places: set[tuple[str, str]], to: str) -> Plan:
    """``plan`` with some exits, (node id, field), leading to ``to``."""

    def led(node: AnyNode) -> AnyNode:
        return retargeted(node, lambda field, old: to if (node.id, field) in places else old)

    return rebuilt(plan, (led(node) for node in plan.nodes))


def _led_by(plan: Plan, node_id: str) -> list[AnyNode]:
    return [one for one in plan.nodes if one.id != node_id and node_id in {to for _, to in exits(one)}]


def _reached(plan: Plan, starts: Iterable[str]) -> set[str]:
    graph = {node.id: tuple(to for _, to in exits(node) if to in plan.index) for node in plan.nodes}
    return reachable(graph, starts)


def _pruned(plan: Plan, before: set[str]) -> Plan:
    """``plan`` without the nodes of ``before`` that nothing leads to any more, loose ends included."""
    gone = before - _reached(plan, [plan.start_node_id, *(plan.index.keys() - before)])
    return _without_threads(rebuilt(plan, (node for node in plan.nodes if node.id not in gone)))


def _without_threads(plan: Plan) -> Plan:
    """``plan`` without threads and tests of steps that it has no more."""
    return rebuilt(plan, (_freed(plan, node) for node in plan.nodes))


def _freed(plan: Plan, node: AnyNode) -> AnyNode:
    if isinstance(node, SendNode) and node.thread_with and node.thread_with not in plan.index:
        return node.model_copy(update={"thread_with": None})
    if isinstance(node, BranchNode):
        rules = tuple(
            rule.model_copy(
                update={
                    "if_": tuple(
                        test.model_copy(update={"node": None})
                        if isinstance(test, EventCondition) and test.node and test.node not in plan.index
                        else test
                        for test in rule.if_
                    )
                }
            )
            for rule in node.rules
        )
        return node.model_copy(update={"rules": rules})
    return node


def _new(plan: Plan, kind: str, new_id: str, before: str, target: str, end: str) -> AnyNode:
    if kind == "stop":
        return StopNode(id=new_id, type="stop", outcome="completed")
    if kind == "wait":
        ways = (Transition(on="elapsed", to=target),)
        return WaitNode(id=new_id, type="wait", duration="P2D", working_days=True, transitions=ways)
    if kind == "branch":
        rule = Rule.model_validate({"if": (_first_test(plan, before),), "to": target})
        return BranchNode.model_validate({"id": new_id, "type": "branch", "rules": (rule,), "else": target})
    return SendNode.model_validate(
        {
            "id": new_id,
            "type": "send",
            "channel": CHANNEL_OF_ACTION[kind],
            "action": kind,
            "content": None if kind == "profile_view" else Content(),
            "thread_with": _thread_for(plan, before) if kind == "email" else None,
            "transitions": default_ways(kind, target, end),
        }
    )


def _first_test(plan: Plan, before: str) -> EventCondition | FieldCondition:
    """What a new branch asks: whether the last thing before it has worked, as far as it can."""
    node = plan.index.get(before)
    if isinstance(node, SendNode) and node.action == "email":
        return EventCondition(event="open", node=node.id, op="happened")
    if isinstance(node, SendNode) and node.action == "invite":
        return EventCondition(event="accepted", op="happened")
    return FieldCondition(field="lead.title", op="exists")


def _thread_for(plan: Plan, before: str) -> str | None:
    """The last e-mail that everybody who gets here has got: a new one answers it."""
    mails = [
        node.id
        for node in plan.nodes
        if isinstance(node, SendNode)
        and node.action == "email"
        and (node.id == before or (before and always_before(plan, node.id, before)))
    ]
    return mails[-1] if mails else None


def _base(node: AnyNode) -> str:
    return node.action if isinstance(node, SendNode) else node.type


def _copy(plan: Plan, node: AnyNode, names: dict[str, str], target: str, end: str) -> AnyNode:
    """A copy under its new name; ways among the copies stay among them, ends stay ends, all others go on."""
    onward = main_exit(node)

    def led(field: str, to: str) -> str:
        if to in names:
            return names[to]
        # A side way to where the plan ends (an invitation that is given up) stays one.
        return end if field != onward and isinstance(plan.index.get(to), StopNode) else target

    made = retargeted(node, led).model_copy(update={"id": names[node.id]})
    if isinstance(made, SendNode) and made.thread_with:
        kept = names.get(made.thread_with, made.thread_with)
        known = kept in names.values() or kept in plan.index
        made = made.model_copy(update={"thread_with": kept if known else None})
    if isinstance(made, BranchNode):
        made = made.model_copy(update={"rules": tuple(_renamed(rule, names) for rule in made.rules)})
    return made


def _renamed(rule: Rule, names: dict[str, str]) -> Rule:
    tests = tuple(
        test.model_copy(update={"node": names.get(test.node, test.node)})
        if isinstance(test, EventCondition) and test.node
        else test
        for test in rule.if_
    )
    return rule.model_copy(update={"if_": tests})
