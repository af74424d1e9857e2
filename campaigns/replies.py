"""What a reply is, as far as the engine must know at once: automatic, a wish to be left alone, or human. Pure.

Rules on the stored text, in English, German and Swedish for a start; the operator's classification of intents is built
on top of it. A rule that is not sure says "human": a person then decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

_AUTOMATIC = re.compile(
    r"\b(out of (the )?office|automatic reply|auto[- ]?reply|on (annual|parental|maternity|sick) leave|on vacation"
    r"|on holiday (until|till|from)|away (until|till|from) (my|the|\d)|limited access to (my )?e-?mail"
    r"|abwesenheitsnotiz|nicht im (b[üu]ro|hause)|frånvaro|autosvar|inte på kontoret)\b",
    re.IGNORECASE,
)
_OPT_OUT = re.compile(
    r"\b(unsubscribe|opt[- ]?out|remove me|take me off|(please )?stop (contacting|messaging|writing|e-?mailing)"
    r"|do(n't| not) (contact|message|write( to)?|e-?mail) me|leave me alone"
    r"|no more (messages|e-?mails)|abmelden|avregistrera)\b",
    re.IGNORECASE,
)
_ONLY_STOP = re.compile(r"^\W*(stop|unsubscribe|remove)\W*$", re.IGNORECASE)
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = "|".join(rf"{month[:3]}(?:{month[3:]})?" if len(month) > 3 else month for month in _MONTHS)
_DAY_MONTH = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?({_MONTH})\b(?:\s+(\d{{4}}))?", re.IGNORECASE
)
_MONTH_DAY = re.compile(rf"\b({_MONTH})\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(\d{{4}}))?", re.IGNORECASE)
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_FAR = timedelta(days=300)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply is: ``human``, ``out_of_office`` (with the day of return, if it names one) or ``opt_out``."""

    kind: str
    returns_on: date | None = None


def read(text: str, received_on: date) -> Reading:
    """Read a reply. A wish to be left alone wins over everything else."""
    if _ONLY_STOP.match(text) or _OPT_OUT.search(text):
        return Reading("opt_out")
    if _AUTOMATIC.search(text):
        return Reading("out_of_office", return_date(text, received_on))
    return Reading("human")


def return_date(text: str, received_on: date) -> date | None:
    """The latest date in an automatic reply within the next 300 days: the day they are back, as far as one can tell."""
    found = []
    for year, month, day in _ISO.findall(text):
        found.append(_date(int(year), int(month), int(day)))
    for day, month, year in _DAY_MONTH.findall(text):
        found.append(_near(received_on, month, int(day), year))
    for month, day, year in _MONTH_DAY.findall(text):
        found.append(_near(received_on, month, int(day), year))
    ahead = [day for day in found if day is not None and received_on <= day <= received_on + _FAR]
    return max(ahead, default=None)


def _near(received_on: date, month: str, day: int, year: str) -> date | None:
    number = next(i for i, name in enumerate(_MONTHS, start=1) if name.startswith(month[:3].lower()))
    if year:
        return _date(int(year), number, day)
    this_year = _date(received_on.year, number, day)
    if this_year is not None and this_year >= received_on:
        return this_year
    return _date(received_on.year + 1, number, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
