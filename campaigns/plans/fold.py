"""Computing where an enrollment is: from a checkpoint along the facts in order of occurrence.

This is the whole meaning of a plan. It never looks at the order in which events arrived, at the clock or at
what was computed before, so late, repeated and reordered events come out right by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter

from campaigns.plans.conditions import decide, fields_of
from campaigns.plans.facts import (
    ALL_CHANNELS,
    ENDING,
    OWN,
    blocked_channels,
    event_key,
    stage_after,
    stage_of_outcome,
)
from campaigns.plans.schema import COUNTERPART, BranchNode, Plan, SendNode, StopNode, Value, WaitNode
from campaigns.plans.schema import Transition as Way
from campaigns.plans.state import (
    BranchFields,
    Cause,
    Checkpoint,
    Context,
    Ended,
    EndOutcome,
    Event,
    Key,
    Phase,
    SendRequest,
    State,
    Timer,
    Transition,
    stronger,
)
from campaigns.plans.wording import end_reason, ending_event_reason, event_reason, timer_reason
from campaigns.scheduling import add_duration, send_seed, spread, start_of_day

VISIT_LIMIT = 5
"""How often a node may be visited by one enrollment."""

_RANK_TIMER = 6
_RANK_KNOWN = 7
"""At one instant: what people do first, then time, then what was known before."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Something that could happen next: a way out of the node, or an end. Few are taken: reasons are written then."""

    key: Key
    cause: Cause
    reason: Callable[[], str]
    to: str = ""
    on: str = ""
    outcome: EndOutcome | None = None


_BY_KEY = attrgetter("key")


class Walk:
    """One computation. ``run`` leaves the result in ``state``."""

    def __init__(
        self,
        plan: Plan,
        checkpoint: Checkpoint,
        facts: tuple[Event, ...],
        now: datetime,
        ctx: Context,
        seen_fields: BranchFields = (),
    ) -> None:
        self.plan, self.checkpoint, self.facts, self.now, self.ctx = plan, checkpoint, facts, now, ctx
        self.keyed = sorted(
            ((event_key(event, checkpoint.barrier), event) for event in facts), key=lambda pair: pair[0]
        )
        self.node_id, self.visit = checkpoint.node, checkpoint.visit
        self.entered_at, self.cursor = checkpoint.entered_at, checkpoint.cursor
        self.attempted_at = checkpoint.attempted_at
        self.visits = dict(checkpoint.visits)
        self.seen_fields = dict(seen_fields)
        self.branch_fields: dict[str, tuple[tuple[str, Value], ...]] = {}
        self.path: list[Transition] = []
        self.ended: Ended | None = None

    def run(self) -> State:
        """Walk until nothing more can happen up to now."""
        while True:
            node = self.plan.node(self.node_id)
            if isinstance(node, StopNode):
                self._stop(node)
                return self._state("ended", [])
            if isinstance(node, BranchNode):
                self._branch(node)
            else:
                candidates = sorted(self._candidates(node), key=_BY_KEY)
                if not candidates or candidates[0].key[0] > self.now:
                    return self._rest(node, candidates)
                self._take(candidates[0])
            if self.ended:
                return self._state("ended", [])

    # What can happen at a node

    def _candidates(self, node: SendNode | WaitNode) -> Iterator[_Candidate]:
        sent_at = self._sent_at()
        for key, event in self.keyed:
            if key > self.cursor:
                yield from self._event_candidates(node, key, event, sent_at)
        anchor = self.entered_at if isinstance(node, WaitNode) else sent_at
        if anchor is None:
            yield from self._needless_invitation(node)
            return
        for index, way in enumerate(node.transitions):
            due = self._synthetic_due(node, way, anchor)
            if due is not None:
                key = (due, _RANK_TIMER, due, "", index)
                cause = Cause("timer", self._timer_key(way.on, index))
                yield _Candidate(key, cause, partial(timer_reason, node, way), way.to, way.on)

    def _event_candidates(
        self, node: SendNode | WaitNode, key: Key, event: Event, sent_at: datetime | None
    ) -> Iterator[_Candidate]:
        own = self._belongs(node, event)
        cause = Cause("event", event.id)
        matched = False
        for index, way in enumerate(node.transitions if own else ()):
            if way.on == event.kind and self._within(node, way, event, sent_at):
                matched = True
                fire = (
                    key[0] if way.after is None else max(key[0], self._add(event.occurred_at, way.after, way))
                )
                delayed = (fire, key[1], key[2], key[3], index)
                yield _Candidate(delayed, cause, partial(event_reason, event, way), way.to, way.on)
        if matched:
            return
        if event.kind in ENDING:
            why = partial(ending_event_reason, event)
            yield _Candidate(key, cause, why, outcome=ENDING[event.kind])
        elif own and isinstance(node, SendNode) and event.kind == "failed":
            yield _Candidate(key, cause, partial(ending_event_reason, event), outcome="error")
        elif own and isinstance(node, SendNode) and event.kind == "sent" and not node.transitions:
            yield _Candidate(key, cause, partial(end_reason, "completed"), outcome="completed")

    def _needless_invitation(self, node: SendNode | WaitNode) -> Iterator[_Candidate]:
        """Who is connected already is not invited: the way of the acceptance is taken at once."""
        if (
            not isinstance(node, SendNode)
            or node.action != "invite"
            or self.attempted_at
            or not self._connected()
        ):
            return
        for index, way in enumerate(node.transitions):
            if way.on == "accepted":
                at = self._add(self.entered_at, way.after, way) if way.after else self.entered_at
                cause = Cause("rule", "already_connected")
                key = (at, _RANK_KNOWN, at, "", index)
                yield _Candidate(key, cause, _connected_already, way.to, way.on)

    def _connected(self) -> bool:
        """Whether an acceptance is known from before this visit."""
        if any(kind == "accepted" for kind, _ in self.checkpoint.happened):
            return True
        return any(event.kind == "accepted" and key <= self.cursor for key, event in self.keyed)

    def _belongs(self, node: SendNode | WaitNode, event: Event) -> bool:
        """Whether ``event`` may count for this visit of ``node``."""
        if event.kind not in OWN or isinstance(node, WaitNode):
            return True
        if self.attempted_at is None:
            return False
        return event.node in (None, self.node_id) and event.visit in (None, self.visit)

    def _within(self, node: SendNode | WaitNode, way: Way, event: Event, sent_at: datetime | None) -> bool:
        """Whether ``event`` occurred in the window of ``way``. Before the send nothing has run out yet."""
        if way.within is None:
            return True
        anchor = self.entered_at if isinstance(node, WaitNode) else (sent_at or self.attempted_at)
        return anchor is None or event.occurred_at <= self._add(anchor, way.within, way)

    def _synthetic_due(self, node: SendNode | WaitNode, way: Way, anchor: datetime) -> datetime | None:
        """When the synthetic event of ``way`` happens; None if it is none, or the real event came first."""
        if way.on == "elapsed" and isinstance(node, WaitNode):
            return self._add(anchor, node.duration, node)
        real = COUNTERPART.get(way.on)
        if real is None or way.after is None:
            return None
        due = self._add(anchor, way.after, way)
        came = any(
            event.kind == real and self.cursor < key and key[0] <= due and self._belongs(node, event)
            for key, event in self.keyed
        )
        return None if came else due

    def _sent_at(self) -> datetime | None:
        """When this visit's message left, once that is known; never before the attempt (clocks differ)."""
        if self.attempted_at is None:
            return None
        times = [
            event.occurred_at
            for event in self.facts
            if event.kind == "sent" and event.node == self.node_id and event.visit in (None, self.visit)
        ]
        return max(self.attempted_at, min(times)) if times else None

    # Moving

    def _take(self, candidate: _Candidate) -> None:
        if candidate.outcome:
            self._end(candidate.outcome, candidate.reason(), candidate.cause, candidate.key[0])
        else:
            self._go(candidate.to, candidate.cause, candidate.reason(), candidate.key)

    def _go(self, to: str, cause: Cause, reason: str, key: Key) -> None:
        at = key[0]
        visit = self.visits.get(to, 0) + 1
        if visit > VISIT_LIMIT:
            text = f"{to} was already visited {VISIT_LIMIT} times."
            self._end("completed", text, Cause("rule", "visit_limit"), at)
            return
        self.path.append(Transition(self._next_number(), self.node_id, to, visit, cause, reason, at))
        self.visits[to] = visit
        self.node_id, self.visit, self.entered_at, self.cursor = to, visit, at, key
        self.attempted_at = None
        node = self.plan.node(to)
        if isinstance(node, SendNode) and not self._blocked().isdisjoint((node.channel, ALL_CHANNELS)):
            text = f"They opted out of {node.channel}: nothing more is sent there."
            self._end("unsubscribed", text, Cause("rule", "opted_out"), at)

    def _branch(self, node: BranchNode) -> None:
        visit = f"{node.id}:{self.visit}"
        seen = self.seen_fields.get(visit)
        if seen is None:
            seen = tuple((name, _plain(self.ctx.fields.get(name))) for name in fields_of(node))
        if seen:
            self.branch_fields[visit] = seen
        past = [event for key, event in self.keyed if key <= self.cursor]
        stage = self.checkpoint.stage
        for event in past:
            stage = stage_after(self.plan, event, stage)
        happened = [*self.checkpoint.happened, *((event.kind, event.node or "") for event in past)]
        to, reason = decide(node, {**dict(seen), "enrollment.stage": stage}, happened)
        self._go(to, Cause("rule", node.id), reason, self.cursor)

    def _stop(self, node: StopNode) -> None:
        cause = self.path[-1].cause if self.path else Cause("rule", node.id)
        self.ended = Ended(node.outcome, end_reason(node.outcome), cause, node.id, self.entered_at)

    def _end(self, outcome: EndOutcome, reason: str, cause: Cause, at: datetime) -> None:
        self.path.append(Transition(self._next_number(), self.node_id, "", self.visit, cause, reason, at))
        self.ended = Ended(outcome, reason, cause, self.node_id, at)

    # Coming to rest

    def _rest(self, node: SendNode | WaitNode, candidates: list[_Candidate]) -> State:
        timers = [self._timer(candidate) for candidate in candidates if candidate.to]
        if isinstance(node, WaitNode):
            return self._state("waiting", timers)
        if self.attempted_at is not None:
            return self._state("listening" if self._sent_at() else "in_flight", timers)
        if timers:
            return self._state("held", timers)
        return self._state("due", timers, SendRequest(self.node_id, self.visit, self._due_at()))

    def _timer(self, candidate: _Candidate) -> Timer:
        key = self._timer_key(candidate.on, candidate.key[4])
        return Timer(key, self.node_id, self.visit, candidate.on, candidate.to, candidate.key[0])

    def _due_at(self) -> datetime:
        """When the send of this visit may leave: not while away, then the next opening, spread."""
        ready = self.entered_at
        here = (self.node_id, self.visit) == (self.checkpoint.node, self.checkpoint.visit)
        if here and self.checkpoint.not_before:
            ready = max(ready, self.checkpoint.not_before)
        if self.checkpoint.away_until:
            back = start_of_day(self.checkpoint.away_until + timedelta(days=1), self.ctx.tz)
            ready = max(ready, back)
        seed = send_seed(self.ctx.seed, self.node_id)
        return spread(ready, self.ctx.calendar, self.ctx.tz, seed=seed)

    def _state(self, phase: Phase, timers: list[Timer], send: SendRequest | None = None) -> State:
        stage = self.checkpoint.stage
        for event in self.facts:
            stage = stage_after(self.plan, event, stage)
        if self.ended:
            stage = stronger(stage, stage_of_outcome(self.ended.outcome))
        return State(
            checkpoint=self.checkpoint,
            facts=tuple(event for _, event in self.keyed),
            as_of=self.now,
            node=self.node_id,
            visit=self.visit,
            phase=phase,
            since=self.entered_at,
            stage=stage,
            path=tuple(self.path),
            timers=tuple(timers),
            send=send,
            ended=self.ended,
            branch_fields=tuple(sorted(self.branch_fields.items())),
        )

    # Small things

    def _blocked(self) -> set[str]:
        past = [(key, event) for key, event in self.keyed if key <= self.cursor]
        return blocked_channels(self.plan, self.checkpoint, self.path, past)

    def _add(self, start: datetime, duration: str, rule: Way | WaitNode) -> datetime:
        return add_duration(
            start, duration, working_days=rule.working_days, calendar=self.ctx.calendar, tz=self.ctx.tz
        )

    def _timer_key(self, event: str, index: int) -> str:
        return f"{self.node_id}:{self.visit}:timer:{event}:{index}"

    def _next_number(self) -> int:
        return self.checkpoint.path_length + len(self.path) + 1


def _connected_already() -> str:
    return "They were connected already."


def _plain(value: object) -> Value:
    """A field value as conditions compare it: lists become tuples, anything unknown becomes text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        items = [item if isinstance(item, str | int | float | bool) else str(item) for item in value]
        return tuple(items)
    return str(value)
