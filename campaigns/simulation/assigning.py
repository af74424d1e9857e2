"""Who writes to whom in a simulation: one sender per person and channel, chosen as the engine chooses and kept.

The rule is that of ``campaigns/services/assignment.py``: whoever knows the person already (``Prospect.prefers``), else
the sender with the most room, which is what is left of its budgets times its health over the people it has.
"""

from __future__ import annotations

from campaigns.plans.schema import Plan, SendNode
from campaigns.scheduling import fraction
from campaigns.simulation.model import Prospect, Setup, SimulatedSender

Senders = dict[tuple[str, str, str], SimulatedSender]
"""(person, channel, choice) to the sender; the choice is what a step says about its sender."""


def choice_of(node: SendNode) -> str:
    """What a step says about its sender: nothing (``""``), ``account:<name>`` or ``pool:<name>``."""
    if node.sender is None:
        return ""
    return f"account:{node.sender.account}" if node.sender.account else f"pool:{node.sender.pool}"


def slots_of(plan: Plan) -> list[tuple[str, str]]:
    """Every channel and choice that the plan's sends need a sender for, in order."""
    return sorted({(node.channel, choice_of(node)) for node in plan.nodes if isinstance(node, SendNode)})


def assign(setup: Setup) -> Senders:
    """One sender per person and slot of the plan; whoever fits no sender has none."""
    found: Senders = {}
    load = {sender.key: sender.load for sender in setup.senders}
    by_key = {sender.key: sender for sender in setup.senders}
    plans = {id(one.plan): one.plan for one in setup.prospects if one.plan}
    slots = {slot for plan in (setup.plan, *plans.values()) for slot in slots_of(plan)}
    fits = {slot: _fitting(setup, *slot) for slot in slots}
    for prospect in setup.prospects:
        for slot in sorted(slots):
            if not fits[slot]:
                continue
            settled = by_key.get(prospect.prefers.get(slot[0], "")) if not slot[1] else None
            sender = settled or _freest(prospect, fits[slot], load)
            load[sender.key] += 1
            found[(prospect.key, *slot)] = sender
    return found


def _fitting(setup: Setup, channel: str, choice: str) -> list[SimulatedSender]:
    fit = [one for one in setup.senders if one.channel == channel and (not choice or choice in one.names)]
    return [one for one in fit if one.health > 0] or fit


def _freest(prospect: Prospect, fit: list[SimulatedSender], load: dict[str, int]) -> SimulatedSender:
    if len(fit) == 1:
        return fit[0]
    shares = [sender.health * (1 + sender.room) / (1 + load[sender.key]) for sender in fit]
    best = max(shares)
    tied = [sender for sender, share in zip(fit, shares, strict=True) if share == best]
    if len(tied) == 1:
        return tied[0]
    return max(tied, key=lambda sender: fraction(f"{prospect.key}:{sender.key}"))
