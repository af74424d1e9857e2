"""The day on which somebody is back, as their note says it: numbers, months and weekdays of ten languages. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

#: A note about a day further ahead is about something else.
FAR = timedelta(days=300)

_MONTHS = (
    "january jan januar januari janvier janv enero ene gennaio gen janeiro stycznia styczen",
    "february feb februar februari fevrier fevr febrero febbraio fevereiro fev lutego luty",
    "march mar marz maerz maart mars marzo marco marca marzec mrt marts",
    "april apr avril avr abril abr aprile kwietnia kwiecien",
    "may mai mei maio mayo maggio mag maja maj",
    "june jun juni juin junio giugno giu junho czerwca czerwiec",
    "july jul juli juillet juil julio luglio lug julho lipca lipiec",
    "august aug augustus augusti aout agosto ago sierpnia sierpien",
    "september sep sept septembre septiembre settembre set setembro wrzesnia wrzesien",
    "october oct oktober okt octobre octubre ottobre ott outubro out pazdziernika pazdziernik",
    "november nov novembre noviembre novembro listopada listopad",
    "december dec dezember dez decembre diciembre dic dicembre dezembro grudnia grudzien des desember",
)
MONTH_OF = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_MONTH = "|".join(sorted(MONTH_OF, key=len, reverse=True))
_WEEKDAYS = (
    "monday montag lundi lunes lunedi maandag segunda-feira poniedzialku poniedzialek mandag",
    "tuesday dienstag mardi martes martedi dinsdag terca-feira wtorku wtorek tisdag tirsdag",
    "wednesday mittwoch mercredi miercoles mercoledi woensdag quarta-feira srody sroda onsdag",
    "thursday donnerstag jeudi jueves giovedi donderdag quinta-feira czwartku czwartek torsdag",
    "friday freitag vendredi viernes venerdi vrijdag sexta-feira piatku piatek fredag",
    "saturday samstag samedi sabado sabato zaterdag soboty sobota lordag",
    "sunday sonntag dimanche domingo domenica zondag niedzieli niedziela sondag",
)
WEEKDAY_OF = {name: number for number, names in enumerate(_WEEKDAYS) for name in names.split()}
_WEEKDAY = re.compile(
    r"\b(?:until|till|back(?: in the office)?(?: on)?|return(?:ing)?(?: on)?|from|bis|ab|am|jusqu'?a?u?|le"
    r"|hasta el|el|fino a|da|tot|op|vanaf|ate|na|do|w|od|till|pa|til|fra|fram till)\s+"
    r"(?:next |including |einschliesslich )?"
    rf"({'|'.join(sorted(WEEKDAY_OF, key=len, reverse=True))})\b"
)
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_NUMBERS = re.compile(r"\b(\d{1,2})([./-])(\d{1,2})(?:\2(\d{4}|\d{2}))?(?!\d|[./-]\d)")
_DAY_MONTH = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th|er|e|\.|º|o)?\s*(?:of |de |den |di )?\s*({_MONTH})\b\.?(?:,? (?:de )?(\d{{4}}))?"
)
_MONTH_DAY = re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,? (\d{{4}}))?")


def return_date(folded: str, received_on: date) -> date | None:
    """The latest date that a note names within 300 days of its receipt, else the weekday; ``None`` if it names none.

    ``folded`` is the text as ``phrases.fold`` makes it.
    """
    ahead = [day for day in _named(folded, received_on) if received_on <= day <= received_on + FAR]
    if ahead:
        return max(ahead)
    found = _WEEKDAY.search(folded)
    if found is None:
        return None
    distance = (WEEKDAY_OF[found[1]] - received_on.weekday()) % 7 or 7
    return received_on + timedelta(days=distance)


def _named(text: str, received_on: date) -> Iterator[date]:
    for year, month, day in _ISO.findall(text):
        yield from _day(int(year), int(month), int(day))
    for day, month, year in _DAY_MONTH.findall(text):
        yield from _near(received_on, MONTH_OF[month], int(day), year)
    for month, day, year in _MONTH_DAY.findall(text):
        yield from _near(received_on, MONTH_OF[month], int(day), year)
    for first, sign, second, year in _NUMBERS.findall(text):
        yield from _numeric(received_on, int(first), int(second), year, sign)


def _numeric(received_on: date, first: int, second: int, year: str, sign: str) -> Iterator[date]:
    """``24.12.``, ``24/12/2026``: the day first, unless only the month can be."""
    if sign == "-" and not year:
        return  # a range such as 9-17, not a date
    full = f"20{year}" if len(year) == 2 else year
    if second <= 12:
        yield from _near(received_on, second, first, full)
    elif first <= 12 and sign == "/":
        yield from _near(received_on, first, second, full)


def _near(received_on: date, month: int, day: int, year: str) -> Iterator[date]:
    """The date; without a year the next one of that name."""
    if year:
        yield from _day(int(year), month, day)
        return
    for candidate in (received_on.year, received_on.year + 1):
        for found in _day(candidate, month, day):
            if found >= received_on:
                yield found
                return


def _day(year: int, month: int, day: int) -> Iterator[date]:
    try:
        yield date(year, month, day)
    except ValueError:
        return
