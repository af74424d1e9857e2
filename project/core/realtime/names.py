"""Names of streams: the one place that knows how they are written.

A stream is ``<prefix>`` or ``<prefix>:<key>``, for example ``conversation:01890a5d-...``; the prefix decides
which app authorises it (``access.register_authorizer``). Nothing else builds or splits a name.
"""

from __future__ import annotations

import re
from uuid import UUID

from project.core.ids import parse_uuid

MAX_LENGTH = 120
#: Prefix of the streams that carry presence.
CONVERSATION = "conversation"

_NAME = re.compile(r"[a-z][a-z_]{0,39}(:[a-z0-9][a-z0-9_-]{0,63})?")


class BadStreamName(ValueError):
    """The text is not the name of a stream."""


def stream_name(prefix: str, key: UUID | str | None = None) -> str:
    """Return the name of a stream. Raises ``BadStreamName`` for what cannot be part of one."""
    name = prefix if key is None else f"{prefix}:{key}"
    return check_name(name)


def check_name(name: object) -> str:
    """Return ``name`` if it is well formed, else raise ``BadStreamName``."""
    if not isinstance(name, str) or len(name) > MAX_LENGTH or _NAME.fullmatch(name) is None:
        raise BadStreamName("A stream is named like prefix or prefix:key.")
    return name


def prefix_of(name: str) -> str:
    """Return the part of a stream's name that decides who authorises it."""
    return name.partition(":")[0]


def key_of(name: str) -> str:
    """Return the part after the colon, empty when there is none."""
    return name.partition(":")[2]


def uuid_of(name: str) -> UUID | None:
    """Return the key as a UUID, or ``None`` when it is not one."""
    return parse_uuid(key_of(name))
