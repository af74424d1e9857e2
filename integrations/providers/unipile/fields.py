"""Tolerant readers of Unipile's fields: the same thing comes under several names and types.

Everything returned is fit for PostgreSQL: no NUL characters, no lone surrogates, no NaN.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from integrations.errors import ErrorKind, ProviderError
from integrations.values import AccountStatus, Distance, Raw
from project.core.storable import load_json

PROVIDER: Final = "unipile"

_DISTANCES: Final = {
    "SELF": Distance.SELF,
    "FIRST_DEGREE": Distance.FIRST,
    "DISTANCE_1": Distance.FIRST,
    "1": Distance.FIRST,
    "SECOND_DEGREE": Distance.SECOND,
    "DISTANCE_2": Distance.SECOND,
    "2": Distance.SECOND,
    "THIRD_DEGREE": Distance.THIRD,
    "DISTANCE_3": Distance.THIRD,
    "3": Distance.THIRD,
    "4": Distance.OUT_OF_NETWORK,
    "-1": Distance.OUT_OF_NETWORK,
    "OUT_OF_NETWORK": Distance.OUT_OF_NETWORK,
}
_STATUSES: Final = {
    "OK": AccountStatus.OK,
    "CREATION_SUCCESS": AccountStatus.OK,
    "RECONNECTED": AccountStatus.OK,
    "CONNECTING": AccountStatus.CONNECTING,
    "CREDENTIALS": AccountStatus.CREDENTIALS,
    "PERMISSIONS": AccountStatus.PERMISSIONS,
    "STOPPED": AccountStatus.STOPPED,
    "ERROR": AccountStatus.ERROR,
    "CREATION_FAIL": AccountStatus.ERROR,
    "DELETED": AccountStatus.DELETED,
}
_SLUG_TAIL = re.compile(r"[/,?#].*$", re.DOTALL)
_EARLIEST: Final = datetime(2003, 1, 1, tzinfo=UTC)


def load_object(body: bytes) -> Raw:
    """Parse a JSON object whatever its Content-Type says (Unipile sends none by default).

    Raises ``ProviderError`` of kind ``validation``.
    """
    try:
        data = load_json(body)
        if isinstance(data, dict):
            return dict(data)
    except (ValueError, RecursionError):
        data = None
    raise ProviderError(
        ErrorKind.VALIDATION, "The call's body is no JSON object.", provider=PROVIDER, raw_type="malformed"
    )


def text(raw: Raw, *names: str) -> str:
    """Return the first of ``names`` that holds text or a number, as text; ``""`` if none does."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def flag(value: Any) -> bool | None:
    """Read 0/1, booleans and their spellings; ``None`` for null, absent and odd values."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    return None


def number(value: Any) -> int:
    """Read a count; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def mapping(value: Any) -> Raw:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Raw]:
    """Return the objects of a list; a lone object counts as a list of one."""
    if isinstance(value, dict):
        return [value] if value else []
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return []


def strings(value: Any) -> tuple[str, ...]:
    """Return the non-empty strings of a list."""
    return tuple(item for item in value if isinstance(item, str) and item) if isinstance(value, list) else ()


def moment(value: Any) -> datetime | None:
    """Read an ISO 8601 text or an epoch number (milliseconds, or seconds if too small for that), as UTC."""
    try:
        if isinstance(value, str) and value.strip():
            candidate = value.strip()
            if candidate.isascii() and candidate.isdigit():
                return moment(int(candidate))
            parsed = datetime.fromisoformat(candidate)
            return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            seconds = value / 1000 if value >= _EARLIEST.timestamp() * 100 else float(value)
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def format_time(value: datetime) -> str:
    """Write a time as Unipile's filters demand: UTC, three millisecond digits and ``Z``."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def distance(value: Any) -> Distance:
    """Read any of the three spellings of network distance (profiles, attendees, messages)."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return _DISTANCES.get(str(value).upper(), Distance.UNKNOWN)
    return Distance.UNKNOWN


def account_status(raw_status: str) -> AccountStatus:
    """Read a status of an account, a source or a status event."""
    return _STATUSES.get(raw_status.upper(), AccountStatus.UNKNOWN)


def id_family(provider_id: str) -> str:
    """Return which of LinkedIn's id spaces an id belongs to: ``classic``, ``sales``, ``recruiter`` or ``""``.

    One person has a different id in each, so ids of two spaces say nothing when they differ.
    """
    if provider_id.startswith(("ACo", "ADo")):
        return "classic"
    if provider_id.startswith("ACw"):
        return "sales"
    if provider_id.startswith("AE"):
        return "recruiter"
    return ""


def slug(value: str) -> str:
    """Return a public identifier (vanity slug) from a slug or profile URL, lower-cased; ``""`` for member
    ids.

    LinkedIn's profile URLs in chats hold the member id instead of the slug.
    """
    found = value.strip()
    if "://" in found or found.startswith(("www.", "linkedin.com")):
        try:
            path = urlsplit(found if "://" in found else f"https://{found}").path
        except ValueError:
            return ""
        marker, _, found = path.partition("/in/")
        if not found or marker:
            return ""
    found = unquote(_SLUG_TAIL.sub("", found)).strip()
    return "" if id_family(found) else found.lower()


def normalise_text(value: str) -> str:
    """Return text as it is sent and compared: LinkedIn keeps it exactly, so line ends and margins are
    settled.
    """
    return value.replace("\r\n", "\n").replace("\r", "\n").strip()
