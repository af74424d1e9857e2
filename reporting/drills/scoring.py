"""The score of a drill: what was lost or left twice, what ended otherwise, and whether it all came in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reporting.drills.catalogue import Drill
from reporting.drills.outreach import PEOPLE, Outreach

#: How one person stands at the end: what became of the enrollment, and what was said.
State = Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a drill measured. Times are seconds: ``fault_s`` how long it stayed broken (0 where the installation mends
    it by itself), ``detected_s`` from the strike to the notice, ``recovered_s`` from the mending to the same end.

    ``left_behind`` says what of the drill could not be put back or removed; it does not decide whether it passed.
    """

    name: str
    passed: bool
    fault_s: float
    detected_s: float | None
    recovered_s: float | None
    lost: int
    sent_twice: int
    same: bool
    problems: list[str]
    left_behind: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an outreach ended: how each person stands here, and how often each thing left by the provider's own log."""

    state: State
    sent: Counter[str]

    @classmethod
    def of(cls, outreach: Outreach) -> Outcome:
        """Return how an outreach stands now, without what tells two of them apart."""
        return cls(state=outreach.state(), sent=outreach.sent())

    def differences(self, undisturbed: Outcome) -> list[str]:
        """Say who ended otherwise than in the undisturbed run."""
        return [
            f"Person {number} ended as {self.state.get(number)}, undisturbed as {row}"
            for number, row in undisturbed.state.items()
            if self.state.get(number) != row
        ]

    def missing(self, undisturbed: Outcome) -> int:
        """Count what did not leave, and what was said and is not known here."""
        unsent = sum((Counter(set(undisturbed.sent)) - Counter(set(self.sent))).values())
        unknown = sum(
            len(Counter(row["messages"]) - Counter(self.state.get(number, {}).get("messages", [])))
            for number, row in undisturbed.state.items()
        )
        return unsent + unknown

    def repeated(self) -> dict[str, int]:
        """Return what left more than once, and how often."""
        return {words: count for words, count in self.sent.items() if count > 1}


def judge(
    drill: Drill,
    struck: Outcome,
    undisturbed: Outcome,
    *,
    fault_s: float,
    detected_s: float | None,
    recovered_s: float | None,
) -> Score:
    """Return the score of a drill by how both of its runs ended."""
    repeated = struck.repeated()
    lost = struck.missing(undisturbed)
    twice = sum(count - 1 for count in repeated.values())
    problems = [
        *struck.differences(undisturbed),
        *(f"Left {count} times: {words}" for words, count in repeated.items()),
        *_late("noticed", detected_s, drill.notice_within),
        *_late("as undisturbed again", recovered_s, drill.limit_s),
    ]
    if len(undisturbed.state) < PEOPLE or undisturbed.repeated():
        problems.append("The undisturbed run itself is no measure.")
    return Score(
        name=drill.name,
        passed=not problems and not lost,
        fault_s=fault_s,
        detected_s=None if detected_s is None else round(detected_s, 2),
        recovered_s=None if recovered_s is None else round(recovered_s, 2),
        lost=lost,
        sent_twice=twice,
        same=struck.state == undisturbed.state,
        problems=problems,
    )


def _late(what: str, seconds: float | None, limit: float) -> list[str]:
    if seconds is None:
        return [f"It was not {what}."]
    return [f"It was {what} after {seconds:.1f} s; the limit is {limit:g} s."] if seconds > limit else []
