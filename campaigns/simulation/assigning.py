"""Who writes to whom in a simulation: one sender per person and channel, chosen as the engine chooses and kept.

The rule is that of ``campaigns/services/assignment.py``: whoever knows the person already (``Prospect.prefers``), else
the sender with the most room, which is what is left of its budgets times its health over the people it has.
"""

from __future__ import annotations

from campaigns.plans.schema import Plan, SendNode
from campaigns.scheduling import drawn
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
    slots = sorted({slot for plan in (setup.plan, *plans.values()) for slot in slots_of(plan)})
    lines = {slot: _Line(_fitting(setup, *slot), load) for slot in slots}
    for prospect in setup.prospects:
        for slot in slots:
            line = lines[slot]
            if not line.senders:
                continue
            settled = by_key.get(prospect.prefers.get(slot[0], "")) if not slot[1] else None
            sender = settled or line.freest(prospect)
            load[sender.key] += 1
            for other in lines.values():
                other.changed(sender)
            found[(prospect.key, *slot)] = sender
    return found


def _fitting(setup: Setup, channel: str, choice: str) -> list[SimulatedSender]:
    fit = [one for one in setup.senders if one.channel == channel and (not choice or choice in one.names)]
    return [one for one in fit if one.health > 0] or fit


class _Line:
    """The senders of one slot and what each has free by now."""

    def __init__(self, senders: list[SimulatedSender], load: dict[str, int]) -> None:
        self.senders, self._load = senders, load
        self._place = {sender.key: place for place, sender in enumerate(senders)}
        self._shares = [self._share(sender) for sender in senders]

    def freest(self, prospect: Prospect) -> SimulatedSender:
        """The sender with the most room; of equal ones the one that is drawn."""
        if len(self.senders) == 1:
            return self.senders[0]
        most = max(self._shares)
        tied = [place for place, share in enumerate(self._shares) if share == most]
        place = tied[0] if len(tied) == 1 else drawn(tied, f"{prospect.key}:{self.senders[0].channel}")
        return self.senders[place]

    def changed(self, sender: SimulatedSender) -> None:
        """Take up that ``sender`` has one more person."""
        place = self._place.get(sender.key)
        if place is not None:
            self._shares[place] = self._share(sender)

    def _share(self, sender: SimulatedSender) -> float:
        return sender.health * (1 + sender.room) / (1 + self._load[sender.key])
