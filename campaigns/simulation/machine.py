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
from operator import attrgetter

from campaigns.plans import interpreter
from campaigns.plans.schema import Plan, SendNode
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
from campaigns.scheduling import CalendarNeverOpens, local_date, send_seed, spread
from campaigns.scheduling.phones import spread_over_common_hours
from campaigns.simulation.assigning import Senders, choice_of
from campaigns.simulation.budgets import Denied, Ledger
from campaigns.simulation.model import Prospect, Sent, Setup, SimulatedSender
from campaigns.simulation.queues import Queue, Waiting
from campaigns.simulation.texts import Texts

React = Callable[[Sent], Iterable[Event]]

SEND, HEAD, WAKE = range(3)


@dataclass(slots=True)
class _Person:
    """One prospect under way. ``coming`` are the events still ahead, in order; ``timer`` is armed for then.

    ``turn`` counts what became of wanted sends: one on the clock or in a line is wanted while it has this turn;
    ``held`` is the turn that waits for others.
    """

    number: int
    prospect: Prospect
    plan: Plan
    ctx: Context
    state: State
    written: bool = False
    coming: list[Event] = field(default_factory=list)
    timer: datetime | None = None
    turn: int = 0
    held: int = -1


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
    """When people's plans ended, in no order."""
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
        self.senders, self.end = senders, setup.end
        self.ledger = Ledger({**setup.budgets, **setup.domains}, setup.start)
        self.queue = Queue()
        self.waiting: dict[tuple[str, ...], Waiting] = {}
        self._shared: dict[tuple[int, str | None], Context] = {}
        self.people: list[_Person] = []
        self.outcome = Outcome(transitions=[[] for _ in setup.prospects] if traced else [])

    def run(self) -> Outcome:
        """Start everybody and let the clock run to the end of the setup."""
        for number, prospect in enumerate(self.setup.prospects):
            self._begin(number, prospect)
        while (item := self.queue.pop(self.end)) is not None:
            self._work(*item)
        self.outcome.left = sum(1 for person in self.people if not person.state.ended)
        return self.outcome

    # What happens

    def _work(self, at: datetime, kind: int, number: int, payload: object) -> None:
        if kind == HEAD:
            assert isinstance(payload, tuple)
            self._head(at, *payload)
            return
        person = self.people[number]
        if payload != person.turn:
            return
        if kind == SEND:
            self._send(person, at)
        else:
            self._live(person, at)
            if payload == person.turn:
                self._wake(person)

    def _begin(self, number: int, prospect: Prospect) -> None:
        plan, at = prospect.plan or self.setup.plan, self.setup.start
        ctx, state = self._context(prospect, plan), prospect.state
        if state is not None:
            self._resume(_Person(number, prospect, plan, ctx, state, written=True))
            return
        step = interpreter.start(plan, at, ctx)
        person = _Person(number, prospect, plan, ctx, step.state)
        self.people.append(person)
        self._keep(person, step, at)
        if prospect.connected:
            known = Event(
                f"accepted:{prospect.key}", "accepted", at - timedelta(days=1), at, channel="linkedin"
            )
            self._keep(person, interpreter.apply(plan, person.state, known, ctx, now=at), at)
        self._live(person, at)

    def _resume(self, person: _Person) -> None:
        """Take somebody up who is in the campaign already."""
        self.people.append(person)
        state, at = person.state, self.setup.start
        if state.timers:
            person.timer = max(state.timers[0].at, at)
        if state.send:
            self.queue.push(max(state.send.due_at, at), SEND, person.number, person.turn)
        self._live(person, at)

    def _live(self, person: _Person, at: datetime) -> None:
        """Let happen, from ``at`` on, what concerns nobody else: events and timers, up to the person's next send.

        Only sends meet others, at the budgets. All in between is worked in one go, while the person's data are
        at hand, instead of going back and forth between ten thousand people by the clock.
        """
        while True:
            state, timer = person.state, person.timer
            until = self.end
            if state.send is not None:
                until = min(until, max(at, state.send.due_at))
            event = person.coming[0] if person.coming else None
            if event is not None and event.received_at <= until and (not timer or event.received_at <= timer):
                del person.coming[0]
                at = event.received_at
                step = interpreter.apply(person.plan, state, event, person.ctx, now=at)
            elif timer and timer <= until:
                person.timer, at = None, timer
                step = interpreter.timer_due(person.plan, state, at, person.ctx)
            else:
                return
            self._keep(person, step, at)

    def _wake(self, person: _Person) -> None:
        """Put the next event or timer of somebody whose send waits for others on the clock."""
        moments = [event.received_at for event in person.coming[:1]]
        if person.timer:
            moments.append(person.timer)
        if moments:
            self.queue.push(min(moments), WAKE, person.number, person.turn)

    def _hold(self, person: _Person, until: datetime | None = None) -> None:
        """The person's send waits, ``until`` then or in a line; what happens to them meanwhile comes at its time."""
        if until is not None:
            self.queue.push(until, SEND, person.number, person.turn)
        if person.held != person.turn:
            person.held = person.turn
            self._wake(person)

    def _send(self, person: _Person, at: datetime) -> None:
        """Ask every gate in the engine's order, and send."""
        prospect, request = person.prospect, person.state.send
        assert request is not None  # the turn says that it is wanted
        node = person.plan.index[request.node]
        assert isinstance(node, SendNode)
        channel = node.channel
        if channel in prospect.blocked:
            self._refuse(person, node, request.visit, "suppressed", prospect.blocked[channel], at)
            return
        if at != request.due_at and (opens := self._opens(person, node.id, at)) > at:
            self._note(at, "", "calendar", "Outside the sending window")
            self._hold(person, opens)
            return
        if channel == "sms" and (decent := self._decent_hour(person, node.id, at)) > at:
            self._note(at, "", "quiet_hours", "Not a decent hour for a text")
            self._hold(person, decent)
            return
        sender = self.senders.get((prospect.key, channel, choice_of(node)))
        if sender is None:
            self._refuse(person, node, request.visit, "no_sender", f"Nobody sends by {channel}.", at)
            return
        if sender.unavailable:
            self._note(at, sender.key, "sender", f"{sender.name}: {sender.unavailable}")
            self._hold(person, at + timedelta(days=1))
            return
        if sender.frozen and (thaws := sender.thaws(at)) is not None:
            self._note(at, sender.key, "frozen", f"{sender.name} is frozen")
            self._hold(person, thaws)
            return
        if channel not in prospect.addresses:
            self._refuse(person, node, request.visit, "no_address", f"There is no {channel} address.", at)
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
            self._refuse(person, node, request.visit, verdict.code, verdict.problem, at)
            return
        self._charge_and_send(person, node, request.visit, sender, verdict.variant, at)

    def _charge_and_send(
        self, person: _Person, node: SendNode, visit: int, sender: SimulatedSender, variant: str, at: datetime
    ) -> None:
        prospect, plan, ctx = person.prospect, person.plan, person.ctx
        scopes = sender.budgets.get(node.action, ())
        domain = prospect.addresses.get("email", "") if node.channel == "email" else ""
        if domain and domain in self.setup.domains:
            scopes = (*scopes, domain)
        denied = self.ledger.take(scopes, at)
        if denied is not None:
            self._put_in_line(person, node, denied, at)
            return
        try:
            step = interpreter.send_attempted(plan, person.state, node.id, visit, at, ctx)
        except interpreter.SendNotWanted as refusal:
            self.ledger.give_back(scopes, at)
            self._keep(person, refusal.step, at)
        else:
            self._keep(person, step, at)
            self._left(person, Sent(prospect.key, prospect.seed, node.id, visit, node.action, node.channel,
                                    sender.key, variant, at))  # fmt: skip
            result = interpreter.send_result(plan, person.state, node.id, visit, "sent", at, ctx)
            self._keep(person, result, at)
        self._live(person, at)

    def _left(self, person: _Person, sent: Sent) -> None:
        day = local_date(sent.at, self.setup.tz)
        self.outcome.sent[day, sent.sender, sent.action] += 1
        if not person.written and sent.action != "profile_view":
            person.written = True
            self.outcome.first[day] += 1
        if self.traced:
            self.outcome.sends.append(sent)
        person.coming = sorted((*person.coming, *self.react(sent)), key=attrgetter("received_at"))

    def _refuse(
        self, person: _Person, node: SendNode, visit: int, code: str, reason: str, at: datetime
    ) -> None:
        self.outcome.refused[node.id, code] += 1
        step = interpreter.send_result(
            person.plan, person.state, node.id, visit, "refused", at, person.ctx, reason=reason
        )
        self._keep(person, step, at)
        self._live(person, at)

    def _decent_hour(self, person: _Person, node: str, at: datetime) -> datetime:
        """When a text may leave at the earliest; the clock's end where it never may."""
        from_hour, until_hour = self.setup.text_hours
        try:
            return spread_over_common_hours(
                at,
                person.prospect.text_zones or (person.ctx.tz,),
                seed=send_seed(person.prospect.seed, node),
                from_hour=from_hour,
                until_hour=until_hour,
                calendar=person.ctx.calendar,
                tz=person.ctx.tz,
            )
        except CalendarNeverOpens:
            return self.setup.end

    # Waiting for budgets

    def _put_in_line(self, person: _Person, node: SendNode, denied: Denied, at: datetime) -> None:
        """Everybody who waits for one budget waits in one line; only its head is on the clock.

        Whoever is behind the head would be refused for the same reason at a later instant of the same period, so
        the result is the same as if each were tried anew, for a fraction of the work.
        """
        line = (denied.scope, person.ctx.tz.key)
        waiting = self.waiting.setdefault(line, Waiting())
        waiting.join(send_seed(person.prospect.seed, node.id), person.number, person.turn)
        waiting.free_at = max(waiting.free_at or denied.free_at, denied.free_at)
        self._note(at, denied.scope, denied.key, denied.name, len(waiting))
        if waiting.called != (*waiting.head(), waiting.free_at):
            # Whoever joins behind the head changes nothing about when the head is called.
            self._call_head(line, waiting, at)
        self._hold(person)

    def _head(self, at: datetime, line: tuple[str, ...], version: int) -> None:
        waiting = self.waiting[line]
        if version != waiting.version:
            return
        waiting.called = None
        number, turn = waiting.leave()
        if turn == self.people[number].turn:
            self._send(self.people[number], at)
        self._call_head(line, waiting, at)

    def _call_head(self, line: tuple[str, ...], waiting: Waiting, at: datetime) -> None:
        """Put the first who is still wanted on the clock."""
        while waiting and waiting.head()[1] != self.people[waiting.head()[0]].turn:
            waiting.leave()
        waiting.version += 1
        waiting.called = None
        if waiting:
            waiting.called = (*waiting.head(), waiting.free_at)
            number = waiting.head()[0]
            ctx = self.people[number].ctx
            opens = spread(waiting.free_at or at, ctx.calendar, ctx.tz, seed=waiting.head_seed())
            self.queue.push(max(opens, at), HEAD, number, (line, waiting.version))

    # Small things

    def _keep(self, person: _Person, step: Step, at: datetime) -> None:
        person.state = step.state
        self.outcome.steps += 1
        for command in step.commands:
            if isinstance(command, RequestSend):
                person.turn += 1
                self.queue.push(max(command.send.due_at, at), SEND, person.number, person.turn)
            elif isinstance(command, ArmTimer):
                person.timer = max(command.timer.at, at)
            elif isinstance(command, WithdrawSend):
                person.turn += 1
            elif isinstance(command, CancelTimer):
                person.timer = None
            elif isinstance(command, EndEnrollment):
                person.turn += 1
                person.timer = None
                self.outcome.ended[command.ended.outcome] += 1
                self.outcome.ends.append(command.ended.at)
            elif self.traced:
                self._trace(person.number, command)

    def _trace(self, number: int, command: object) -> None:
        path = self.outcome.transitions[number]
        if isinstance(command, RecordTransition):
            path.append(command.transition)
        elif isinstance(command, RetractTransitions):
            path[:] = [one for one in path if one.number <= command.after]

    def _note(self, at: datetime, scope: str, code: str, name: str, count: int = 1) -> None:
        key = (local_date(at, self.setup.tz), scope, code, name)
        self.outcome.waited[key] = max(self.outcome.waited.get(key, 0), count)

    def _opens(self, person: _Person, node: str, at: datetime) -> datetime:
        seed = send_seed(person.prospect.seed, node)
        return spread(at, person.ctx.calendar, person.ctx.tz, seed=seed)

    def _context(self, prospect: Prospect, plan: Plan) -> Context:
        """A person's context; calendar and zone are shared by everybody who has the same."""
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
