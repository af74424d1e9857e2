"""Values of custom fields in the one form in which they are kept and compared. Pure; no Django.

Every value is text: a number without spaces and with a point, a day as ``2026-05-03``, ``yes`` or ``no``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import urlsplit

#: Kinds with their labels.
KINDS: Final[dict[str, str]] = {
    "text": "Text",
    "number": "Number",
    "date": "Day",
    "yes_no": "Yes or no",
    "choice": "One of a list",
    "url": "Web address",
}
#: Longest value.
MOST: Final = 2_000
_YES: Final = frozenset({"yes", "y", "true", "1", "ja", "oui", "si", "sí", "sim", "x"})
_NO: Final = frozenset({"no", "n", "false", "0", "nein", "nej", "non", "nee", "nao", "não"})


class InvalidValue(ValueError):
    """The text is no value of this kind; the message says what is expected."""


def clean(kind: str, value: str, *, options: Sequence[str] = ()) -> str:
    """Return a value as it is kept; empty stays empty. Raises ``InvalidValue``."""
    text = " ".join(value.split())
    if not text:
        return ""
    if len(text) > MOST:
        raise InvalidValue(f"at most {MOST:,} characters")
    match kind:
        case "number":
            return _number(text)
        case "date":
            return _day(text)
        case "yes_no":
            return _yes_or_no(text)
        case "choice":
            return _choice(text, options)
        case "url":
            return _address(text)
    return text


def _number(text: str) -> str:
    plain = re.sub(r"[\s\u00a0\u202f'\u2019]", "", text)
    # The last mark is the decimal one; a single mark before exactly three figures could be either, and is refused.
    marks = [mark for mark in plain if mark in ".,"]
    if len(set(marks)) == 2:
        decimal = marks[-1]
        plain = plain.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    elif len(marks) > 1:
        plain = plain.replace(marks[0], "")
    elif marks and re.fullmatch(r"-?[1-9]\d{0,2}[.,]\d{3}", plain):
        raise InvalidValue("a number that cannot be read two ways: write 1234 or 1.2340")
    else:
        plain = plain.replace(",", ".")
    try:
        found = Decimal(plain)
    except InvalidOperation as error:
        raise InvalidValue("a number, such as 1200 or 12.5") from error
    if not found.is_finite() or abs(found) >= Decimal(10) ** 15:
        raise InvalidValue("a number below 10 to the power of 15")
    return format(found.normalize(), "f")


def _day(text: str) -> str:
    for pattern in (
        r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})",
        r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})",
    ):
        found = re.fullmatch(pattern, text)
        if found:
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"])).isoformat()
            except ValueError as error:
                raise InvalidValue("a day that there is") from error
    raise InvalidValue("a day, as 2026-05-03 or 3.5.2026")


def _yes_or_no(text: str) -> str:
    if text.casefold() in _YES:
        return "yes"
    if text.casefold() in _NO:
        return "no"
    raise InvalidValue("yes or no")


def _choice(text: str, options: Sequence[str]) -> str:
    for option in options:
        if option.casefold() == text.casefold():
            return option
    raise InvalidValue(f"one of: {', '.join(options)}")


def _address(text: str) -> str:
    found = urlsplit(text if "//" in text else f"https://{text}")
    if found.scheme not in {"http", "https"} or "." not in (found.hostname or ""):
        raise InvalidValue("a web address, such as https://example.com")
    return found.geturl()
