"""Header fields of received mail: decoded tolerantly, bounded, never raising."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, Final

from integrations.mail.charsets import decoded

#: Fields that are looked at, and characters of one; mail with more is not written by people.
MAX_FIELDS: Final = 1000
MAX_VALUE: Final = 20_000
#: Ids kept of a thread: the root and the latest.
MAX_REFERENCES: Final = 100
#: Addresses kept of one field.
MAX_ADDRESSES: Final = 200

_ID: Final = re.compile(r"<([^<>\s]{1,980})>")
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()]{1,128}@[^\s@<>,;:\"()\[\]]{1,253}\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A decoded name and a lower-case address."""

    name: str
    address: str


class Fields:
    """The header of one message: field names in any case, values undecoded but fit to be text."""

    def __init__(self, message: Message[Any, Any]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in list(message.raw_items())[:MAX_FIELDS]:
            self._values.setdefault(str(name).lower(), []).append(_readable(str(value)[:MAX_VALUE]))

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def raw(self, name: str) -> str:
        """Return the first field of this name, unfolded, ``""`` if there is none."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Return all fields of this name, unfolded, in their order."""
        return [_one_line(value) for value in self._values.get(name.lower(), [])]

    def text(self, name: str) -> str:
        """Return the first field of this name with its encoded words decoded."""
        return words(self.raw(name))

    def mailboxes(self, *names: str) -> list[Mailbox]:
        """Return the addresses of all fields of these names; what is no address is left out."""
        return mailboxes([value for name in names for value in self.all(name)])

    def message_ids(self, *names: str) -> list[str]:
        """Return the ids in these fields with angle brackets, each once, bounded."""
        found: dict[str, None] = {}
        for name in names:
            for value in self.all(name):
                found.update(dict.fromkeys(short_id(f"<{part}>") for part in _ID.findall(value)))
        ids = list(found)
        return ids if len(ids) <= MAX_REFERENCES else [ids[0], *ids[-(MAX_REFERENCES - 1) :]]

    def date(self, name: str = "Date") -> datetime | None:
        """Return the field as an aware UTC time, ``None`` if it cannot be read."""
        return moment(self.raw(name))

    def arrived(self) -> datetime | None:
        """Return when the last server took the message over: the topmost ``Received`` field."""
        return moment(self.raw("Received").rpartition(";")[2])


def short_id(message_id: str) -> str:
    """Return a message id of at most 190 characters: a longer one becomes a digest, the same everywhere."""
    if len(message_id) <= 190:
        return message_id
    return f"<{hashlib.sha256(message_id.encode('utf-8', 'replace')).hexdigest()}@long-id.invalid>"


def moment(text: str) -> datetime | None:
    """Read a date of RFC 5322; ``None`` for what is none."""
    try:
        found = parsedate_to_datetime(text[:200])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def words(text: str) -> str:
    """Decode the encoded words of RFC 2047 in ``text``; what cannot be decoded stays as it is."""
    if "=?" not in text:
        return text
    try:
        parts = decode_header(text)
    except (HeaderParseError, ValueError):
        return text
    whole = "".join(
        decoded(part, charset or "") if isinstance(part, bytes) else part for part, charset in parts
    )
    return _one_line(whole)


def mailboxes(values: Iterable[str]) -> list[Mailbox]:
    """Read addresses with their names. Names are decoded after the address is taken apart."""
    found: dict[str, Mailbox] = {}
    for value in values:
        try:
            pairs = getaddresses([value])
        except (RecursionError, ValueError, IndexError):
            continue  # comments nested thousands deep, and the like
        for name, given in pairs[:MAX_ADDRESSES]:
            address = given.strip().strip("<>").lower()
            if _ADDRESS.match(address):
                known = found.get(address)
                if known is None or (name and not known.name):
                    found[address] = Mailbox(words(name).strip(" '\"")[:300], address)
    return list(found.values())[:MAX_ADDRESSES]


def _readable(value: str) -> str:
    """Bytes above 127 come as halves of surrogate pairs: they are UTF-8, or else what Windows wrote."""
    try:
        return decoded(value.encode("ascii", "surrogateescape"), "")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()


def _one_line(value: str) -> str:
    return " ".join(_CONTROL.sub(" ", value).split())
