"""Our texts as a provider that runs campaigns can take them: plain placeholders, with the values that belong to them.

A provider fills in names and knows no fallbacks. ``{{ lead.first_name | default: 'there' }}`` becomes a placeholder of
its own (``{{first_name_or_there}}``), whose value we hand over with each person. Pure.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from campaigns.rendering.spintax import parse
from campaigns.rendering.syntax import TemplateError

#: Variables that every provider of campaigns has a field for.
STANDARD: Final = {
    "lead.first_name": "first_name",
    "lead.last_name": "last_name",
    "lead.title": "title",
    "company.name": "company",
}
_HOLE: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_PLAIN: Final = re.compile(
    r"(?P<path>[A-Za-z_][\w]*(?:\.[A-Za-z_][\w]*)*)(?:\s*\|\s*default:\s*(?P<default>'[^']*'|\"[^\"]*\"))?\Z"
)
_WORD: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class Hole:
    """One variable of a text: what it is called at the provider, and the template that gives its value."""

    name: str
    template: str
    has_default: bool


@dataclass(frozen=True, slots=True)
class Pushed:
    """A text as it is pushed. ``fallback`` has the defaults in place of the variables, ``""`` where one has none;
    ``problems`` are sentences about what no provider can fill in.
    """

    text: str
    holes: tuple[Hole, ...] = ()
    fallback: str = ""
    problems: tuple[str, ...] = ()


def pushed(template: str) -> Pushed:
    """Translate a text of ours."""
    problems: list[str] = []
    holes: dict[str, Hole] = {}
    fallback_parts: list[str] = []
    whole, at = True, 0
    made: list[str] = []
    try:
        if parse(template).choices:
            problems.append("Choices such as {Hi|Hello} cannot be pushed to a provider.")
    except TemplateError as error:
        return Pushed(template, problems=(str(error),))
    if "{%" in template:
        problems.append("Conditions and loops ({% … %}) cannot be pushed to a provider.")
    for found in _HOLE.finditer(template):
        before = template[at : found.start()]
        at = found.end()
        hole, default, problem = _read(found.group(1))
        if problem:
            problems.append(problem)
            continue
        assert hole is not None  # there is a problem otherwise
        holes[hole.name] = hole
        made += [before, f"{{{{{hole.name}}}}}"]
        whole = whole and hole.has_default
        fallback_parts += [before, default]
    text = "".join([*made, template[at:]])
    fallback = "".join([*fallback_parts, template[at:]]) if whole and holes else ""
    return Pushed(text, tuple(holes.values()), fallback, tuple(dict.fromkeys(problems)))


def _read(inside: str) -> tuple[Hole | None, str, str]:
    """(hole, default, problem) of what stands between the braces."""
    shown = f"{{{{ {inside} }}}}"
    plain = _PLAIN.match(inside)
    if plain is None:
        return None, "", f"{shown} cannot be pushed to a provider: only a variable and a default can."
    path = plain["path"]
    if path.startswith("sender."):
        return None, "", f"{shown} is not known before the provider has chosen the sender."
    if path == "unsubscribe_url":
        return None, "", "The provider puts its own unsubscribe link under the text."
    quoted = plain["default"]
    default = quoted[1:-1] if quoted else ""
    name = STANDARD.get(path) or _named(path)
    if quoted:
        name = _with_default(name, default)
    return Hole(name, shown, bool(quoted)), default, ""


def _with_default(name: str, default: str) -> str:
    """A name that tells the default; where that is not possible to the letter, a digest keeps names apart."""
    word = _WORD.sub("_", default.lower()).strip("_")
    full = f"{name}_or_{word}"
    if word.replace("_", " ") == default and len(full) <= _LONGEST:
        return full
    return f"{full[: _LONGEST - 7]}_{hashlib.sha256(default.encode()).hexdigest()[:6]}"


def _named(path: str) -> str:
    """``custom.city`` is ``city``, ``company.domain`` is ``company_domain``; never the name of a standard field."""
    root, _, rest = path.partition(".")
    name = rest.lower() if root == "custom" else f"{root}_{rest}".lower()
    return f"custom_{name}" if name in STANDARD.values() else name[:_LONGEST]
