"""What a human reply means for whoever sells: a rule-based reading with the words that it rests on. Pure.

The rules are a first guess that operators see with its reason and may correct; they judge variants meanwhile
(``campaigns.statistics``). Order matters: a refusal wins over politeness ("sounds great, but not for us"), a wrong
person over a referral's friendly words, "later" over both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from campaigns.replies import read
from campaigns.replies.intent_phrases import (
    INTERESTED,
    NOT_INTERESTED,
    NOT_NOW,
    REFERRAL,
    WRONG_PERSON,
    one_of,
)
from campaigns.replies.phrases import fold

#: Which rules a stored reading was made by; raise it when they change.
VERSION: Final = "rules-1"
_LOOKED_AT: Final = 4_000


class Intent(StrEnum):
    """What a reply means."""

    INTERESTED = "interested"
    QUESTION = "question"
    REFERRAL = "referral"
    NOT_NOW = "not_now"
    NOT_INTERESTED = "not_interested"
    WRONG_PERSON = "wrong_person"
    OUT_OF_OFFICE = "out_of_office"
    UNSUBSCRIBE = "unsubscribe"
    AUTOMATIC = "automatic"
    UNCLEAR = "unclear"


#: Intents that count for a variant (``campaigns.statistics``): somebody wants to go on talking.
POSITIVE: Final = frozenset({Intent.INTERESTED, Intent.QUESTION, Intent.REFERRAL})
#: Intents that are no answer of a person at all: never counted as a reply.
NO_REPLY: Final = frozenset({Intent.OUT_OF_OFFICE, Intent.AUTOMATIC})

_ORDERED: Final = (
    (Intent.WRONG_PERSON, one_of(WRONG_PERSON)),
    (Intent.NOT_NOW, one_of(NOT_NOW)),
    (Intent.NOT_INTERESTED, one_of(NOT_INTERESTED)),
    (Intent.REFERRAL, one_of(REFERRAL)),
    (Intent.INTERESTED, one_of(INTERESTED)),
)
_REFERRAL = one_of(REFERRAL)


@dataclass(frozen=True, slots=True)
class Judgement:
    """An intent, the words of the reply that it rests on (folded), and the day that an absence ends."""

    intent: Intent
    because: str = ""
    returns_on: date | None = None

    @property
    def is_positive(self) -> bool:
        """Whether it speaks for the message that it answers."""
        return self.intent in POSITIVE


def judge(
    text: str, received_on: date, *, channel: str = "", subject: str = "", is_automatic: bool = False
) -> Judgement:
    """Read what a reply means. ``text`` is the new text without quotes; the rest is as for ``replies.read``."""
    reading = read(text, received_on, channel=channel, subject=subject, is_automatic=is_automatic)
    if reading.kind == "opt_out":
        return Judgement(Intent.UNSUBSCRIBE, "asks not to be written to")
    if reading.kind == "out_of_office":
        return Judgement(Intent.OUT_OF_OFFICE, "a note of absence", reading.returns_on)
    if reading.kind == "automatic":
        return Judgement(Intent.AUTOMATIC, "written by a machine")
    folded = fold(text[:_LOOKED_AT])
    for intent, pattern in _ORDERED:
        found = pattern.search(folded)
        if found is None:
            continue
        if intent is Intent.WRONG_PERSON and _REFERRAL.search(folded):
            # "I am not the right person, please write to my colleague": the way goes on.
            return Judgement(Intent.REFERRAL, _REFERRAL.search(folded)[0])  # type: ignore[index]
        return Judgement(intent, found[0].strip()[:120])
    if "?" in text:
        return Judgement(Intent.QUESTION, "asks something")
    return Judgement(Intent.UNCLEAR)
