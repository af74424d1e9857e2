"""Cutting a template into plain text and Liquid markup, in one linear pass that refuses what is malformed.

Everything dangerous or ambiguous is refused here, before the Liquid library sees it: markup that is not
closed (it would be sent as it stands), tags that are not offered (loops, includes), and markup so long that
the library's regular expressions would take quadratic time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_SOURCE = 20_000
MAX_MARKUP = 500
TAGS = frozenset(
    {"if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase", "assign"},
)

_TAG_NAME = re.compile(r"\{%-?\s*([\w#]*)")


class TemplateError(ValueError):
    """A template that cannot be used. ``line`` counts from 1, ``code`` is stable, the message is plain."""

    def __init__(self, message: str, *, line: int = 1, code: str = "syntax") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.code = code


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the source: plain text or one complete ``{{ ... }}`` or ``{% ... %}``."""

    kind: Literal["text", "output", "tag"]
    start: int
    end: int


def normalize_newlines(text: str) -> str:
    """CRLF and CR become LF, which is how providers count length."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def line_of(source: str, index: int) -> int:
    """The line, from 1, that contains ``index``."""
    return source.count("\n", 0, index) + 1


def scan(source: str) -> list[Piece]:
    """Cut ``source`` into pieces in order; raise ``TemplateError`` for anything malformed."""
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"The text is longer than {MAX_SOURCE:,} characters.", code="too_long")
    pieces: list[Piece] = []
    text_from = position = 0
    while (opening := _next_markup(source, position)) is not None:
        if opening > text_from:
            pieces.append(Piece("text", text_from, opening))
        piece = _markup(source, opening)
        pieces.append(piece)
        text_from = position = piece.end
    if text_from < len(source):
        pieces.append(Piece("text", text_from, len(source)))
    return pieces


def _next_markup(source: str, position: int) -> int | None:
    """The index of the next ``{{`` or ``{%``. Of ``{{{`` the first brace opens a choice, not a variable."""
    while (brace := source.find("{", position)) >= 0:
        following = source[brace + 1 : brace + 3]
        if following == "{{" or not following or following[0] not in "{%":
            position = brace + 1
            continue
        return brace
    return None


def _markup(source: str, start: int) -> Piece:
    """The complete markup that begins at ``start``."""
    output = source[start + 1] == "{"
    opening, closing = ("{{", "}}") if output else ("{%", "%}")
    end = source.find(closing, start + 2)
    line = line_of(source, start)
    if end < 0:
        raise TemplateError(f"{opening} is never closed by {closing}.", line=line)
    body = source[start + 2 : end]
    if "{{" in body or "{%" in body:
        raise TemplateError(f"{opening} is never closed by {closing}.", line=line)
    if len(body) > MAX_MARKUP:
        raise TemplateError(f"One {opening} {closing} is longer than {MAX_MARKUP} characters.", line=line)
    if output and not body.strip(" \t\n-"):
        raise TemplateError("{{ }} names no variable.", line=line)
    if not output:
        match = _TAG_NAME.match(source, start)
        name = match[1] if match else ""
        if name not in TAGS:
            raise TemplateError(
                f"{{% {name} %}} is not available here. Use if, unless, case or assign.",
                line=line,
                code="tag",
            )
    return Piece("output" if output else "tag", start, end + 2)
