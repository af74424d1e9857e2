"""HTML of received mail, made harmless: what is kept of it, and the document that a sandboxed frame shows. Pure.

Cleaned twice: when it is stored, so that nothing hostile lies in the database, and again when it is shown, by the same
rules, when the pictures are pointed to where they may be loaded from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from typing import Final

import nh3

#: Longer HTML is cut: no person wrote it.
MAX_HTML: Final = 300_000
#: Elements of HTML that is shown as such; the text of a mail with more is shown instead.
MAX_TAGS: Final = 8_000

_TAGS: Final = frozenset(
    {
        "a", "abbr", "b", "blockquote", "br", "caption", "center", "code", "col", "colgroup", "dd", "del", "div", "dl",
        "dt", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "li",
        "ol", "p", "pre", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot",
        "th", "thead", "tr", "tt", "u", "ul",
    }
)  # fmt: skip
_LOOKS: Final = {"align", "bgcolor", "color", "dir", "lang", "style", "title", "valign", "class", "type"}
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": _LOOKS,
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "font": {"size", "face"},
    "table": {"border", "cellpadding", "cellspacing", "width"},
    "td": {"colspan", "rowspan", "width", "height"},
    "th": {"colspan", "rowspan", "width", "height"},
    "col": {"span", "width"},
    "ol": {"start"},
}
#: What a style may say: how letters and boxes look, never where they lie on the page or what they load.
_STYLES: Final = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius",
    "border-right", "border-spacing", "border-style", "border-top", "border-width", "color", "direction", "display",
    "font", "font-family", "font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height",
    "list-style-type", "margin", "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width", "min-width",
    "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
    "text-indent", "text-transform", "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip
_GONE: Final = {
    "script",
    "style",
    "title",
    "head",
    "object",
    "embed",
    "iframe",
    "svg",
    "math",
    "template",
    "noscript",
}
_LOADS: Final = re.compile(r"url\s*\(|expression\s*\(|image-set|@import|\\", re.IGNORECASE)
_INLINE_PICTURE: Final = re.compile(
    r"data:image/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]+\Z", re.IGNORECASE
)
_REMOTE: Final = re.compile(r"https?://", re.IGNORECASE)
#: Marks that programs put on what they quote.
_QUOTE_CLASSES: Final = frozenset(
    {"gmail_quote", "gmail_quote_container", "yahoo_quoted", "protonmail_quote", "moz-cite-prefix"}
)
#: What makes a mail worth showing as it was made: all else reads better as text.
_RICH: Final = re.compile(
    r"<(?:img|table|font|h[1-6]|ul|ol|center)\b|style=\"[^\"]*(?:color|background|font-size)", re.IGNORECASE
)

Picture = Callable[[str], str]
"""From the address of a picture (``https:``, ``cid:``) to one that the frame may load, ``""`` for none."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored of a mail's HTML: clean, and how many pictures it would load from elsewhere."""

    html: str
    remote_images: int


def keep(html: str) -> Kept:
    """Return what is stored of the HTML of a mail; nothing where its text says it all. Never raises."""
    source = html[:MAX_HTML].replace("\x00", "")
    if not source.strip() or source.count("<") > MAX_TAGS:
        return Kept("", 0)
    seen: set[str] = set()

    def note(address: str) -> str:
        if _REMOTE.match(address):
            seen.add(address)
        return address

    clean = _clean(source, note)
    return Kept(clean, min(len(seen), 32_000)) if _RICH.search(clean) else Kept("", 0)


def document(html: str, *, picture: Picture, language: str = "") -> str:
    """Return the document that the frame shows. ``html`` is as ``keep`` stored it."""
    body = _fold(_clean(html, picture))
    lang = f' lang="{escape(language)}"' if language else ""
    return (
        f'<!doctype html><html{lang}><head><meta charset="utf-8"><base target="_blank">'
        f"<title>Message</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def pictures(html: str) -> list[str]:
    """Return the addresses of pictures elsewhere that stored HTML names."""
    found: dict[str, None] = {}

    def note(address: str) -> str:
        if _REMOTE.match(address):
            found[address] = None
        return address

    _clean(html, note)
    return list(found)


def _clean(html: str, picture: Picture) -> str:
    def judge(element: str, attribute: str, value: str) -> str | None:
        if attribute == "style":
            return None if _LOADS.search(value) else value
        if element == "img" and attribute == "src":
            address = value.strip()
            if _INLINE_PICTURE.match(address):
                return address
            if address.lower().startswith("cid:") or _REMOTE.match(address):
                return picture(address) or None
            return None
        if attribute == "href":
            return (
                value
                if value.strip().lower().startswith(("http://", "https://", "mailto:", "tel:"))
                else None
            )
        return value

    return nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=judge,
        filter_style_properties=_STYLES,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )


_STYLE: Final = (
    "html{color-scheme:light}body{margin:0;padding:2px;background:#fff;color:#11181d;"
    "font:14px/21px Inter,system-ui,sans-serif;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}a{color:#0a5f67}"
    "summary{display:inline-block;margin:6px 0;padding:2px 8px;border:1px dashed #d0d7db;border-radius:6px;"
    "font-size:12px;color:#414d55;cursor:pointer}"
)


class _Folder(HTMLParser):
    """Puts what a program marked as quoted into a ``details``; the input is well-formed, for it was cleaned."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._open: list[str] = []
        self._quote: int | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin the fold before the first mark."""
        marks = {name: (value or "").lower() for name, value in attrs}
        quoted = set(marks.get("class", "").split()) & _QUOTE_CLASSES or (
            tag == "blockquote" and marks.get("type") == "cite"
        )
        if quoted and self._quote is None:
            self.parts.append("<details><summary>Quoted text</summary>")
            self._quote = len(self._open)
        self.parts.append(self.get_starttag_text() or "")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """End the fold with the element that began it."""
        if tag in _VOID:
            return
        if self._open:
            self._open.pop()
        self.parts.append(f"</{tag}>")
        if self._quote is not None and len(self._open) == self._quote:
            self.parts.append("</details>")
            self._quote = None

    def handle_data(self, data: str) -> None:
        """Keep text as it is."""
        self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        """Keep ``&name;``."""
        self.parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Keep ``&#1;``."""
        self.parts.append(f"&#{name};")


_VOID: Final = frozenset({"br", "hr", "img", "col"})


def _fold(html: str) -> str:
    folder = _Folder()
    folder.feed(html)
    folder.close()
    if folder._quote is not None:
        folder.parts.append("</details>")
    return "".join(folder.parts)


def quoted_part(text: str, full_text: str) -> str:
    """Return what of ``full_text`` is not the new ``text``: the quote below it, or all around it."""
    whole, new = full_text.strip(), text.strip()
    if not whole or whole == new:
        return ""
    if new and whole.startswith(new):
        return whole[len(new) :].strip()
    return whole
