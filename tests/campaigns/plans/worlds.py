"""Plans, events and a small world to run them in: what a worker does, without a database.

``World`` carries out commands like the engine (armed timers, wanted sends), keeps a log of inputs and checks after
every step what must always hold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.plans.interpreter import SendNotWanted, start
from campaigns.plans.replay import Attempted, Input, Received, Resulted, Woke, feed
from campaigns.plans.schema import Plan, SendNode
from campaigns.plans.state import (
    ArmTimer,
    CancelTimer,
    Command,
    Context,
    EndEnrollment,
    Event,
    RequestSend,
    State,
    Step,
    WithdrawSend,
    context_for,
    from_json,
    to_json,
)
from campaigns.scheduling import Calendar, SendingWindow, is_open, parse_time

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OFFICE = Calendar(
    windows=(SendingWindow(frozenset(range(5)), parse_time("09:00"), parse_time("17:00")),),
    holiday_country="DE",
)
ANYTIME = Calendar(days_off=frozenset())


def make_plan(*nodes: dict[str, Any], start: str | None = None, **extra: Any) -> Plan:
    """A plan in UTC from JSON nodes; the first is the start."""
    data = {
        "version": "1.0",
        "timezone": "UTC",
        "startNodeId": start or nodes[0]["id"],
        "nodes": list(nodes),
        **extra,
    }
    return Plan.model_validate(data)


def send(node_id: str, action: str, *ways: dict[str, Any], **extra: Any) -> dict[str, Any]:
    """A send node with the content its action needs."""
    content = {
        "email": {"subject": "S", "body": "B"},
        "invite": {"note": ""},
        "message": {"text": "T"},
        "inmail": {"subject": "S", "text": "T"},
        "sms": {"text": "T"},
        "profile_view": None,
    }[action]
    channel = action if action in ("email", "sms") else "linkedin"
    node = {
        "id": node_id,
        "type": "send",
        "channel": channel,
        "action": action,
        "transitions": list(ways),
        **extra,
    }
    return node if content is None or "variants" in extra else {"content": content, **node}


def wait(node_id: str, duration: str, to: str, *ways: dict[str, Any], **extra: Any) -> dict[str, Any]:
    """A wait node that leads to ``to``."""
    return {
        "id": node_id,
        "type": "wait",
        "duration": duration,
        "transitions": [*ways, {"on": "elapsed", "to": to}],
        **extra,
    }


def branch(node_id: str, to: str, otherwise: str, *tests: dict[str, Any]) -> dict[str, Any]:
    """A branch with one rule."""
    return {"id": node_id, "type": "branch", "rules": [{"if": list(tests), "to": to}], "else": otherwise}


def stop(node_id: str = "end", outcome: str = "completed") -> dict[str, Any]:
    """A stop node."""
    return {"id": node_id, "type": "stop", "outcome": outcome}


def way(on: str, to: str, **extra: Any) -> dict[str, Any]:
    """A transition."""
    return {"on": on, "to": to, **extra}


def event(kind: str, at: datetime, *, received: datetime | None = None, **extra: Any) -> Event:
    """An event that is received at once unless said otherwise; its id follows from what it is."""
    extra.setdefault("id", f"{kind}@{at.isoformat()}{extra.get('node', '')}")
    return Event(kind=kind, occurred_at=at, received_at=received or at, **extra)


@dataclass
class World:
    """An enrollment with an engine around it."""

    plan: Plan
    calendar: Calendar = ANYTIME
    seed: str = "seed"
    began: datetime = T0
    fields: dict[str, Any] = field(default_factory=dict)
    log: list[Input] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    armed: dict[str, datetime] = field(default_factory=dict)
    wanted: dict[str, datetime] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    ends: int = 0

    def __post_init__(self) -> None:
        self.ctx: Context = context_for(self.plan, self.calendar, seed=self.seed, fields=self.fields)
        self.state: State = self._keep(start(self.plan, self.began, self.ctx))

    def give(self, one: Input) -> Step:
        """Feed one input, log it, carry out the commands."""
        ended = self.state.ended
        step = feed(self.plan, self.state, one, self.ctx)
        self.log.append(one)
        self._keep(step)
        if ended:
            assert self.state.ended == ended, "an ended enrollment must stay as it ended"
        return step

    def hear(self, one: Event, at: datetime | None = None) -> Step:
        """Receive an event, by default when it was received."""
        if one.kind in ("unsubscribe", "complaint"):
            node = self.plan.index.get(one.node or "")
            channel = one.channel or (node.channel if isinstance(node, SendNode) else None)
            self.closed |= {channel} if channel else set()
        return self.give(Received(one, at or one.received_at))

    def tick(self, at: datetime) -> Step:
        """Let time pass."""
        return self.give(Woke(at))

    def attempt(self, at: datetime | None = None) -> datetime:
        """Attempt the wanted send, when due or at ``at``; return when."""
        request = self.state.send
        assert request is not None, "nothing is to be sent"
        moment = at or max(request.due_at, self.state.as_of)
        self.give(Attempted(request.node, request.visit, moment))
        return moment

    def deliver(self, at: datetime | None = None) -> datetime:
        """Attempt the wanted send and have it sent at once; return when."""
        request = self.state.send
        assert request is not None, "nothing is to be sent"
        moment = self.attempt(at)
        self.give(Resulted(request.node, request.visit, "sent", moment))
        return moment

    def run(self, events: list[Event], until: datetime, lag: timedelta = timedelta(0)) -> None:
        """Play the engine: events as they are received, timers and sends when due plus ``lag``."""
        queue = sorted(events, key=lambda one: (one.received_at, one.id))
        while True:
            moments = [(queue[0].received_at, 0)] if queue else []
            if self.state.timers:
                moments.append((max(self.state.timers[0].at + lag, self.state.as_of), 1))
            if self.state.send:
                moments.append((max(self.state.send.due_at + lag, self.state.as_of), 2))
            if not moments or min(moments)[0] > until:
                break
            at, what = min(moments)
            if what == 0:
                self.hear(queue.pop(0))
            elif what == 1:
                self.tick(at)
            else:
                self._attempt_and_send(at)
        if self.state.as_of < until:
            self.tick(until)

    def _attempt_and_send(self, at: datetime) -> None:
        request = self.state.send
        assert request is not None
        try:
            self.give(Attempted(request.node, request.visit, at))
        except SendNotWanted as refused:
            self.log.append(Woke(at))
            self._keep(refused.step)
        else:
            self.give(Resulted(request.node, request.visit, "sent", at))

    def _keep(self, step: Step) -> State:
        self.state = step.state
        self.commands += step.commands
        for command in step.commands:
            self._carry_out(command)
        self._check()
        return step.state

    def _carry_out(self, command: Command) -> None:
        match command:
            case ArmTimer():
                self.armed[command.timer.key] = command.timer.at
            case CancelTimer():
                self.armed.pop(command.key)
            case RequestSend():
                self.wanted[command.send.key] = command.send.due_at
            case WithdrawSend():
                self.wanted.pop(command.key, None)
            case EndEnrollment():
                self.ends += 1

    def _check(self) -> None:
        """What must hold after every step, whatever the plan and the events."""
        state = self.state
        assert from_json(json.loads(json.dumps(to_json(state)))) == state
        self.armed = {key: at for key, at in self.armed.items() if at > state.as_of}
        assert self.armed == {timer.key: timer.at for timer in state.timers[:1]}
        if state.phase in ("in_flight", "listening"):
            self.wanted.pop(f"{state.node}:{state.visit}:send", None)
        assert self.wanted == ({state.send.key: state.send.due_at} if state.send else {})
        assert self.ends == (1 if state.ended else 0)
        if state.ended:
            assert state.phase == "ended"
            assert not state.timers
        if state.send:
            node = self.plan.node(state.send.node)
            assert isinstance(node, SendNode)
            assert is_open(state.send.due_at, self.ctx.calendar, self.ctx.tz)
            assert node.channel not in self.closed, "nothing may be sent after an opt-out"
