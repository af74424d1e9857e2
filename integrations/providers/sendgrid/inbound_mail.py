"""Inbound Parse: mail to our own hosts as multipart/form-data (docs/providers/sendgrid.md, section 4).

The raw form (``email`` holds the whole message) is preferred; the other one, where SendGrid has taken the
message apart, is put together again, so that one parser reads both. The envelope decides whose mail it is,
not the ``To`` header.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Final

from integrations.events import dedupe_key
from integrations.providers.sendgrid.fields import malformed, mapping, text
from integrations.values import Raw

NAME: Final = "inbound_parse"
_DISPOSITION: Final = re.compile(rb'content-disposition:[^\r\n]*?;\s*name="([^"\r\n]{1,80})"', re.IGNORECASE)
_MESSAGE_ID: Final = re.compile(rb"^message-id:\s*(<[^>\r\n]{1,980}>)", re.IGNORECASE | re.MULTILINE)
#: Headers that describe the body as it came; the body is built anew.
_BODY_HEADERS: Final = re.compile(r"^(?:content-[a-z-]+|mime-version):", re.IGNORECASE)
#: How much of a part is searched for the message's id, in bytes.
_HEAD: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Inbound:
    """One call: the whole message, and who it was from and to by its envelope."""

    mail: bytes
    sender: str
    recipients: tuple[str, ...]
    raw: Raw


def is_mail(body: bytes) -> bool:
    """Say whether a call is multipart: batches of events are JSON."""
    return body[:2] == b"--"


def parts_of(body: bytes) -> dict[str, bytes]:
    """Return the parts of a multipart body by name; a repeated name keeps the first. Empty if it is none.

    The boundary is taken from the body itself, so that no header is needed.
    """
    first_line, end, _rest = body.partition(b"\r\n")
    if not end or not is_mail(body) or not 3 <= len(first_line) <= 202:
        return {}
    found: dict[str, bytes] = {}
    for piece in (b"\r\n" + body).split(b"\r\n" + first_line)[1:]:
        head, blank, content = piece.partition(b"\r\n\r\n")
        name = _DISPOSITION.search(head)
        if blank and name is not None:
            found.setdefault(name.group(1).decode("utf-8", "replace"), content)
    return found


def key_of(body: bytes) -> str | None:
    """Return what makes a call the same as an earlier one: the message's id and the envelope. SendGrid gives
    no id of its own, and a repeated call may have another boundary.
    """
    parts = parts_of(body)
    if not parts:
        return None
    head = (parts.get("email") or parts.get("headers") or b"")[:_HEAD]
    found = _MESSAGE_ID.search(head.partition(b"\r\n\r\n")[0])
    envelope = hashlib.sha256(parts.get("envelope", b"")).hexdigest()[:32]
    if found is not None:
        return dedupe_key(NAME, found.group(1).decode("utf-8", "replace"), envelope)
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(name.encode() + b"\0" + parts[name] + b"\0")
    return f"{NAME}:{digest.hexdigest()}"


def read(body: bytes) -> Inbound:
    """Read a call. Raises ``ProviderError`` of kind ``validation`` if it holds no mail."""
    parts = parts_of(body)
    mail = parts.get("email")
    if mail is None and "headers" in parts:
        mail = _rebuilt(parts)
    if not mail:
        raise malformed("The call holds no mail.")
    envelope = _object(parts.get("envelope", b""))
    to = envelope.get("to")
    recipients = (
        tuple(item.strip().lower() for item in to if isinstance(item, str)) if isinstance(to, list) else ()
    )
    raw: Raw = {
        name: parts[name].decode("utf-8", "replace").replace("\x00", "")[:2000]
        for name in ("envelope", "to", "from", "subject", "SPF", "dkim", "spam_score", "sender_ip")
        if name in parts
    }
    return Inbound(mail=mail, sender=text(envelope, "from").strip().lower(), recipients=recipients, raw=raw)


def without_tag(address: str) -> str:
    """Return an address without its plus-tag: ``maya+x1@in.example`` is ``maya@in.example``."""
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"


def _object(data: bytes) -> dict[str, Any]:
    try:
        return mapping(json.loads(data))
    except (ValueError, RecursionError):
        return {}


def _rebuilt(parts: dict[str, bytes]) -> bytes:
    """Put a message together from the fields into which SendGrid has taken it apart."""
    charsets = _object(parts.get("charsets", b""))
    message = EmailMessage()
    plain = _decoded(parts.get("text", b""), charsets.get("text"))
    html = _decoded(parts.get("html", b""), charsets.get("html"))
    if plain or not html:
        message.set_content(plain)
    if html and plain:
        message.add_alternative(html, subtype="html")
    elif html:
        message.set_content(html, subtype="html")
    files = _object(parts.get("attachment-info", b""))
    for name, told in files.items():
        main, _, sub = text(mapping(told), "type").partition("/")
        known = main.isalnum() and re.fullmatch(r"[\w.+-]+", sub) and main not in {"multipart", "message"}
        message.add_attachment(
            parts.get(name, b""),
            maintype=main if known else "application",
            subtype=sub if known else "octet-stream",
            filename=re.sub(r"[\x00-\x1f\x7f]", "", text(mapping(told), "filename", "name")) or name,
        )
    kept = _kept_headers(parts["headers"])
    return b"\r\n".join([*kept, *message.as_bytes().split(b"\n")])


def _kept_headers(block: bytes) -> list[bytes]:
    """The message's own header lines without those about its body."""
    kept: list[bytes] = []
    keep = False
    for line in block.replace(b"\r\n", b"\n").split(b"\n"):
        if not line.strip():
            continue
        if line[:1] not in b" \t":
            keep = _BODY_HEADERS.match(line.decode("ascii", "replace")) is None and b":" in line
        if keep:
            kept.append(line)
    return kept


def _decoded(data: bytes, charset: Any) -> str:
    try:
        return data.decode(codecs.lookup(charset if isinstance(charset, str) else "utf-8").name, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")
