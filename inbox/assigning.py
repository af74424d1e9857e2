"""Who gets a conversation: the choice that a rule makes among people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who may answer the conversation's client. ``key`` orders them, and is what a turn is remembered by."""

    key: str
    name: str
    open: int = 0
    #: Most that rules give them; 0: no limit.
    most: int = 0
    is_at_work: bool = True
    is_online: bool = True
    #: Has answered this lead before.
    knows_them: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rule asks of people."""

    method: str
    in_working_hours: bool = True
    online_only: bool = False
    last_given_to: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who gets it, and why; nobody with the reason why not."""

    key: str
    reason: str


def choose(wanted: Wanted, people: Sequence[Candidate]) -> Choice:
    """Choose among people; never somebody away, off duty or full where the rule minds."""
    left = [
        person
        for person in people
        if (person.is_at_work or not wanted.in_working_hours)
        and (person.is_online or not wanted.online_only)
        and (not person.most or person.open < person.most)
    ]
    if not left:
        return Choice("", "nobody is at work and free" if people else "the rule names nobody who may answer")
    if wanted.method == "owner":
        known = [person for person in left if person.knows_them]
        if not known:
            return Choice("", "nobody who knows them is free")
        best = min(known, key=lambda person: (person.open, person.key))
        return Choice(best.key, f"{best.name} has answered them before")
    if wanted.method == "load":
        best = min(left, key=lambda person: (person.open, person.key))
        return Choice(best.key, f"{best.name} has the fewest open, {best.open}")
    turn = sorted(left, key=lambda person: person.key)
    following = [person for person in turn if person.key > wanted.last_given_to]
    best = (following or turn)[0]
    return Choice(best.key, f"it is {best.name}'s turn")
