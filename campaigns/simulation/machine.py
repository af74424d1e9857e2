"""One run of a simulation: an event queue around the real interpreter, with the gates of the real engine.

The order of the gates and what each does is the engine's (``campaigns/services/engine.py``): suppression, calendar,
sender, text, limits; what can clear up waits for a stated time, what cannot ends in an error. A test holds the two
together on the same script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from campaigns.plans import interpreter
from campaigns.plans.schema import SendNode
from campaigns.plans.state import (
    ArmTimer,
    CancelTimer,
    Context,
    EndEnrollment,
    Event,
    RecordTransition,
    RequestSend,
    RetractTransitions,
    State,
    Step,
    Transition,
    WithdrawSend,
    context_for,
)
from campaigns.scheduling import local_date, send_seed, spread
from campaigns.simulation.assigning import Senders, choice_of
from campaigns.simulation.budgets import Denied, Ledger
from campaigns.simulation.model import Sent, Setup, SimulatedSender
from campaigns.simulation.queues import Queue, Waiting
from campaigns.simulation.texts import Texts

React = Callable[[Sent], Iterable[Event]]

EVENT, TIMER, SEND, HEAD = range(4)


@dataclass(slots=True)
class Outcome:
    """What one run saw. Days are local days of the campaign's zone."""

    sent: Counter[tuple[date, str, str]] = field(default_factory=Counter)
    """(day, sender, action) to how many left."""
    first: Counter[date] = field(default_factory=Counter)
    """By day, how many people were written to for the first time."""
    waited: dict[tuple[date, str, str, str], int] = field(default_factory=dict)
    """(day, budget or sender, limit or gate, its name) to how many actions waited for it at the same time."""
    ended: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(node, code) of sends that could not leave for a reason that cannot clear up."""
    ends: list[datetime] = field(default_factory=list)
    """When people's plans ended, in order."""
    left: int = 0
    """People whose plan has not ended when the clock stops."""
    steps: int = 0
    sends: list[Sent] = field(default_factory=list)
    """Every message in order; kept only when traced."""
    transitions: list[list[Transition]] = field(default_factory=list)
    """By person, the path that holds in the end; kept only when traced."""


class Machine:
    """One run. ``react`` says what people do about a message; ``texts`` may be shared by several runs."""

    def __init__(
        self,
        setup: Setup,
        senders: Senders,
        react: React,
        texts: Texts,
        *,
        traced: bool = False,
    ) -> None:
        self.setup, self.react, self.texts, self.traced = setup, react, texts, traced
        self.senders = senders
        self.ledger = Ledger({**setup.budgets, **setup.domains}, setup.start)
        self.queue = Queue()
        self.waiting: dict[tuple[str, ...], Waiting] = {}
        count = len(setup.prospects)
        self.plans = [one.plan or setup.plan for one in setup.prospects]
        self._shared: dict[tuple[int, str | None], Context] = {}
        self.contexts = [self._context(number) for number in range(count)]
        self.states: list[State | None] = [None] * count
        self.send_turn = [0] * count
        self.timer_turn = [0] * count
        self.written = [one.state is not None for one in setup.prospects]
        self.outcome = Outcome(transitions=[[] for _ in range(count)] if traced else [])

    def run(self) -> Outcome:
        """Start everybody and let the clock run to the end of the setup."""
        for number in range(len(self.setup.prospects)):
            self._begin(number)
        end = self.setup.end
        while (item := self.queue.pop(end)) is not None:
            at, kind, number, payload = item
            self._work(at, kind, number, payload)
        self.outcome.left = sum(1 for state in self.states if state and not state.ended)
        return self.outcome

    # What happens

    def _work(self, at: datetime, kind: int, number: int, payload: object) -> None:
        if kind == HEAD:
            assert isinstance(payload, tuple)
            self._head(at, *payload)
            return
        state, plan, ctx = self._state(number), self.plans[number], self.contexts[number]
        if kind == EVENT:
            assert isinstance(payload, Event)
            self._keep(number, interpreter.apply(plan, state, payload, ctx, now=at), at)
        elif kind == TIMER and payload == self.timer_turn[number]:
            self._keep(number, interpreter.timer_due(plan, state, at, ctx), at)
        elif kind == SEND and payload == self.send_turn[number]:
            self._send(number, at)

    def _begin(self, number: int) -> None:
        prospect, plan, ctx, at = (
            self.setup.prospects[number], self.plans[number], self.contexts[number], self.setup.start,
        )  # fmt: skip
        if prospect.state is not None:
            self._resume(number, prospect.state)
            return
        self._keep(number, interpreter.start(plan, at, ctx), at)
        if prospect.connected:
            known = Event(
                f"accepted:{prospect.key}", "accepted", at - timedelta(days=1), at, channel="linkedin"
            )
            self._keep(number, interpreter.apply(plan, self._state(number), known, ctx, now=at), at)

    def _resume(self, number: int, state: State) -> None:
        """Take somebody up who is in the campaign already."""
        self.states[number] = state
        if state.timers:
            self.queue.push(max(state.timers[0].at, self.setup.start), TIMER, number, 0)
        if state.send:
            self.queue.push(max(state.send.due_at, self.setup.start), SEND, number, 0)

    def _send(self, number: int, at: datetime) -> None:
        """Ask every gate in the engine's order, and send."""
        state, prospect = self._state(number), self.setup.prospects[number]
        request = state.send
        assert request is not None  # the turn says that it is wanted
        node = self.plans[number].index[request.node]
        assert isinstance(node, SendNode)
        channel = node.channel
        if channel in prospect.blocked:
            self._refuse(number, node, request.visit, "suppressed", prospect.blocked[channel], at)
            return
        if at != request.due_at and (opens := self._opens(number, node.id, at)) > at:
            self._note(at, "", "calendar", "Outside the sending window")
            self.queue.push(opens, SEND, number, self.send_turn[number])
            return
        sender = self.senders.get((prospect.key, channel, choice_of(node)))
        if sender is None:
            self._refuse(number, node, request.visit, "no_sender", f"Nobody sends by {channel}.", at)
            return
        if sender.unavailable:
            self._note(at, sender.key, "sender", f"{sender.name}: {sender.unavailable}")
            self.queue.push(at + timedelta(days=1), SEND, number, self.send_turn[number])
            return
        if channel not in prospect.addresses:
            self._refuse(number, node, request.visit, "no_address", f"There is no {channel} address.", at)
            return
        verdict = self.texts.known(prospect.key, node.id, request.visit, sender.key) or self.texts.judge(
            node,
            request.visit,
            prospect=prospect.key,
            name=prospect.name,
            seed=prospect.seed,
            sender=sender.key,
            context={**prospect.variables, "sender": sender.variables},
            premium=sender.premium,
        )
        if verdict.code:
            self._refuse(number, node, request.visit, verdict.code, verdict.problem, at)
            return
        self._charge_and_send(number, node, request.visit, sender, verdict.variant, at)

    def _charge_and_send(
        self, number: int, node: SendNode, visit: int, sender: SimulatedSender, variant: str, at: datetime
    ) -> None:
        prospect = self.setup.prospects[number]
        scopes = sender.budgets.get(node.action, ())
        domain = prospect.addresses.get("email", "") if node.channel == "email" else ""
        if domain and domain in self.setup.domains:
            scopes = (*scopes, domain)
        denied = self.ledger.take(scopes, at)
        if denied is not None:
            self._put_in_line(number, node, denied, at)
            return
        plan, ctx = self.plans[number], self.contexts[number]
        try:
            step = interpreter.send_attempted(plan, self._state(number), node.id, visit, at, ctx)
        except interpreter.SendNotWanted as refusal:
            self.ledger.give_back(scopes, at)
            self._keep(number, refusal.step, at)
            return
        self._keep(number, step, at)
        self._left(Sent(prospect.key, prospect.seed, node.id, visit, node.action, node.channel, sender.key,
                        variant, at), number)  # fmt: skip
        result = interpreter.send_result(plan, self._state(number), node.id, visit, "sent", at, ctx)
        self._keep(number, result, at)

    def _left(self, sent: Sent, number: int) -> None:
        day = local_date(sent.at, self.setup.tz)
        self.outcome.sent[day, sent.sender, sent.action] += 1
        if not self.written[number] and sent.action != "profile_view":
            self.written[number] = True
            self.outcome.first[day] += 1
        if self.traced:
            self.outcome.sends.append(sent)
        for event in self.react(sent):
            self.queue.push(event.received_at, EVENT, number, event)

    def _refuse(self, number: int, node: SendNode, visit: int, code: str, reason: str, at: datetime) -> None:
        self.outcome.refused[node.id, code] += 1
        step = interpreter.send_result(
            self.plans[number], self._state(number), node.id, visit, "refused", at, self.contexts[number],
            reason=reason,
        )  # fmt: skip
        self._keep(number, step, at)

    # Waiting for budgets

    def _put_in_line(self, number: int, node: SendNode, denied: Denied, at: datetime) -> None:
        """Everybody who waits for one budget waits in one line; only its head is on the clock.

        Whoever is behind the head would be refused for the same reason at a later instant of the same period, so
        the result is the same as if each were tried anew, for a fraction of the work.
        """
        line = (denied.scope, self.contexts[number].tz.key)
        waiting = self.waiting.setdefault(line, Waiting())
        seed = send_seed(self.setup.prospects[number].seed, node.id)
        waiting.join(seed, number, self.send_turn[number])
        waiting.free_at = max(waiting.free_at or denied.free_at, denied.free_at)
        self._note(at, denied.scope, denied.key, denied.name, len(waiting))
        if waiting.called != (*waiting.head(), waiting.free_at):
            # Whoever joins behind the head changes nothing about when the head is called.
            self._call_head(line, waiting, at)

    def _head(self, at: datetime, line: tuple[str, ...], version: int) -> None:
        waiting = self.waiting[line]
        if version != waiting.version:
            return
        waiting.called = None
        number, turn = waiting.leave()
        if turn == self.send_turn[number]:
            self._send(number, at)
        self._call_head(line, waiting, at)

    def _call_head(self, line: tuple[str, ...], waiting: Waiting, at: datetime) -> None:
        """Put the first who is still wanted on the clock."""
        while waiting and waiting.head()[1] != self.send_turn[waiting.head()[0]]:
            waiting.leave()
        waiting.version += 1
        waiting.called = None
        if waiting:
            waiting.called = (*waiting.head(), waiting.free_at)
            number = waiting.head()[0]
            ctx = self.contexts[number]
            opens = spread(waiting.free_at or at, ctx.calendar, ctx.tz, seed=waiting.head_seed())
            self.queue.push(max(opens, at), HEAD, number, (line, waiting.version))

    # Small things

    def _keep(self, number: int, step: Step, at: datetime) -> None:
        self.states[number] = step.state
        self.outcome.steps += 1
        for command in step.commands:
            if isinstance(command, RequestSend):
                self.send_turn[number] += 1
                self.queue.push(max(command.send.due_at, at), SEND, number, self.send_turn[number])
            elif isinstance(command, ArmTimer):
                self.timer_turn[number] += 1
                self.queue.push(max(command.timer.at, at), TIMER, number, self.timer_turn[number])
            elif isinstance(command, WithdrawSend):
                self.send_turn[number] += 1
            elif isinstance(command, CancelTimer):
                self.timer_turn[number] += 1
            elif isinstance(command, EndEnrollment):
                self.send_turn[number] += 1
                self.timer_turn[number] += 1
                self.outcome.ended[command.ended.outcome] += 1
                self.outcome.ends.append(command.ended.at)
            elif self.traced:
                self._trace(number, command)

    def _trace(self, number: int, command: object) -> None:
        path = self.outcome.transitions[number]
        if isinstance(command, RecordTransition):
            path.append(command.transition)
        elif isinstance(command, RetractTransitions):
            path[:] = [one for one in path if one.number <= command.after]

    def _note(self, at: datetime, scope: str, code: str, name: str, count: int = 1) -> None:
        key = (local_date(at, self.setup.tz), scope, code, name)
        self.outcome.waited[key] = max(self.outcome.waited.get(key, 0), count)

    def _opens(self, number: int, node: str, at: datetime) -> datetime:
        ctx = self.contexts[number]
        seed = send_seed(self.setup.prospects[number].seed, node)
        return spread(at, ctx.calendar, ctx.tz, seed=seed)

    def _context(self, number: int) -> Context:
        """A person's context; calendar and zone are shared by everybody who has the same."""
        prospect, plan = self.setup.prospects[number], self.plans[number]
        key = (id(plan), prospect.zone if self.setup.use_lead_zone else None)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = context_for(
                plan,
                self.setup.calendar,
                seed="",
                lead_zone=prospect.zone,
                use_lead_zone=self.setup.use_lead_zone,
            )
        return Context(shared.calendar, shared.tz, prospect.seed, prospect.fields)

    def _state(self, number: int) -> State:
        state = self.states[number]
        assert state is not None  # everybody was started first
        return state
