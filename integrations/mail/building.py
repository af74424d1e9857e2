"""From ``OutgoingEmail`` to the bytes of one e-mail (RFC 5322, MIME), safe against header injection."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from typing import Any, Final

import idna

from integrations.errors import ErrorKind, ProviderError
from integrations.values import OutgoingAttachment, OutgoingEmail

#: Ids in a References header: the root and the latest ones, so that it stays below what servers take.
MAX_REFERENCES: Final = 20
#: RFC 5322: longest line without its end.
MAX_LINE: Final = 998

_HEADER_NAME: Final = re.compile(r"[!-9;-~]{1,76}\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_MESSAGE_ID: Final = re.compile(r"<[!-;=?-~]+>\Z")
_MIME_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9.+_-]*/[a-z0-9][a-z0-9.+_-]*\Z")
_LOCAL_PART: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}\Z")
#: Headers that the fields of ``OutgoingEmail`` decide; nobody sets them by the way.
_OURS: Final = frozenset(
    {
        "from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "in-reply-to",
        "references", "mime-version", "return-path", "received", "dkim-signature",
    }
)  # fmt: skip
#: Headers made of tokens that must stay whole: the standard library would encode a long one.
_TOKENS: Final = frozenset(
    {
        "message-id", "in-reply-to", "references", "list-unsubscribe", "list-unsubscribe-post", "list-id",
        "feedback-id",
    }
)  # fmt: skip


class _Policy(EmailPolicy):
    """CRLF line ends, bodies in 7 bit, and ids and addresses in headers folded at blanks only."""

    def fold(self, name: str, value: Any) -> str:
        """Return the header with its name, folded."""
        if name.lower() in _TOKENS:
            return _fold_tokens(name, str(value), self.linesep)
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the header with its name, folded, as bytes."""
        if name.lower() in _TOKENS:
            return _fold_tokens(name, str(value), self.linesep).encode("ascii", "replace")
        return bytes(super().fold_binary(name, value))


_POLICY: Final = _Policy(linesep=SMTP.linesep, cte_type="7bit", max_line_length=78)


def build_mime(email: OutgoingEmail, *, provider: str, at: datetime | None = None) -> EmailMessage:
    """Return ``email`` as a message; ``as_bytes()`` of it is what goes over the wire.

    ``at`` is the date that it carries (default: now). Raises ``ProviderError`` of kind ``recipient`` for a
    recipient that cannot be written to, and ``validation`` for everything else that does not make an e-mail.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(email.from_email, email.from_name, provider, ErrorKind.VALIDATION)
    message["To"] = _address(email.to_email, email.to_name, provider, ErrorKind.RECIPIENT)
    if email.cc:
        message["Cc"] = [_address(copy, "", provider, ErrorKind.VALIDATION) for copy in email.cc]
    if email.reply_to:
        message["Reply-To"] = _address(email.reply_to, "", provider, ErrorKind.VALIDATION)
    message["Subject"] = one_line(email.subject)
    message["Date"] = format_datetime((at or datetime.now(UTC)).astimezone(UTC))
    message["Message-ID"] = _id(email.message_id, provider)
    answered = [_id(ref, provider) for ref in _thread(email)]
    if answered:
        message["In-Reply-To"] = _id(email.in_reply_to, provider) if email.in_reply_to else answered[-1]
        message["References"] = " ".join(answered)
    for name, value in email.headers.items():
        _add_header(message, name, value, provider)
    message.set_content(_crlf_free(email.text))
    if email.html:
        message.add_alternative(_crlf_free(email.html), subtype="html")
    for attachment in email.attachments:
        _attach(message, attachment)
    return message


def one_line(text: str) -> str:
    """Return ``text`` without line breaks and control characters, fit for a header."""
    return _CONTROL.sub(" ", _encodable(text)).strip()


def ascii_address(address: str) -> str:
    """Return an e-mail address as it stands on the wire: its domain in ASCII, the rest as it is.

    Raises ``ValueError`` for what is no address, and for local parts that need SMTPUTF8.
    """
    local, at, domain = address.strip().rpartition("@")
    dots_fine = not (local.startswith(".") or local.endswith(".") or ".." in local)
    if not at or not _LOCAL_PART.match(local) or not dots_fine:
        raise ValueError(f"{address!r} is not an e-mail address that can be written to.")
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except idna.IDNAError as error:
        raise ValueError(f"{domain!r} is not a domain.") from error


def _address(address: str, name: str, provider: str, kind: ErrorKind) -> Address:
    try:
        return Address(display_name=one_line(name), addr_spec=ascii_address(address))
    except ValueError as error:
        raise ProviderError(kind, one_line(str(error)), provider=provider) from error


def _thread(email: OutgoingEmail) -> list[str]:
    """The ids of a References header: the root, then the latest, ``in_reply_to`` last."""
    ids = list(dict.fromkeys([*email.references, *filter(None, [email.in_reply_to])]))
    if email.in_reply_to and ids[-1] != email.in_reply_to:
        ids.remove(email.in_reply_to)
        ids.append(email.in_reply_to)
    return ids if len(ids) <= MAX_REFERENCES else [ids[0], *ids[-(MAX_REFERENCES - 1) :]]


def _id(text: str, provider: str) -> str:
    text = text.strip()
    if not _MESSAGE_ID.match(text) or len(text) > MAX_LINE - 20:
        raise ProviderError(
            ErrorKind.VALIDATION, f"{one_line(text)[:80]!r} is not a message id.", provider=provider
        )
    return text


def _add_header(message: EmailMessage, name: str, value: str, provider: str) -> None:
    lower = name.lower()
    if not _HEADER_NAME.match(name) or lower in _OURS or lower.startswith("content-"):
        raise ProviderError(
            ErrorKind.VALIDATION, f"The header {one_line(name)[:80]!r} cannot be set.", provider=provider
        )
    message[name] = one_line(value)


def _attach(message: EmailMessage, attachment: OutgoingAttachment) -> None:
    given = attachment.mime_type.lower().strip()
    # A message inside a message would have to be parsed first; as a file it is the same bytes.
    usable = _MIME_TYPE.match(given) and not given.startswith(("multipart/", "message/"))
    main, _, sub = (given if usable else "application/octet-stream").partition("/")
    name = one_line(attachment.name).replace("/", "_").replace("\\", "_") or "attachment"
    message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=name)


def _crlf_free(text: str) -> str:
    text = _encodable(text).replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else f"{text}\n"


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _fold_tokens(name: str, value: str, end: str) -> str:
    """Fold before a token that would go over 78 characters; a longer token stands on a line of its own."""
    lines, line = [], f"{name}:"
    for token in value.split():
        if len(line) + 1 + len(token) > 78 and line != f"{name}:":
            lines.append(line)
            line = ""
        line = f"{line} {token}"
    return end.join([*lines, line]) + end
