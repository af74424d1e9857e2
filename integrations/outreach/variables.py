"""Placeholders: ours (``{{first_name}}``) and the providers' own spellings of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

_OURS: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_ -]*?)\s*\}\}")
_LOGIC: Final = re.compile(r"\{%")
_FILTERED: Final = re.compile(r"\{\{([^{}]*\|[^{}]*)\}\}")
_SINGLE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_ -]*)\}")


def problems(text: str) -> list[str]:
    """Return what no campaign provider can fill in: logic and filters of our templates."""
    found = []
    if _LOGIC.search(text):
        found.append("Conditions and loops ({% … %}) cannot be pushed to a provider.")
    found += [
        f"The filter in {{{{{match.strip()}}}}} cannot be pushed to a provider."
        for match in _FILTERED.findall(text)
    ]
    return found


def names(text: str) -> tuple[str, ...]:
    """Return our variables in ``text``, each once, in their order."""
    return tuple(dict.fromkeys(_OURS.findall(text)))


def written(text: str, spelling: Mapping[str, str], other: Callable[[str], str]) -> str:
    """Return ``text`` with our variables in a provider's spelling; ``other`` spells those not in ``spelling``."""
    return _OURS.sub(lambda match: spelling.get(match.group(1)) or other(match.group(1)), text)


def read_double(text: str, spelling: Mapping[str, str]) -> str:
    """Return a provider's text of ``{{name}}`` placeholders with our names; the inverse of ``written``."""
    ours = {theirs.strip("{} "): name for name, theirs in spelling.items()}
    return _OURS.sub(lambda match: f"{{{{{ours.get(match.group(1), match.group(1))}}}}}", text)


def read_single(text: str, spelling: Mapping[str, str], other: Callable[[str], str]) -> str:
    """Return a provider's text of ``{NAME}`` placeholders with our names; spintax and the like stay as they are."""
    ours = {theirs: name for name, theirs in spelling.items()}
    return _SINGLE.sub(lambda match: f"{{{{{ours.get(match.group(0)) or other(match.group(1))}}}}}", text)
