"""Text that PostgreSQL can hold: no NUL characters, no halves of surrogate pairs. JSON from outside may have both."""

from __future__ import annotations

import json
import re
from typing import Any, Final

#: What a body must hold for one of its strings to be unfit: an escape, raw bytes of a surrogate, or a NUL (bodies
#: in UTF-16 or UTF-32 are full of them).
_SUSPECT: Final = re.compile(rb"\x00|\\u(?:0000|[dD][89a-fA-F])|\xed[\xa0-\xbf]")
_DECODER: Final = json.JSONDecoder(parse_constant=lambda _: None)


def storable(value: Any) -> Any:
    """Return a JSON value whose strings can be stored: NUL left out, halves of surrogate pairs as ``?``."""
    if isinstance(value, str):
        if "\x00" in value:
            value = value.replace("\x00", "")
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {storable(name): storable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [storable(part) for part in value]
    return value


def load_json(body: bytes) -> Any:
    """Parse JSON into a storable value. ``NaN`` and ``Infinity``, which are no JSON, become ``None``.

    Raises ``ValueError`` for what is no JSON, and ``RecursionError`` for what is nested too deeply.
    """
    value = _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    return storable(value) if _SUSPECT.search(body) else value
