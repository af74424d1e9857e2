"""Django's mail API on top of the installation's outbox (``services.system_mail``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.db import DatabaseError

from integrations.services import system_mail

#: Header by which callers say what a mail is; it does not leave.
KIND_HEADER = "X-Mail-Kind"
#: Header that makes the same mail, sent again by the caller, one mail; it does not leave.
KEY_HEADER = "X-Mail-Key"


class ResendBackend(BaseEmailBackend):
    """Takes mails into the outbox; they leave through Resend once the transaction has committed.

    ``EMAIL_BACKEND`` names it by default where ``RESEND_API_KEY`` is set. Each recipient gets a mail of their own.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Put the messages into the outbox; return how many were taken."""
        taken = 0
        for message in email_messages:
            if not message.recipients():
                continue
            try:
                _take(message)
            except DatabaseError:
                if not self.fail_silently:
                    raise
            else:
                taken += 1
        return taken


def _take(message: EmailMessage) -> None:
    headers = {name: str(value) for name, value in message.extra_headers.items()}
    kind = headers.pop(KIND_HEADER, "other")
    key = headers.pop(KEY_HEADER, "")
    text, html = _bodies(message)
    for address in dict.fromkeys(message.recipients()):
        system_mail.send(
            to=address,
            subject=str(message.subject),
            text=text,
            html=html,
            kind=kind,
            key=f"{key}:{address}" if key else "",
            from_email=message.from_email or "",
            reply_to=", ".join(message.reply_to),
            headers=headers,
            attachments=_files(message),
        )


def _bodies(message: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a message."""
    body = str(message.body or "")
    if message.content_subtype == "html":
        return "", body
    alternatives = message.alternatives if isinstance(message, EmailMultiAlternatives) else []
    html = next((str(part[0]) for part in alternatives if part[1] == "text/html"), "")
    return body, html


def _files(message: EmailMessage) -> list[tuple[str, bytes, str]]:
    """The attachments that are given as name, content and type (MIME parts are not used by the product)."""
    found: list[tuple[str, bytes, str]] = []
    for item in message.attachments:
        if isinstance(item, tuple):
            parts: Any = item
            name, content, media = parts
            data = content if isinstance(content, bytes) else str(content).encode()
            found.append((name or "attachment", data, media or "application/octet-stream"))
    return found
