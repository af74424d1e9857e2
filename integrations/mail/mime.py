"""Taking a received e-mail apart: header, text, HTML, attachments, and the parts that machines read."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any, Final, TypeAlias

from integrations.mail.charsets import decoded
from integrations.mail.headers import Fields, words
from integrations.mail.plain import plain_of
from integrations.values import Attachment

#: More than any server takes: such input is no mail.
MAX_BYTES: Final = 60_000_000
MAX_DEPTH: Final = 20
MAX_PARTS: Final = 400
#: Characters kept of each body.
MAX_TEXT: Final = 200_000
MAX_HTML: Final = 400_000
#: Bytes of one text part that are decoded.
MAX_PART: Final = 2_000_000

RawMessage: TypeAlias = "Message[Any, Any]"


@dataclass(frozen=True, slots=True)
class Mail:
    """A received e-mail. ``text`` is never empty if there is any body a person can read.

    ``new_html_text`` is the text of the HTML before the first marked quote, where its author's program marks
    quotes. ``reports`` are parts of type ``message/delivery-status``, ``message/feedback-report`` and so on,
    ``returned`` the message that a report is about, as far as it is given back.
    """

    fields: Fields
    message: RawMessage
    text: str
    html: str
    new_html_text: str
    attachments: tuple[Attachment, ...]
    reports: dict[str, RawMessage] = field(default_factory=dict)
    returned: Fields | None = None


@dataclass(slots=True)
class _Walk:
    parts: int = 0
    #: The one file whose bytes are wanted, and they.
    wanted: str = ""
    content: bytes | None = None
    attachments: list[Attachment] = field(default_factory=list)
    reports: dict[str, RawMessage] = field(default_factory=dict)
    returned: Fields | None = None
    new_html_text: str = ""


@dataclass(frozen=True, slots=True)
class _Body:
    text: str = ""
    html: str = ""


_NOTHING: Final = _Body()
_LOOSE_FIELD: Final = re.compile(r"[!-9;-~]{1,60}:[ \t]")


def take_apart(raw: bytes) -> Mail:
    """Parse one e-mail. Broken structure gives what can be read of it.

    Raises ``ValueError`` for what is no mail at all: empty, or larger than any server takes.
    """
    if not raw.strip():
        raise ValueError("There is nothing in this message.")
    if len(raw) > MAX_BYTES:
        raise ValueError("This message is larger than any server takes.")
    message = _parse(raw)
    walk = _Walk()
    body = _read(message, walk, 0)
    text = body.text or _text_of(body.html, walk)
    return Mail(
        fields=Fields(message),
        message=message,
        text=_clean(text)[:MAX_TEXT],
        html=body.html.replace("\x00", "")[:MAX_HTML],
        new_html_text=_clean(walk.new_html_text)[:MAX_TEXT],
        attachments=tuple(walk.attachments),
        reports=walk.reports,
        returned=walk.returned,
    )


def file_of(raw: bytes, attachment_id: str) -> bytes:
    """Return the bytes of one file of an e-mail; ``attachment_id`` is as ``take_apart`` named it.

    Raises ``KeyError`` if the mail has no such file, ``ValueError`` for what is no mail.
    """
    if not raw.strip() or len(raw) > MAX_BYTES:
        raise ValueError("This is no e-mail.")
    walk = _Walk(wanted=attachment_id)
    _read(_parse(raw), walk, 0)
    if walk.content is None:
        raise KeyError(attachment_id)
    return walk.content


def _parse(raw: bytes) -> RawMessage:
    """Parse with the tolerant policy; parts nested beyond all measure leave the header alone."""
    try:
        return email.message_from_bytes(raw, policy=email.policy.compat32)
    except (RecursionError, ValueError, LookupError, AssertionError, TypeError, AttributeError):
        message: RawMessage = BytesHeaderParser(policy=email.policy.compat32).parsebytes(raw[:1_000_000])
        message.set_payload("")
        return message


def _read(part: RawMessage, walk: _Walk, depth: int) -> _Body:
    """Return the body of a part, and note its files and reports."""
    walk.parts += 1
    if walk.parts > MAX_PARTS or depth > MAX_DEPTH:
        return _NOTHING
    kind = part.get_content_type()
    if part.get_content_maintype() == "message" or kind == "text/rfc822-headers":
        _note_message(part, kind, walk)
        return _NOTHING
    if part.is_multipart():
        return _read_parts(part, kind, walk, depth)
    if kind in {"text/plain", "text/html"} and not _is_file(part):
        text = _decode(part)
        if kind == "text/html":
            return _Body(html=text)
        return _Body(text=_unflowed(part, text))
    _note_file(part, kind, walk)
    return _NOTHING


def _read_parts(part: RawMessage, kind: str, walk: _Walk, depth: int) -> _Body:
    children = part.get_payload()
    if not isinstance(children, list):
        return _NOTHING
    bodies = [_read(child, walk, depth + 1) for child in children if isinstance(child, Message)]
    if kind == "multipart/alternative":
        # The last one is the richest by the standard; of each sort the first that says anything is meant.
        return _Body(
            text=next((body.text for body in bodies if body.text.strip()), ""),
            html=next((body.html for body in bodies if body.html.strip()), ""),
        )
    htmls = [body.html for body in bodies if body.html]
    if not htmls:
        return _Body(text="\n".join(body.text for body in bodies if body.text))
    # Some programs send text, picture, text: all of it was written.
    texts = [body.text or _text_of(body.html, walk) for body in bodies]
    alone = not any(body.text for body in bodies)
    return _Body(text="" if alone else "\n".join(filter(None, texts)), html="\n".join(htmls))


def _text_of(html: str, walk: _Walk) -> str:
    if not html.strip():
        return ""
    plain = plain_of(html)
    walk.new_html_text = walk.new_html_text or plain.new
    return plain.full


def _is_file(part: RawMessage) -> bool:
    disposition = str(part.get("Content-Disposition", "")).strip().lower()
    return disposition.startswith("attachment") or ("filename" in disposition and "inline" not in disposition)


def _decode(part: RawMessage) -> str:
    data = _bytes_of(part)[:MAX_PART]
    return decoded(data, _parameter(part, "charset"))


def _bytes_of(part: RawMessage) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError, TypeError, AttributeError):
        return b""
    return data if isinstance(data, bytes) else b""


def _parameter(part: RawMessage, name: str) -> str:
    try:
        value = part.get_param(name, "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    if isinstance(value, tuple):
        value = value[2]
    return str(value or "")[:60]


def _unflowed(part: RawMessage, text: str) -> str:
    """Join lines that ``format=flowed`` (RFC 3676) broke; quoted ones stay as they are."""
    if _parameter(part, "format").lower() != "flowed":
        return text
    joined: list[str] = []
    open_line = False
    for line in text.replace("\r\n", "\n").split("\n"):
        quoted = line.startswith(">")
        if open_line and not quoted and joined:
            joined[-1] += line.removeprefix(" ")
        else:
            joined.append(line.removeprefix(" ") if not quoted else line)
        open_line = line.endswith(" ") and not quoted and line != "-- "
    return "\n".join(joined)


def _note_file(part: RawMessage, kind: str, walk: _Walk) -> None:
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        name = ""
    name = words(str(name)).replace("\x00", "").replace("\r", " ").replace("\n", " ")[:200]
    data = _bytes_of(part)
    number = str(len(walk.attachments) + 1)
    if number == walk.wanted:
        walk.content = data
    walk.attachments.append(
        Attachment(
            attachment_id=number,
            kind="image" if kind.startswith("image/") else "file",
            name=name,
            mime_type=kind[:120],
            size=len(data),
            content_id=str(part.get("Content-ID", "")).strip().strip("<>")[:200],
        )
    )


def _note_message(part: RawMessage, kind: str, walk: _Walk) -> None:
    """Keep a report, or the message that one is about; any other message inside is an attached file."""
    payload = part.get_payload()
    if kind in {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"}:
        inner = payload[0] if isinstance(payload, list) and payload else None
        if not isinstance(inner, Message):
            inner = _loose_headers(part)
        if walk.returned is None and inner is not None:
            walk.returned = Fields(inner)
        _note_file(part, kind, walk)
        return
    walk.reports.setdefault(kind, part)


def _loose_headers(part: RawMessage) -> RawMessage | None:
    data = _bytes_of(part)[:200_000]
    if not _LOOSE_FIELD.match(data[:80].decode("latin-1")):
        return None
    parsed: RawMessage = BytesHeaderParser(policy=email.policy.compat32).parsebytes(data)
    return parsed


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()
