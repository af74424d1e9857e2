"""Spintax: ``{Hi|Hello|Good morning}`` picks one of several wordings, the same one every time for one seed.

Choices may nest (five deep) and may contain Liquid; they are resolved on the template, before a lead's data
comes in, so data with braces stays data. ``\\{``, ``\\|`` and ``\\}`` are the plain characters. Braces around
one choice only are refused: they are nearly always a variable that was written for another tool.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from campaigns.rendering.syntax import Piece, TemplateError, line_of, scan

MAX_DEPTH = 5
#: Plain braces and bars travel through Liquid as noncharacters, so that they can never become markup.
PLAIN = {"{": "\ufdd0", "|": "\ufdd1", "}": "\ufdd2"}
_RESTORE = str.maketrans({stand_in: plain for plain, stand_in in PLAIN.items()})
_SPECIAL = frozenset("{|}\\")


@dataclass(slots=True)
class Choice:
    """One ``{a|b}``: its options, each a list of parts, and where each option lies in the source."""

    start: int
    options: list[list[Part]] = field(default_factory=lambda: [[]])
    bounds: list[tuple[int, int]] = field(default_factory=list)


Part = str | Choice


@dataclass(frozen=True, slots=True)
class Spintax:
    """A parsed template. ``masked`` is the source with choice marks blanked, to see all options at once."""

    parts: tuple[Part, ...]
    masked: str
    choices: tuple[Choice, ...]

    def pick(self, seed: str) -> str:
        """The Liquid template with every choice made by ``seed``."""
        return "".join(_flatten(self.parts, seed))

    def options(self) -> list[tuple[int, str]]:
        """Every option with its start index, marks blanked: each has to be a complete template of its own."""
        return [(start, self.masked[start:end]) for choice in self.choices for start, end in choice.bounds]


def parse(source: str) -> Spintax:
    """Parse ``source``; raise ``TemplateError`` where choices or Liquid markup are malformed."""
    return _Parser(source).run()


def _flatten(parts: tuple[Part, ...] | list[Part], seed: str) -> list[str]:
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        else:
            digest = hashlib.sha256(f"{seed}:{part.start}".encode()).digest()
            option = part.options[int.from_bytes(digest[:8], "big") % len(part.options)]
            texts.extend(_flatten(option, seed))
    return texts


def restore(text: str) -> str:
    """Put the plain braces and bars back after rendering."""
    return text.translate(_RESTORE)


class _Parser:
    """One pass over the pieces with a stack of open choices."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.masked = list(source)
        self.root: list[Part] = []
        self.open: list[Choice] = []
        self.option_from: list[int] = []
        self.choices: list[Choice] = []

    def run(self) -> Spintax:
        for piece in scan(self.source):
            if piece.kind == "text":
                self._text(piece)
            else:
                self._target().append(self.source[piece.start : piece.end])
        if self.open:
            raise self._error("This { is never closed. Write \\{ for a plain brace.", self.open[-1].start)
        return Spintax(tuple(self.root), "".join(self.masked), tuple(self.choices))

    def _target(self) -> list[Part]:
        return self.open[-1].options[-1] if self.open else self.root

    def _text(self, piece: Piece) -> None:
        index = plain_from = piece.start
        while index < piece.end:
            if self.source[index] not in _SPECIAL:
                index += 1
                continue
            if plain_from < index:
                self._target().append(self.source[plain_from:index])
            index = self._special(index, piece.end)
            plain_from = index
        if plain_from < piece.end:
            self._target().append(self.source[plain_from : piece.end])

    def _special(self, index: int, end: int) -> int:
        """Handle the character at ``index`` and return the index after what was used up."""
        character = self.source[index]
        if character == "\\" and index + 1 < end and self.source[index + 1] in "{|}":
            self.masked[index : index + 2] = "  "
            self._target().append(PLAIN[self.source[index + 1]])
            return index + 2
        if character == "{":
            self._open(index)
        elif character == "|" and self.open:
            self.masked[index] = " "
            self.open[-1].bounds.append((self.option_from[-1], index))
            self.open[-1].options.append([])
            self.option_from[-1] = index + 1
        elif character == "}" and self.open:
            self._close(index)
        elif character == "}":
            raise self._error("This } closes nothing. Write \\} for a plain brace.", index)
        else:
            self._target().append(character)
        return index + 1

    def _open(self, index: int) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise self._error(f"Choices are nested more than {MAX_DEPTH} deep.", index)
        self.masked[index] = " "
        choice = Choice(index)
        self._target().append(choice)
        self.open.append(choice)
        self.option_from.append(index + 1)

    def _close(self, index: int) -> None:
        choice = self.open.pop()
        self.masked[index] = " "
        choice.bounds.append((self.option_from.pop(), index))
        if len(choice.options) < 2:
            text = self.source[choice.start : index + 1]
            raise self._error(
                f"{text[:60]} has only one choice. A variable is written {{{{ lead.first_name }}}}, "
                "a plain brace \\{.",
                choice.start,
            )
        self.choices.append(choice)

    def _error(self, message: str, index: int) -> TemplateError:
        return TemplateError(message, line=line_of(self.source, index), code="spintax")
