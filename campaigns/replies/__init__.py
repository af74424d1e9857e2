"""What a reply is, as far as the engine must know at once: automatic, a wish to be left alone, or human. Pure.

Rules in English, German, French, Spanish, Italian, Dutch, Portuguese, Polish, Swedish, Danish and Norwegian on the new
text of a message, quotes taken off; the operator's classification of intents is built on top of it. A rule that is not
sure says "human": a person then decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from campaigns.replies import dates
from campaigns.replies.phrases import (
    ALONE_PATTERN,
    AWAY_PATTERN,
    ENGAGED,
    LATER,
    MACHINE,
    NEGATION,
    OPT_OUT_PATTERN,
    START_WORDS,
    STOP_WORDS,
    fold,
)

__all__ = ["Kind", "Reading", "read", "return_date"]

Kind = Literal["human", "out_of_office", "opt_out", "opt_in", "automatic"]

#: Whoever wants no more says so early; what follows is quotes and small print.
_LOOKED_AT = 4000
_SENTENCES = re.compile(r"(?<=[.!?;])\s+|\n+")
_SIGNATURE = re.compile(r"^(?:-- ?|_{5,}|-{5,})$", re.MULTILINE)
_OPENS_AUTOMATIC = re.compile(
    r"^\W*(?:auto(?:matic|mated)?[- ]?(?:reply|response)|automatische antwort|abwesenheit\w*|reponse automatique"
    r"|respuesta automatica|risposta automatica|automatisch antwoord|resposta automatica|automatyczna odpowiedz"
    r"|autosvar|automatiskt? svar|out of (?:the )?office)"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply is.

    ``human``; ``out_of_office`` (with the day of return, if it names one); ``opt_out``; ``opt_in`` (an SMS that takes a
    STOP back); ``automatic`` (written by a machine and no note of absence: nobody has answered).
    """

    kind: Kind
    returns_on: date | None = None


def read(
    text: str, received_on: date, *, channel: str = "", subject: str = "", is_automatic: bool = False
) -> Reading:
    """Read a reply. ``is_automatic`` is what its headers say; a person's wish to be left alone wins over the rest.

    What a machine wrote is never a wish of anybody: ticket systems put "unsubscribe" under everything.
    """
    folded = fold(_SIGNATURE.split(text, maxsplit=1)[0][:_LOOKED_AT])
    title = fold(subject)[:200]
    if is_automatic:
        away = AWAY_PATTERN.search(folded) or AWAY_PATTERN.search(title)
        return (
            Reading("out_of_office", dates.return_date(folded, received_on)) if away else Reading("automatic")
        )
    if channel == "sms":
        word = folded.strip(" \n.!\"'")
        if word in STOP_WORDS:
            return Reading("opt_out")
        if word in START_WORDS:
            return Reading("opt_in")
    if _opts_out(folded) or (not folded.strip() and ALONE_PATTERN.match(title)):
        return Reading("opt_out")
    if _is_away(folded, title):
        return Reading("out_of_office", dates.return_date(folded, received_on))
    return Reading("human")


def return_date(text: str, received_on: date) -> date | None:
    """The day on which the writer of an automatic note is back, as far as one can tell."""
    return dates.return_date(fold(text), received_on)


def _opts_out(folded: str) -> bool:
    return any(_asks_to_stop(sentence) for sentence in _SENTENCES.split(folded) if sentence.strip())


def _asks_to_stop(sentence: str) -> bool:
    if MACHINE.search(sentence):
        return False
    if ALONE_PATTERN.match(sentence):
        return True
    for found in OPT_OUT_PATTERN.finditer(sentence):
        turned = NEGATION.search(sentence[: found.start()])
        if turned is None and LATER.search(sentence[found.end() :]) is None:
            return True
    return False


def _is_away(folded: str, title: str) -> bool:
    """Whether it is a note of absence. Somebody who asks or agrees is answering, wherever they are."""
    if _OPENS_AUTOMATIC.match(folded) or _OPENS_AUTOMATIC.match(title):
        return True
    return bool(AWAY_PATTERN.search(folded)) and not ENGAGED.search(folded)
