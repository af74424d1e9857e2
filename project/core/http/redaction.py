"""Keeps secrets out of logs, exceptions and stored diagnostics."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

MASK: Final = "[masked]"
MAX_DETAIL: Final = 500
#: Values of headers that a redactor remembers, at most.
REMEMBERED: Final = 200

_SECRET_NAME = re.compile(r"(?i)(auth|api[-_]?key|token|secret|password|passwd|cookie|signature|credential)")
#: In payloads an author or the signature below a mail is no secret.
_SECRET_FIELD = re.compile(r"(?i)(api[-_]?key|token|secret|password|passwd|credential)")
_SECRET_PAIR = re.compile(
    r"""(?ix)
    ( ["']? [\w.-]* (?:api[-_]?key|token|secret|password|passwd|authorization|signature|credential) [\w.-]*
    ["']?
      \s* [:=] \s* )
    ( "[^"]*" | '[^']*' | (?:Bearer|Basic)\s+\S+ | [^\s,;&"'}]+ )
    """
)


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Say whether a header or field of this name usually carries a secret."""
    return bool(_SECRET_NAME.search(name))


def json_pattern(text: str, *, written: Callable[[str], str] = str) -> str:
    """Return a regular expression for ``text`` as JSON may write it, also JSON within a string of JSON.

    Any character but plain letters and digits may be escaped there (``\\/``, ``\u002b``). ``written``: how the text
    that is looked through writes a character.
    """
    return "".join(
        character
        if character.isascii() and character.isalnum()
        else rf"(?:\\*{re.escape(written(character))}|{_named(character)})"
        for character in text
    )


def _named(character: str) -> str:
    """A character by its number, as JSON has it: beyond the first 65,536 in two halves."""
    halves = character.encode("utf-16-be", "surrogatepass")
    numbers = (int.from_bytes(halves[at : at + 2]) for at in range(0, len(halves), 2))
    return "".join(rf"\\+u{number:04x}" for number in numbers)


class Redactor:
    """Masks known secret values and whatever looks like a secret by its name."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Short values would blank out ordinary words; longest first so that no secret's tail survives.
        self._secrets = sorted({value for value in secrets if len(value) >= 6}, key=len, reverse=True)
        self._in_json = re.compile("|".join(map(json_pattern, self._secrets)), re.IGNORECASE)
        #: Most headers are the same in every call.
        self._masked: dict[str, str] = {}

    def text(self, value: str, limit: int = MAX_DETAIL) -> str:
        """Return ``value`` without secrets, cut to ``limit`` characters."""
        for secret in self._secrets:
            value = value.replace(secret, MASK)
        # The pattern starts at every character, and most header values hold no pair at all.
        if ":" in value or "=" in value:
            value = _SECRET_PAIR.sub(lambda match: match.group(1) + MASK, value)
        return value if len(value) <= limit else value[: limit - 1] + "…"

    def payload(self, value: str) -> str:
        """Return a whole payload without known secrets, however JSON writes them; of JSON, also without the words in
        fields that are named like one. JSON without any comes back as it is.
        """
        if self._secrets:
            value = self._in_json.sub(MASK, value)
        if not _SECRET_FIELD.search(value):
            return value
        try:
            raw = json.loads(value)
            masked = _masked(raw)
        except (ValueError, RecursionError):
            return value
        return value if masked == raw else json.dumps(masked, ensure_ascii=False)

    def url(self, value: str) -> str:
        """Return ``value`` without user info, query and fragment, and without known secrets in the path."""
        parts = urlsplit(value)
        host = parts.hostname or ""
        netloc = f"[{host}]" if ":" in host else host
        if parts.port is not None:
            netloc = f"{netloc}:{parts.port}"
        return self.text(urlunsplit((parts.scheme, netloc, parts.path, "", "")))

    def headers(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return ``values`` with the values of secret headers masked."""
        return {
            name: MASK if is_secret_name(name) else self._remembered(value) for name, value in values.items()
        }

    def _remembered(self, value: str) -> str:
        masked = self._masked.get(value)
        if masked is None:
            if len(self._masked) >= REMEMBERED:
                self._masked.clear()
            masked = self._masked[value] = self.text(value)
        return masked


def _masked(value: Any) -> Any:
    """Return JSON with the words in secret fields masked, at any depth."""
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: MASK if isinstance(item, str) and item and _SECRET_FIELD.search(name) else _masked(item)
        for name, item in value.items()
    }
