"""Proofreading: what a careful colleague would object to in a text before it goes to a thousand people.

Works on templates (before a lead is known) and on rendered texts alike. A ``FAULT`` should keep a text from leaving;
an ``ADVICE`` is shown and decided by people. Pure.

Figures: mailbox providers name deceptive ``Re:`` subjects, shortened links and shouting as reasons to filter
(docs/compliance.md); lengths are common practice and only ever advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from campaigns.rendering.lengths import sms_segments
from campaigns.rendering.syntax import line_of, normalize_newlines

SUBJECT_LENGTH: Final = 70
EMAIL_WORDS: Final = 200
EMAIL_LINKS: Final = 2
SMS_SEGMENTS: Final = 2
MESSAGE_CHARACTERS: Final = 1_000
SHORTENERS: Final = frozenset(
    {
        "bit.ly",
        "buff.ly",
        "cutt.ly",
        "goo.gl",
        "is.gd",
        "ow.ly",
        "rb.gy",
        "shorturl.at",
        "t.co",
        "tinyurl.com",
    }
)
SPAM_PHRASES: Final = (
    "100% free", "100% gratis", "100 % kostenlos", "act now", "best price", "buy now", "cash bonus", "click here",
    "congratulations", "dear friend", "double your", "earn money", "extra income", "fast cash", "free money",
    "gagnez", "garantie totale", "gratis testen", "guaranteed", "hier klicken", "increase sales", "jetzt kaufen",
    "klicken sie hier", "limited time", "make money", "million dollars", "money back", "no obligation", "no risk",
    "offerta limitata", "oferta limitada", "once in a lifetime", "order now", "risk free", "risk-free",
    "special promotion", "this is not spam", "unbegrenzt", "urgent", "winner", "you have been selected",
)  # fmt: skip
"""Phrases that filters and readers take for advertising, lower case, in the languages that are written most."""

_LINK = re.compile(r"\b(?:https?|ftp):/{0,2}[^\s<>\"')\]]*|\bwww\.[^\s<>\"')\]]+", re.IGNORECASE)
_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_HOST = re.compile(r"^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}$", re.IGNORECASE)
_LEFT_OVER = re.compile(
    r"\[(?:first[ _]?name|last[ _]?name|name|company|title|your [a-z ]{2,30}|insert [a-z ]{2,30})\]"
    r"|(?<!\{)\{(?:first_?name|last_?name|full_?name|company|company_?name|title)\}(?!\})"
    r"|%(?:first_?name|last_?name|company)%|<(?:first_?name|last_?name|company)>|\blorem ipsum\b|\bxxx+\b|\btbd\b",
    re.IGNORECASE,
)
_SHOUTED = re.compile(r"\b[^\W\d_]{4,}\b")
_FALSE_REPLY = re.compile(r"^\s*(?:re|fwd?|aw|wg|sv|rv|tr)\s*:", re.IGNORECASE)
_WORD = re.compile(r"\w+")


class Weight(StrEnum):
    """How much a remark weighs."""

    FAULT = "fault"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to look at. ``code`` is stable, ``line`` counts from 1, ``excerpt`` is the place in the text."""

    code: str
    weight: Weight
    message: str
    line: int = 1
    excerpt: str = ""


def proofread(text: str, *, action: str, field: str, threaded: bool = False) -> tuple[Remark, ...]:
    """Return remarks about one field of a step, faults first, then in order of lines.

    ``action`` and ``field`` are as in plans (``email``/``subject``); ``threaded`` says that an e-mail continues a
    thread, in which ``Re:`` is honest.
    """
    source = normalize_newlines(text)
    plain = _MARKUP.sub(lambda match: "\n" * match[0].count("\n") or "x", source)
    remarks = [*_everywhere(source, plain)]
    if field == "subject":
        remarks += _subject(plain, threaded)
    elif action == "email":
        remarks += _email(plain)
    elif action == "sms":
        remarks += _sms(plain)
    elif action in {"message", "inmail"} and len(plain) > MESSAGE_CHARACTERS:
        message = (
            f"{len(plain):,} characters; messages above {MESSAGE_CHARACTERS:,} are rarely read to the end."
        )
        remarks.append(Remark("long", Weight.ADVICE, message))
    return tuple(sorted(remarks, key=lambda remark: (remark.weight is not Weight.FAULT, remark.line)))


def _everywhere(source: str, plain: str) -> Iterator[Remark]:
    yield from _links(source)
    for match in _LEFT_OVER.finditer(source):
        message = f"“{match[0]}” looks like a placeholder of another program; it would be sent as it stands."
        yield Remark("left_over", Weight.FAULT, message, line_of(source, match.start()), match[0])
    lowered = plain.lower()
    for phrase in SPAM_PHRASES:
        at = lowered.find(phrase)
        if at >= 0 and not _inside_word(lowered, at, at + len(phrase)):
            message = f"“{phrase}” reads like advertising to people and filters."
            yield Remark("spam_phrase", Weight.ADVICE, message, line_of(plain, at), phrase)
    shouted = [match for match in _SHOUTED.finditer(plain) if match[0].isupper()]
    if len(shouted) >= 3:
        words = ", ".join(match[0] for match in shouted[:3])
        message = f"{len(shouted)} words in capitals ({words}) read as shouting."
        yield Remark("capitals", Weight.ADVICE, message, line_of(plain, shouted[0].start()), words)
    if plain.count("!") > 2:
        line = line_of(plain, plain.index("!"))
        yield Remark("exclamation", Weight.ADVICE, f"{plain.count('!')} exclamation marks.", line, "!")


def _inside_word(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return before.isalnum() or after.isalnum()


def _links(source: str) -> Iterator[Remark]:
    for match in _LINK.finditer(source):
        link = match[0].rstrip(".,;:!?")
        line = line_of(source, match.start())
        if "{{" in link or "{%" in link:
            continue  # complete only once a lead is known: rendered texts are read again
        fault = _fault_of(link)
        if fault:
            yield Remark("broken_link", Weight.FAULT, f"{link} {fault}", line, link)
        elif (urlsplit(_complete(link)).hostname or "").lower() in SHORTENERS:
            message = f"{link} hides where it leads; filters distrust shortened links."
            yield Remark("short_link", Weight.ADVICE, message, line, link)
        elif link.lower().startswith("http:"):
            message = f"{link} is not encrypted; use https if the site has it."
            yield Remark("plain_link", Weight.ADVICE, message, line, link)


def _complete(link: str) -> str:
    return link if "://" in link else f"https://{link}"


def _fault_of(link: str) -> str:
    """Say why nobody could open a link, ``""`` if it looks sound. Nothing is asked of the network."""
    if link.lower().startswith(("http", "ftp")) and not re.match(
        r"(?:https?|ftp)://[^/]", link, re.IGNORECASE
    ):
        return "is not a whole address."
    try:
        parts = urlsplit(_complete(link))
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not an address."
    if parts.scheme.lower() == "ftp":
        return "cannot be opened by today's browsers."
    try:
        is_host = _HOST.match(host.encode("idna").decode())
    except UnicodeError:
        is_host = None
    if not is_host:
        return "has no complete host name."
    if host.endswith((".example", ".invalid", ".test", ".localhost")):
        return "is an example address."
    return ""


def _subject(plain: str, threaded: bool) -> Iterator[Remark]:
    if _FALSE_REPLY.match(plain) and not threaded:
        message = "A subject that pretends to be an answer is deceptive, and some laws forbid it."
        yield Remark("false_reply", Weight.FAULT, message, 1, plain[:20])
    if len(plain) > SUBJECT_LENGTH:
        message = f"{len(plain)} characters; phones show about {SUBJECT_LENGTH // 2}."
        yield Remark("long", Weight.ADVICE, message)
    if "\n" in plain.strip():
        yield Remark("line_break", Weight.FAULT, "A subject is one line.", 1)


def _email(plain: str) -> Iterator[Remark]:
    words = len(_WORD.findall(plain))
    if words > EMAIL_WORDS:
        message = f"{words} words; first mails of more than {EMAIL_WORDS} are answered less."
        yield Remark("long", Weight.ADVICE, message)
    links = len(_LINK.findall(plain))
    if links > EMAIL_LINKS:
        message = f"{links} links; more than {EMAIL_LINKS} look like a newsletter."
        yield Remark("many_links", Weight.ADVICE, message)


def _sms(plain: str) -> Iterator[Remark]:
    segments = sms_segments(plain)
    if segments.count > SMS_SEGMENTS:
        message = f"{segments.count} segments ({segments.encoding}), each is paid for."
        yield Remark("segments", Weight.ADVICE, message)
