"""What people's mail programs write: answers in the styles of well-known programs, absence notes, own mail."""

from __future__ import annotations

import secrets
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Any, Final

from integrations.sandbox.clock import utc_now
from integrations.sandbox.mailbox import state
from integrations.sandbox.people import Person
from integrations.sandbox.store import Row

#: ``bare`` drops References and In-Reply-To, as some phones and ticket systems do.
STYLES: Final = ("gmail", "outlook", "apple", "html", "bare")

#: Language -> (mark before the subject, text) of an absence note.
ABSENCES: Final[dict[str, tuple[str, str]]] = {
    "en": ("Automatic reply", "Thank you for your message. I am out of office until {date}."),
    "de": ("Automatische Antwort", "Vielen Dank für Ihre Nachricht. Ich bin bis zum {date} nicht im Büro."),
    "fr": ("Réponse automatique", "Merci pour votre message. Je suis absent jusqu'au {date}."),
    "es": ("Respuesta automática", "Gracias por su mensaje. Estoy fuera de la oficina hasta el {date}."),
    "it": ("Risposta automatica", "Grazie per il messaggio. Sono fuori ufficio fino al {date}."),
    "nl": ("Automatisch antwoord", "Bedankt voor uw bericht. Ik ben afwezig tot {date}."),
    "pl": ("Automatyczna odpowiedź", "Dziękuję za wiadomość. Jestem nieobecny do {date}."),
    "sv": ("Autosvar", "Tack för ditt meddelande. Jag är inte på kontoret förrän {date}."),
    "pt": ("Resposta automática", "Obrigado pela mensagem. Estou fora do escritório até {date}."),
    "ja": ("自動応答", "メールをありがとうございます。{date}まで不在です。"),
}


def reply(
    row: Row, person: Person, text: str, *, style: str, sender: str = "", files: Any = ()
) -> EmailMessage:
    """An answer to a mail that was handed over, from ``sender`` or the person's own address."""
    message = _answer(row, person, f"Re: {row['subject'].removeprefix('Re: ')}", sender or person.slug)
    if style == "bare":
        del message["In-Reply-To"], message["References"]
    quoted = _quoted(row)
    head = _head(row, style)
    if style == "outlook":
        message.set_content(f"{text}\n\n{head}\n\n{quoted}\n")
        message.add_alternative(
            f'<div>{_html(text)}</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg">'
            f"{_html(head)}</div><div>{_html(quoted)}</div>",
            subtype="html",
        )
    elif style == "html":
        message.set_content(
            f'<p>{_html(text)}</p><div class="gmail_quote"><div class="gmail_attr">{_html(head)}</div>'
            f"<blockquote>{_html(quoted)}</blockquote></div>",
            subtype="html",
        )
    elif style == "bare":
        message.set_content(f"{text}\n")
    else:
        lines = "\n".join(f"> {line}" for line in quoted.split("\n"))
        message.set_content(f"{text}\n\n{head}\n\n{lines}\n")
    for item in files:
        main, _, sub = item["mimetype"].partition("/")
        message.add_attachment(
            item["content"], maintype=main, subtype=sub or "octet-stream", filename=item["name"]
        )
    return message


def absence(row: Row, person: Person, language: str, date: str) -> EmailMessage:
    """An absence note in a language."""
    mark, text = ABSENCES[language]
    message = _answer(row, person, f"{mark}: {row['subject']}", person.slug)
    message["Auto-Submitted"] = "auto-replied"
    message["X-Auto-Response-Suppress"] = "All"
    message["Return-Path"] = "<>"
    message.set_content(text.format(date=date))
    return message


def own(account: Row, *, to: str, subject: str, text: str, answers: str = "") -> EmailMessage:
    """A mail that the mailbox's owner writes in another program."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{account['name']} <{account['address']}>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = new_id(account["address"])
    if answers:
        message["In-Reply-To"] = answers
        message["References"] = answers
    message["X-Mailer"] = "Pocket Mail"
    message.set_content(text)
    return message


def plain(person: Person, to: str, subject: str, text: str) -> EmailMessage:
    """A mail of a person that answers nothing."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{person.name} <{person.slug}>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = new_id(person.slug)
    message.set_content(text)
    return message


def new_id(address: str) -> str:
    """A fresh message id of an address's domain."""
    return f"<{secrets.token_hex(12)}@{address.rpartition('@')[2]}>"


def _answer(row: Row, person: Person, subject: str, sender: str) -> EmailMessage:
    given = state.headers(row["raw"])
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{person.name} <{sender}>"
    message["To"] = state.reply_address(row)
    message["Subject"] = subject
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = new_id(sender)
    message["In-Reply-To"] = row["rfc_id"]
    earlier = " ".join(str(given.get("References", "")).split())
    message["References"] = f"{earlier} {row['rfc_id']}".strip()
    return message


def _head(row: Row, style: str) -> str:
    given = state.headers(row["raw"])
    sender = str(given.get("From", row["address"]))
    if style == "outlook":
        return (
            f"________________________________\nFrom: {sender}\nSent: Friday, November 20, 2026 10:00 AM\n"
            f"To: {row['recipient']}\nSubject: {row['subject']}"
        )
    if style == "apple":
        return f"On 20. Nov 2026, at 10:00, {sender} wrote:"
    return f"On Fri, Nov 20, 2026 at 10:00 AM {sender}\nwrote:"


def _quoted(row: Row) -> str:
    from email import message_from_bytes
    from email.policy import default

    parsed = message_from_bytes(row["raw"], policy=default)
    body = parsed.get_body(preferencelist=("plain", "html"))
    return str(body.get_content()).strip() if body is not None else ""


def _html(text: str) -> str:
    return escape(text).replace("\n", "<br>")
