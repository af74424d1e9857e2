"""What somebody searches for: words, phrases and operators, read from one line of text. Pure.

    pricing "cold rooms" -invoice from:marta campaign:nordics intent:question has:attachment before:2026-11-01 is:unread

What is no known operator is searched for as it stands. Values with blanks stand in quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final

#: Operators and what they narrow to; shown as help under the field.
OPERATORS: Final[dict[str, str]] = {
    "from": "a person, company or address",
    "campaign": "part of a campaign's name",
    "client": "part of a client's name",
    "sender": "part of a sender's name",
    "label": "part of a label",
    "assignee": "part of a person's name, me or nobody",
    "intent": "interested, question, referral, not_now, ...",
    "channel": "linkedin, email or sms",
    "has": "attachment or note",
    "is": "open, snoozed, closed, unread, unassigned, mine, late, failed, unmatched or urgent",
    "before": "a day, 2026-11-30",
    "after": "a day, 2026-11-30",
}
IS: Final = frozenset(
    {"open", "snoozed", "closed", "unread", "unassigned", "mine", "late", "failed", "unmatched", "urgent"}
)
#: Of these only what must be is looked for.
_NEVER_EXCLUDED: Final = frozenset({"from", "before", "after"})
HAS: Final = frozenset({"attachment", "note"})

_TOKEN: Final = re.compile(r'(?P<not>-)?(?:(?P<operator>[a-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))')


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that a text must (or must not) contain: words in this order, or the beginning of one."""

    text: str
    is_prefix: bool = False
    is_excluded: bool = False


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What was typed. ``operators`` hold every value given, under ``-name`` what must not be; ``problems`` say what
    could not be understood.
    """

    words: tuple[Word, ...] = ()
    operators: dict[str, tuple[str, ...]] = field(default_factory=dict)
    after: date | None = None
    before: date | None = None
    problems: tuple[str, ...] = ()

    @property
    def has_words(self) -> bool:
        """Whether any text must be found: words that must not be there alone find nothing."""
        return any(not word.is_excluded for word in self.words)


def parse(text: str) -> SearchQuery:
    """Read one line. Never fails: what makes no sense is in ``problems`` and otherwise left out."""
    words: list[Word] = []
    operators: dict[str, tuple[str, ...]] = {}
    days: dict[str, date] = {}
    problems: list[str] = []
    for found in _TOKEN.finditer(text):
        name, value = found["operator"], found["quoted"] if found["plain"] is None else found["plain"]
        if name is None or name not in OPERATORS:
            word = _word(f"{name}:{value}" if name else value, excluded=bool(found["not"]))
            words += [word] if word.text else []
        elif not value:
            problems.append(f"{name}: needs {OPERATORS[name]}.")
        elif found["not"] and name in _NEVER_EXCLUDED:
            problems.append(f"-{name}: cannot be left out; write {name}: without the minus.")
        elif name in {"before", "after"}:
            try:
                days[name] = date.fromisoformat(value)
            except ValueError:
                problems.append(f"{name}:{value} is no day; write it like 2026-11-30.")
        elif (name == "is" and value.lower() not in IS) or (name == "has" and value.lower() not in HAS):
            problems.append(f"{name}:{value} is unknown; there are {OPERATORS[name]}.")
        else:
            key = f"-{name}" if found["not"] else name
            operators[key] = (*operators.get(key, ()), value)
    return SearchQuery(tuple(words), operators, days.get("after"), days.get("before"), tuple(problems))


def _word(text: str, *, excluded: bool) -> Word:
    is_prefix = text.endswith("*")
    return Word(text.strip('*"').strip(), is_prefix=is_prefix, is_excluded=excluded)
