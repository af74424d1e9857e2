"""From the text that a person wrote to the two parts of an e-mail: plain text and simple HTML. Pure.

The HTML has paragraphs, line breaks and links and nothing else: no style, no pictures, nothing that a template could
smuggle in, for everything that is not markup of ours is escaped.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_LINK = re.compile(r"\b(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
#: Ends a sentence and not the address in it.
_TRAILING = ".,;:!?)]}"
_REPLY_PREFIX = re.compile(r"^\s*(?:(?:re|aw|sv|antw|r|rif|odp|res|vs)(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n+")


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands under a campaign's e-mail: who writes from where, and how to be left out. Parts may be empty."""

    sender: str = ""
    address: str = ""
    unsubscribe_text: str = "Unsubscribe"
    unsubscribe_url: str = ""

    @property
    def imprint(self) -> str:
        """Name and postal address on one line."""
        return ", ".join(part for part in (self.sender, " ".join(self.address.split())) if part)


@dataclass(frozen=True, slots=True)
class MailBody:
    """Both parts of an e-mail."""

    text: str
    html: str


def mail_body(text: str, *, signature: str = "", footer: Footer | None = None) -> MailBody:
    """Put text, signature and footer together. A link that stands in the text already is not repeated below it."""
    written = "\n\n".join(part for part in (text.strip(), signature.strip()) if part)
    plain, marked = [written], [to_html(written)]
    if footer is not None:
        url = "" if footer.unsubscribe_url in written else footer.unsubscribe_url
        lines = [footer.imprint] if footer.imprint else []
        tags = [_linked(line) for line in lines]
        if url:
            lines.append(f"{footer.unsubscribe_text}: {url}")
            tags.append(f'<a href="{html.escape(url)}">{html.escape(footer.unsubscribe_text)}</a>')
        if lines:
            plain.append("\n".join(["--", *lines]))
            marked.append(_paragraph(["--", *tags]))
    return MailBody("\n\n".join(plain), "\n".join(part for part in marked if part))


def to_html(text: str) -> str:
    """Return ``text`` as paragraphs with line breaks, its links made clickable, everything else escaped."""
    paragraphs = [part.strip("\n") for part in _PARAGRAPHS.split(text.strip())]
    return "\n".join(
        _paragraph([_linked(line) for line in part.split("\n")]) for part in paragraphs if part.strip()
    )


def reply_subject(subject: str) -> str:
    """The subject of an answer: one ``Re:`` whatever stood before."""
    return f"Re: {base_subject(subject)}"


def base_subject(subject: str) -> str:
    """A subject without the prefixes that mail programs put before it, in single blanks."""
    return " ".join(_REPLY_PREFIX.sub("", subject).split())


def _paragraph(lines: list[str]) -> str:
    return "<p>" + "<br>\n".join(lines) + "</p>"


def _linked(line: str) -> str:
    made, last = [], 0
    for found in _LINK.finditer(line):
        address = found.group().rstrip(_TRAILING)
        target = address if "://" in address else f"https://{address}"
        made.append(html.escape(line[last : found.start()]))
        made.append(f'<a href="{html.escape(target)}">{html.escape(address)}</a>')
        last = found.start() + len(address)
    made.append(html.escape(line[last:]))
    return "".join(made)
