"""From ``OutgoingEmail`` to the body of ``POST /v3/mail/send`` (docs/providers/sendgrid.md, section 1).

One personalization with one recipient (and copies) for each request: one ``X-Message-Id`` is one e-mail. Only
opaque ids go into custom arguments and categories: the vendor's staff may see them.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from integrations.errors import ErrorKind, ProviderError
from integrations.mail.building import ascii_address, one_line
from integrations.mail.headers import short_id
from integrations.providers.sendgrid.fields import ACCOUNT_ARG, PROVIDER, SEND_ID_ARG, TO_ARG, digest_of
from integrations.values import OutgoingEmail, Raw, SendReceipt

#: The vendor's limit on the whole message, in bytes.
MAX_BYTES: Final = 30 * 1024 * 1024
MAX_CATEGORIES: Final = 10
MAX_CATEGORY: Final = 255
#: Headers that SendGrid sets itself and refuses from us.
RESERVED: Final = frozenset(
    {
        "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding",
        "to", "from", "subject", "reply-to", "cc", "bcc",
    }
)  # fmt: skip


def body_of(email: OutgoingEmail, *, account_id: str, sandbox_mode: bool) -> Raw:
    """Return the request body. Raises ``ProviderError`` of kind ``recipient`` or ``validation`` for what
    SendGrid would refuse, or would only drop later.
    """
    if not email.text.strip() and not email.html.strip():
        raise _invalid("The e-mail is empty.")
    if not email.subject.strip():
        raise _invalid("The e-mail has no subject.")
    body: Raw = {
        "personalizations": [_personalization(email, account_id)],
        "from": _mailbox(_own(email.from_email), email.from_name),
        "subject": one_line(email.subject),
        "content": _content(email),
        "tracking_settings": {
            "click_tracking": {"enable": email.track_clicks, "enable_text": False},
            "open_tracking": {"enable": email.track_opens},
            # We set List-Unsubscribe ourselves; with this on SendGrid would set its own.
            "subscription_tracking": {"enable": False},
        },
    }
    if email.reply_to:
        body["reply_to"] = {"email": _own(email.reply_to)}
    if email.tags:
        body["categories"] = [tag[:MAX_CATEGORY] for tag in dict.fromkeys(email.tags)][:MAX_CATEGORIES]
    if email.ip_pool:
        body["ip_pool_name"] = email.ip_pool
    if email.attachments:
        body["attachments"] = [
            _attachment(item.name, item.mime_type, item.content) for item in email.attachments
        ]
    if sandbox_mode:
        body["mail_settings"] = {"sandbox_mode": {"enable": True}}
    return body


def receipt_of(email: OutgoingEmail, vendor_id: str) -> SendReceipt:
    """Return the receipt of an accepted e-mail; ``vendor_id`` is the answer's ``X-Message-Id``."""
    root = email.references[0] if email.references else email.in_reply_to or email.message_id
    return SendReceipt(
        message_id=vendor_id,
        provider_message_id=short_id(email.message_id),
        chat_id=short_id(root),
    )


def _invalid(message: str) -> ProviderError:
    return ProviderError(ErrorKind.VALIDATION, message, provider=PROVIDER)


def _own(address: str) -> str:
    try:
        found = ascii_address(address)
    except ValueError as error:
        raise _invalid(one_line(str(error))) from error
    if not found.isascii():
        raise _invalid(f"SendGrid sends from plain addresses only, not from {one_line(address)}.")
    return found


def _personalization(email: OutgoingEmail, account_id: str) -> Raw:
    to = _recipient(email)
    made: Raw = {
        "to": [to],
        "headers": _headers(email),
        "custom_args": {SEND_ID_ARG: email.send_id, ACCOUNT_ARG: account_id},
    }
    copies = {"cc": email.cc, "bcc": email.bcc}
    made |= {name: [{"email": _copy(one)} for one in given] for name, given in copies.items() if given}
    if email.cc or email.bcc:
        made["custom_args"][TO_ARG] = digest_of(to["email"])
    return made


def _copy(address: str) -> str:
    try:
        return ascii_address(address)
    except ValueError as error:
        raise _invalid(one_line(str(error))) from error


def _recipient(email: OutgoingEmail) -> dict[str, str]:
    try:
        address = ascii_address(email.to_email)
    except ValueError as error:
        raise ProviderError(ErrorKind.RECIPIENT, one_line(str(error)), provider=PROVIDER) from error
    # Semicolons and commas in a recipient's name are refused.
    return _mailbox(address, email.to_name.replace(";", " ").replace(",", " "))


def _mailbox(address: str, name: str) -> dict[str, str]:
    shown = " ".join(one_line(name).split())
    return {"email": address, "name": shown} if shown else {"email": address}


def _headers(email: OutgoingEmail) -> dict[str, str]:
    headers = {"Message-ID": email.message_id}
    thread = list(dict.fromkeys([*email.references, *filter(None, [email.in_reply_to])]))
    if thread:
        headers["In-Reply-To"] = email.in_reply_to or thread[-1]
        headers["References"] = " ".join(thread)
    for name, value in email.headers.items():
        if name.lower() in RESERVED or name.lower() in {"message-id", "in-reply-to", "references"}:
            raise _invalid(f"The header {one_line(name)[:80]} cannot be set.")
        headers[name] = one_line(value)
    return headers


def _content(email: OutgoingEmail) -> list[dict[str, str]]:
    """The parts, plain text first: SendGrid wants them in this order."""
    parts = [{"type": "text/plain", "value": email.text}] if email.text.strip() else []
    if email.html.strip():
        parts.append({"type": "text/html", "value": email.html})
    return parts


def _attachment(name: str, mime_type: str, content: bytes) -> dict[str, Any]:
    # Base64 makes four bytes of three.
    if len(content) * 4 // 3 > MAX_BYTES:
        raise _invalid(f"The attachment {one_line(name)[:80]} makes the e-mail larger than 30 MB.")
    return {
        "content": base64.b64encode(content).decode(),
        "filename": one_line(name) or "attachment",
        "type": mime_type,
        "disposition": "attachment",
    }
