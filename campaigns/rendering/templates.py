"""Rendering a message, listing its variables, and telling its author what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from campaigns.rendering import spintax
from campaigns.rendering.sandbox import ROOTS, compile_liquid, run
from campaigns.rendering.syntax import TemplateError, line_of, normalize_newlines

KNOWN_VARIABLES: frozenset[str] = frozenset(
    {
        "lead.first_name", "lead.last_name", "lead.full_name", "lead.title", "lead.country",
        "lead.email", "lead.phone",
        "company.name", "company.domain", "company.country",
        "sender.first_name", "sender.last_name", "sender.full_name",
        "sender.email", "sender.phone",
        "client.name", "client.postal_address",
        "unsubscribe_url",
        "custom.*",
    }
)  # fmt: skip
"""Variables every campaign has. ``custom.*`` stands for the columns of the imported file."""


class UnfilledVariable(ValueError):
    """A variable has no value for this lead and no fallback: the message must not leave."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"No value for {', '.join(self.names)}")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered text, the variables that went into it with their values, and those that had none."""

    text: str
    used: Mapping[str, str]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a template. ``line`` counts from 1."""

    line: int
    code: str
    message: str
    variable: str = ""


def render(template: str, context: Mapping[str, object], *, seed: str = "", strict: bool = True) -> Rendered:
    """Render ``template`` with ``context`` (``{"lead": {...}, "company": {...}, ...}``).

    ``seed`` decides spintax: the same seed gives the same text. A variable that is absent, None or blank and
    has no ``default`` raises ``UnfilledVariable``; with ``strict=False`` (previews) it is shown as
    ``[lead.first_name]`` and named in ``missing``. Raises ``TemplateError`` for a template that cannot be
    used. Newlines become LF.
    """
    source = _parse(normalize_newlines(template)).pick(seed)
    text, used = run(compile_liquid(source), {root: context[root] for root in ROOTS if root in context})
    if used.missing and strict:
        raise UnfilledVariable(used.missing)
    text = spintax.restore(normalize_newlines(text)).strip()
    return Rendered(text=text, used=used.used, missing=tuple(used.missing))


def variables(template: str) -> frozenset[str]:
    """All variables that ``template`` may use, whatever is chosen. Raises ``TemplateError``."""
    masked = _parse(normalize_newlines(template)).masked
    return frozenset(name for name, _ in _references(masked))


def needed(template: str) -> frozenset[str]:
    """The variables that ``template`` cannot leave without, whatever is chosen, where all others have a value.

    One with a ``default``, or inside an ``if`` of its own, is not among them. Raises ``TemplateError``.
    """
    masked = _parse(normalize_newlines(template)).masked
    compiled = compile_liquid(masked)
    names = [name for name, _ in _references(masked)]
    found = set()
    for blank in names:
        data: dict[str, Any] = {}
        for name in names:
            root, dot, rest = name.partition(".")
            if name != blank and dot:
                data.setdefault(root, {})[rest] = "x"
            elif name != blank:
                data[root] = "x"
        found |= {blank} & set(run(compiled, data)[1].missing)
    return frozenset(found)


def lint(template: str, known: Iterable[str] = KNOWN_VARIABLES) -> tuple[Problem, ...]:
    """What is wrong with ``template``, in order of lines; empty if it can be used.

    ``known`` are the variables that exist; a name ending in ``.*`` stands for all below it.
    """
    source = normalize_newlines(template)
    try:
        parsed = _parse(source)
        references = _references(parsed.masked)
    except TemplateError as error:
        return (Problem(error.line, error.code, error.message),)
    problems = list(_option_problems(source, parsed))
    names = frozenset(known)
    for name, line in references:
        if not _is_known(name, names):
            problems.append(Problem(line, "unknown_variable", _unknown_message(name, names), name))
    return tuple(sorted(problems, key=lambda problem: problem.line))


def shortest_length(template: str) -> int:
    """A lower bound for the rendered length: fixed text with the shortest choices and empty variables."""
    return _shortest(_parse(normalize_newlines(template)).parts)


@lru_cache(maxsize=1024)
def _parse(source: str) -> spintax.Spintax:
    return spintax.parse(source)


def _references(masked: str) -> list[tuple[str, int]]:
    """(name, line) of every variable that comes from outside the template, first use of each."""
    found: dict[str, int] = {}
    for uses in compile_liquid(masked).analyze().globals.values():
        for use in uses:
            line = line_of(masked, use.span.index)
            name = ".".join(str(segment) for segment in use.segments)
            found[name] = min(line, found.get(name, line))
    return sorted(found.items(), key=lambda item: item[1])


def _option_problems(source: str, parsed: spintax.Spintax) -> Iterable[Problem]:
    """An if that begins in one option and ends in another would break as soon as one is picked."""
    for start, option in parsed.options():
        try:
            compile_liquid(option)
        except TemplateError:
            line = line_of(source, start)
            yield Problem(line, "spintax", "Each choice must contain its if, unless or case completely.")


def _is_known(name: str, known: frozenset[str]) -> bool:
    if name in known:
        return True
    root, dot, rest = name.partition(".")
    return bool(dot) and f"{root}.*" in known and "." not in rest and not rest.startswith("__")


def _unknown_message(name: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"There is no variable called {name[:80]}.{hint}"


def _shortest(parts: Iterable[spintax.Part]) -> int:
    total = 0
    for part in parts:
        if isinstance(part, spintax.Choice):
            total += min(_shortest(option) for option in part.options)
        elif not part.startswith(("{{", "{%")):
            total += len(part)
    return total
