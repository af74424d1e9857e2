"""From HTML to the plain text that a person would have read, and where in it the quoted mail begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import Final

import nh3

#: Longer HTML is cut first: no person wrote it.
MAX_HTML: Final = 400_000
#: Elements of HTML that is read as such; of more only the tags are cut out.
MAX_TAGS: Final = 15_000
_BLOCKS: Final = frozenset(
    {
        "p",
        "div",
        "table",
        "tr",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "pre",
        "hr",
        "blockquote",
    }
)
_PARAGRAPHS: Final = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table"})
_TAGS: Final = _BLOCKS | {"br", "td", "th"}
#: Marks that mail programs put on what they quote (Gmail, Outlook, Thunderbird, Yahoo, Proton, Zoho, GMX).
_QUOTE_CLASSES: Final = frozenset(
    {
        "gmail_quote", "gmail_quote_container", "gmail_attr", "moz-cite-prefix", "yahoo_quoted",
        "protonmail_quote", "zmail_extra", "gmail_extra",
    }
)  # fmt: skip
_QUOTE_IDS: Final = frozenset(
    {"divrplyfwdmsg", "appendonsend", "mail-editor-reference-message-container", "olk_src_body_section"}
)
#: Elements that only change how letters look. They say nothing here, and thousands of them, never closed, take a
#: standard parser quadratic time.
_LOOKS: Final = re.compile(
    r"</?(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?:\s[^<>]*)?/?>", re.IGNORECASE
)
_TAG: Final = re.compile(r"<[^<>]*>")
_SPACES: Final = re.compile(r"[ \t\r\n\f\v]+")


@dataclass(frozen=True, slots=True)
class PlainHtml:
    """``full`` is all text; ``new`` what stands before the first marked quote, ``""`` if nothing is marked."""

    full: str
    new: str


def plain_of(html: str) -> PlainHtml:
    """Return the text of an HTML mail. Hostile input is made well-formed first. Never raises."""
    plain = _LOOKS.sub("", html[:MAX_HTML].replace("\x00", ""))
    if plain.count("<") > MAX_TAGS:
        return PlainHtml(_tidy(unescape(_TAG.sub(" ", plain))), "")
    clean = nh3.clean(
        plain,
        tags=set(_TAGS),
        attributes={"*": {"class", "id", "type"}},
        clean_content_tags={"script", "style", "title", "head"},
        link_rel=None,
    )
    reader = _Reader()
    reader.feed(clean)
    reader.close()
    full = _tidy("".join(reader.parts))
    new = _tidy("".join(reader.parts[: reader.quote_at])) if reader.quote_at is not None else ""
    return PlainHtml(full, new)


class _Reader(HTMLParser):
    """Collects text, line by line; ``quote_at`` is the index of the part where quoted mail begins."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.quote_at: int | None = None
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Break the line before blocks; notice marks of quotes."""
        marks = {name: (value or "").lower() for name, value in attrs}
        cited = tag == "blockquote" and marks.get("type") == "cite"
        quoted = set(marks.get("class", "").split()) & _QUOTE_CLASSES or marks.get("id") in _QUOTE_IDS
        if self.quote_at is None and (quoted or cited):
            self.quote_at = len(self.parts)
        self._pre += tag == "pre"
        if tag == "br":
            self.parts.append("\n")
        elif tag in _BLOCKS:
            self._end_line(tag)
        if tag == "li":
            self.parts.append("- ")
        elif tag == "hr":
            self.parts.append("________________________________\n")

    def handle_endtag(self, tag: str) -> None:
        """Break the line after blocks, part cells by a blank."""
        self._pre -= tag == "pre"
        if tag in _BLOCKS:
            self._end_line(tag)
        elif tag in {"td", "th"}:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        """Keep text; runs of blanks are one blank outside of ``pre``."""
        self.parts.append(data if self._pre > 0 else _SPACES.sub(" ", data))

    def _end_line(self, tag: str) -> None:
        """End the line if there is one; paragraphs leave a blank line besides."""
        if self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")
        if tag in _PARAGRAPHS:
            self.parts.append("\n")


def _tidy(text: str) -> str:
    lines = [" ".join(line.replace("\xa0", " ").split(" ")).strip() for line in text.split("\n")]
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()
