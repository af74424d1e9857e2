"""What people's mail programs write: replies with references, quoted text and HTML, absence notes."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Any

from integrations.sandbox.clock import utc_now
from integrations.sandbox.people import Person
from integrations.sandbox.sendgrid import state
from integrations.sandbox.store import Row

OUTLOOK, GMAIL = "outlook", "gmail"


def reply_to(
    row: Row, person: Person, text: str, *, automatic: bool, files: list[dict[str, Any]]
) -> EmailMessage:
    """An answer to a message, as one of two well-known programs writes it."""
    given = state.headers_of(row)
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{person.name} <{person.slug}>"
    message["To"] = row["reply_to"]
    message["Subject"] = f"{'Automatic reply' if automatic else 'Re'}: {row['subject'].removeprefix('Re: ')}"
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = f"<{state.token(24)}@{person.slug.rpartition('@')[2]}>"
    message["In-Reply-To"] = row["rfc_id"]
    message["References"] = " ".join(filter(None, [given.get("references", ""), row["rfc_id"]]))
    if automatic:
        message["Auto-Submitted"] = "auto-replied"
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(text)
        return message
    style = OUTLOOK if person.rng("mail program").random() < 0.4 else GMAIL
    head = _head(row, style)
    message.set_content(f"{text}\n\n{head}\n{_quoted(row, style)}")
    message.add_alternative(_html(row, text, head, style), subtype="html")
    for item in files:
        main, _, sub = item["mimetype"].partition("/")
        message.add_attachment(
            item["content"], maintype=main, subtype=sub or "octet-stream", filename=item["name"]
        )
    return message


def plain(person: Person, to: str, subject: str, text: str) -> EmailMessage:
    """A mail of their own, such as the one behind a ``mailto:`` link."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{person.name} <{person.slug}>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = f"<{state.token(24)}@{person.slug.rpartition('@')[2]}>"
    message.set_content(text or " ")
    return message


def _head(row: Row, style: str) -> str:
    name = row["from_name"] or row["from_email"]
    if style == GMAIL:
        return f"On Fri, 20 Nov 2026 at 09:12, {name} <{row['from_email']}> wrote:\n"
    return (
        f"________________________________\nFrom: {name} <{row['from_email']}>\n"
        f"Sent: Friday, November 20, 2026 9:12 AM\nTo: {row['recipient']}\nSubject: {row['subject']}\n"
    )


def _quoted(row: Row, style: str) -> str:
    text = row["text"] or "(HTML message)"
    return "\n".join(f"> {line}" for line in text.splitlines()) if style == GMAIL else text


def _html(row: Row, text: str, head: str, style: str) -> str:
    mine = escape(text).replace("\n", "<br>")
    theirs = row["html"] or escape(row["text"]).replace("\n", "<br>")
    intro = escape(head).replace("\n", "<br>")
    if style == GMAIL:
        return (
            f'<div dir="ltr">{mine}</div><br><div class="gmail_quote"><div class="gmail_attr">{intro}</div>'
            f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{theirs}</blockquote></div>'
        )
    return f'<div>{mine}</div><hr><div id="divRplyFwdMsg">{intro}</div><div>{theirs}</div>'
