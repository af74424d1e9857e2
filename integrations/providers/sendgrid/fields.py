"""Tolerant readers of SendGrid's values. Everything returned is fit for PostgreSQL: no NUL, no lone surrogates."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

from integrations.errors import ErrorKind, ProviderError
from integrations.values import Raw
from project.core.storable import load_json

PROVIDER: Final = "sendgrid"
#: Our keys among the custom arguments that come back at the top level of each event. Prefixed, because the
#: vendor's own names win over ours.
SEND_ID_ARG: Final = "x_send_id"
ACCOUNT_ARG: Final = "x_account"
#: Of an e-mail with copies: a digest of whom it is for. Events name the address that they are about.
TO_ARG: Final = "x_to"


def digest_of(address: str) -> str:
    """A short word for an address, which says nothing to whoever reads it."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()[:16]


def load(body: bytes) -> Any:
    """Parse JSON. Raises ``ProviderError`` of kind ``validation``."""
    try:
        return load_json(body)
    except (ValueError, RecursionError):
        raise malformed("The body is no JSON.") from None


def malformed(message: str) -> ProviderError:
    """Return the error of a call that cannot be read."""
    return ProviderError(ErrorKind.VALIDATION, message, provider=PROVIDER, raw_type="malformed")


def text(raw: Raw, *names: str) -> str:
    """Return the first of ``names`` that holds text or a number, as text; ``""`` if none does."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def objects(value: Any) -> list[Raw]:
    """Return the objects of a list, nothing else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: Any) -> Raw:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def moment(value: Any) -> datetime | None:
    """Read Unix seconds, as a number or as text; ``None`` for anything else."""
    try:
        if isinstance(value, str) and value.strip().isdigit():
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def message_ref(sg_message_id: str) -> str:
    """Return the ``X-Message-Id`` of the request from an event's id: the part before the first dot."""
    return sg_message_id.partition(".")[0]
