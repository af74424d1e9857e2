"""Mail that comes back, in the wording of several mail servers; written after their public formats."""

from __future__ import annotations

from email.utils import format_datetime
from typing import Final

from integrations.sandbox.clock import utc_now
from integrations.sandbox.mailbox import mime
from integrations.sandbox.people import Person
from integrations.sandbox.store import Row

FORMATS: Final = ("postfix", "exim", "exchange", "gmail", "qmail")
#: Kind -> (action, status, SMTP answer).
KINDS: Final[dict[str, tuple[str, str, str]]] = {
    "hard": ("failed", "5.1.1", "550 5.1.1 The email account that you tried to reach does not exist"),
    "blocked": (
        "failed",
        "5.7.1",
        "554 5.7.1 Service unavailable; message refused by policy, listed as spam",
    ),
    "full": ("failed", "5.2.2", "552 5.2.2 The recipient's mailbox is full"),
    "delayed": ("delayed", "4.4.1", "451 4.4.1 Connection timed out; will be retried"),
}


def build(row: Row, person: Person, *, form: str, kind: str) -> bytes:
    """The mail that the sender gets about ``row``."""
    return {"exim": _exim, "qmail": _qmail}.get(form, _report)(row, person.slug, form, kind)


def _common(row: Row, daemon: str, subject: str) -> list[str]:
    return [
        "Return-Path: <>",
        f"From: {daemon}",
        f"To: {row['address']}",
        f"Subject: {subject}",
        f"Date: {format_datetime(utc_now())}",
        f"Message-ID: {mime.new_id('mx.sandbox.test')}",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
    ]


def _report(row: Row, recipient: str, form: str, kind: str) -> bytes:
    """Postfix, Exchange and Gmail send a report of RFC 3464, each with words of its own."""
    action, status, answer = KINDS[kind]
    late = action == "delayed"
    subject, daemon, words = {
        "postfix": (
            "Delayed Mail (still being retried)" if late else "Undelivered Mail Returned to Sender",
            "MAILER-DAEMON@mx.sandbox.test (Mail Delivery System)",
            "This is the mail system at host mx.sandbox.test.\n\n"
            + (
                "THIS IS A WARNING ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE."
                if late
                else "I'm sorry to have to inform you that your message could not be delivered."
            )
            + f"\n\n<{recipient}>: host mx.example said: {answer}",
        ),
        "exchange": (
            "Delivery delayed" if late else f"Undeliverable: {row['subject']}",
            "postmaster@sandbox.test",
            (
                f"Delivery has failed to these recipients or groups:\n\n{recipient}\n{answer}\n\n"
                f"Diagnostic information for administrators:\n\n{recipient}\nRemote Server returned '{answer}'"
            ),
        ),
        "gmail": (
            f"Delivery Status Notification ({'Delay' if late else 'Failure'})",
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            f"** {'Delivery incomplete' if late else 'Address not found'} **\n\nThe response was:\n{answer}",
        ),
    }[form]
    lines = [
        *_common(row, daemon, subject),
        f"In-Reply-To: {row['rfc_id']}",
        f"References: {row['rfc_id']}",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"',
        "",
        "--=_report",
        "Content-Type: text/plain; charset=utf-8",
        "",
        *words.split("\n"),
        "",
        "--=_report",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.sandbox.test",
        f"Arrival-Date: {format_datetime(utc_now())}",
        "",
        f"Final-Recipient: rfc822; {recipient}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {answer}",
        "",
        "--=_report",
        "Content-Type: message/rfc822",
        "",
    ]
    return "\r\n".join(lines).encode() + b"\r\n" + bytes(row["raw"]) + b"\r\n--=_report--\r\n"


def _exim(row: Row, recipient: str, form: str, kind: str) -> bytes:
    action, _status, answer = KINDS[kind]
    late = action == "delayed"
    subject = (
        "Warning: message 1xYz-000 delayed 24 hours"
        if late
        else "Mail delivery failed: returning message to sender"
    )
    words = (
        "This message was created automatically by mail delivery software.\n"
        "A message that you sent has not yet been delivered to one or more of its recipients after more than "
        f"24 hours on the queue.\n\nThe address to which the message has not yet been delivered is:\n\n  {recipient}\n"
        f"    {answer}\n\nNo action is required on your part."
        if late
        else "This message was created automatically by mail delivery software.\n\nA message that you sent could not "
        "be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) "
        f"failed:\n\n  {recipient}\n    SMTP error from remote mail server after RCPT TO:<{recipient}>:\n    {answer}"
    )
    head = [
        *_common(row, "Mail Delivery System <Mailer-Daemon@mx.sandbox.test>", subject),
        *([] if late else [f"X-Failed-Recipients: {recipient}"]),
        "Content-Type: text/plain; charset=utf-8",
        "",
        *words.split("\n"),
        "",
        "------ This is a copy of the message, including all the headers. ------",
        "",
    ]
    return "\r\n".join(head).encode() + b"\r\n" + bytes(row["raw"])


def _qmail(row: Row, recipient: str, form: str, kind: str) -> bytes:
    _action, status, answer = KINDS[kind]
    head = [
        *_common(row, "MAILER-DAEMON@mx.sandbox.test", "failure notice"),
        "Content-Type: text/plain; charset=utf-8",
        "",
        "Hi. This is the qmail-send program at mx.sandbox.test.",
        "I'm afraid I wasn't able to deliver your message to the following addresses.",
        "This is a permanent error; I've given up. Sorry it didn't work out.",
        "",
        f"<{recipient}>:",
        f"Remote host said: {answer} (#{status})",
        "",
        "--- Below this line is a copy of the message.",
        "",
    ]
    return "\r\n".join(head).encode() + b"\r\n" + bytes(row["raw"])


def complaint(row: Row, person: Person) -> bytes:
    """A feedback report (ARF, RFC 5965): the person pressed "this is spam"."""
    head = [
        *_common(row, "Feedback Loop <fbl@sandbox.test>", "Email Feedback Report"),
        'Content-Type: multipart/report; report-type=feedback-report; boundary="=_arf"',
        "",
        "--=_arf",
        "Content-Type: text/plain",
        "",
        "This is an email abuse report for a message received from your domain.",
        "",
        "--=_arf",
        "Content-Type: message/feedback-report",
        "",
        "Feedback-Type: abuse",
        "User-Agent: SandboxFBL/1.0",
        "Version: 1",
        f"Original-Rcpt-To: <{person.slug}>",
        "",
        "--=_arf",
        "Content-Type: message/rfc822",
        "",
    ]
    return "\r\n".join(head).encode() + b"\r\n" + bytes(row["raw"]) + b"\r\n--=_arf--\r\n"
