"""What of a mail's text is new: without the quoted mail below (or above) it.

The words that mail programs put over what they quote come from ``mail-parser-reply`` for its languages, plus
a few that it lacks. Its patterns are only tried on short lines and a bounded number of them, since text is
written by strangers and patterns that backtrack take their time.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from mailparser_reply import EmailReplyParser
from mailparser_reply.constants import MAIL_LANGUAGES

#: Lines, characters of a line and characters in all that are searched for the head of a quote.
MAX_LINES: Final = 1000
MAX_LINE: Final = 240
MAX_PROBE: Final = 60_000

#: Portuguese, Norwegian, Finnish, Russian, Turkish, Hungarian: a line that says who wrote when.
_ALSO_WROTE: Final = re.compile(
    r"^(?=.{8,240}$)(?=.*[\d@]).*(?:escreveu|skrev følgende|skrev|kirjoitti|пишет|написал(?:\(а\)|а)?|"  # noqa: RUF001
    r"yazdı|írta|a scris|wrote|schrieb|a écrit|escribió|ha scritto|schreef|napisał\(a\)|napsal(?:\(a\)|a)?)"  # noqa: RUF001
    r"[^\n]{0,80}:\s*$",
    re.IGNORECASE,
)
#: "-----Original Message-----" in the languages of Outlook, and what forwards begin with.
_ORIGINAL: Final = re.compile(
    r"^[-_ ]{3,}\s*(?:original message|original appointment|ursprüngliche nachricht|message d'origine|"
    r"mensaje original|messaggio originale|oorspronkelijk bericht|mensagem original|oprindelig meddelelse|"
    r"ursprungligt meddelande|wiadomość oryginalna|původní zpráva|opprinnelig melding|alkuperäinen viesti|"
    r"исходное сообщение|forwarded message|weitergeleitete nachricht)\s*[-_ ]{3,}\s*$",
    re.IGNORECASE,
)
#: When and who, without a word for it: "20 Nov 2026, Erik Sand <erik@acme.example>:".
_WHEN_AND_WHO: Final = re.compile(r"^(?=.*\d{1,2}[:.]\d{2}).{6,200}<[^<>\s]+@[^<>\s]+>:\s*$")
_RULE: Final = re.compile(r"^_{20,}$")
_HEAD_FIELD: Final = re.compile(r"^[*>\s]*[^\W\d_][\w .-]{0,20}\s?:[*\s]*\S")
_ADDRESS: Final = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")
_QUOTED: Final = re.compile(r"^\s?>")


def new_text(text: str, *, before_marked_quote: str = "") -> str:
    """Return the part of ``text`` that its author wrote now; all of it if no quote can be told.

    ``before_marked_quote`` is what stands before a quote that the HTML marks as one: it wins where it says
    anything, since marks are surer than words.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    marked = before_marked_quote.strip()
    if marked:
        marked_lines = marked.split("\n")
        above = _without_signature(marked_lines[: _head_of_quote(marked_lines)])
        return above or marked
    above = _without_signature(_without_quotes(lines[: _head_of_quote(lines)]))
    if above:
        return above
    # Written below the quote, or between its lines.
    between = _without_signature(_without_quotes(_without_heads(lines)))
    return between or text.strip()


def _head_of_quote(lines: list[str]) -> int:
    """Return the number of the line where the quoted mail begins, the number of lines if there is none."""
    probe = _probe(lines)
    found = [_by_library(probe), _by_own_words(probe)]
    return min([at for at in found if at is not None], default=len(lines))


def _probe(lines: list[str]) -> list[str]:
    probe, size = [], 0
    for line in lines[:MAX_LINES]:
        short = line.strip()[:MAX_LINE]
        size += len(short) + 1
        if size > MAX_PROBE:
            break
        probe.append(short)
    return probe


def _by_library(probe: list[str]) -> int | None:
    text = "\n".join(probe)
    match = _head_pattern().search(text)
    if match is None:
        return None
    at = match.start() + (len(match.group()) - len(match.group().lstrip("\n")))
    return text.count("\n", 0, at)


def _by_own_words(probe: list[str]) -> int | None:
    for number, line in enumerate(probe):
        if _ORIGINAL.match(line):
            return number
        if (
            _ALSO_WROTE.match(line)
            or _WHEN_AND_WHO.match(line)
            or (
                number + 1 < len(probe)
                and line
                and not line.endswith((":", ".", "!", "?"))
                and _ADDRESS.search(f"{line} {probe[number + 1]}")
                and _ALSO_WROTE.match(f"{line} {probe[number + 1]}"[:MAX_LINE])
            )
        ):
            return number
        if _RULE.match(line) and sum(bool(_HEAD_FIELD.match(n)) for n in probe[number + 1 : number + 7]) >= 2:
            return number
        if _is_outlook_head(probe, number):
            return number
    return None


def _is_outlook_head(probe: list[str], number: int) -> bool:
    """Four lines of ``Word: something`` on end, the first one with an address or a name, whatever language."""
    block = probe[number : number + 4]
    previous = probe[number - 1] if number else ""
    return (
        len(block) == 4
        and not previous
        and all(_HEAD_FIELD.match(line) for line in block)
        and any(_ADDRESS.search(line) for line in block)
    )


@cache
def _head_pattern() -> re.Pattern[str]:
    """The library's pattern for the heads of quotes in all its languages."""
    languages = [name for name in MAIL_LANGUAGES if name != "david"]
    pattern: re.Pattern[str] = EmailReplyParser(languages=languages).read("").HEADER_REGEX
    return pattern


def _without_quotes(lines: list[str]) -> list[str]:
    return [line for line in lines if not _QUOTED.match(line)]


def _without_heads(lines: list[str]) -> list[str]:
    """Drop the lines that only introduce a quote: those directly above quoted lines that end in a colon."""
    kept: list[str] = []
    for line in lines:
        if _QUOTED.match(line):
            while kept and not kept[-1].strip():
                kept.pop()
            for _ in range(2):
                if kept and (kept[-1].rstrip().endswith(":") or _ADDRESS.search(kept[-1])):
                    kept.pop()
        kept.append(line)
    return kept


def _without_signature(lines: list[str]) -> str:
    """Cut at the delimiter of RFC 3676 section 4.3, unless nothing would be left."""
    for number, line in enumerate(lines):
        if line.rstrip() == "--" and "\n".join(lines[:number]).strip():
            lines = lines[:number]
            break
    while lines and _RULE.match(lines[-1].strip()):
        lines = lines[:-1]
    return "\n".join(lines).strip()
