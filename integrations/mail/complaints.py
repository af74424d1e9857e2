"""Feedback reports (ARF, RFC 5965): somebody pressed "this is spam", or asked their provider to be let out."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message

from integrations.mail.bounces import original_id_of
from integrations.mail.headers import Fields
from integrations.mail.mime import Mail


@dataclass(frozen=True, slots=True)
class Complaint:
    """A report about one of our mails. ``kind`` is the report's own word: ``abuse``, ``opt-out``, ..."""

    kind: str
    recipient: str
    original_id: str


def read_complaint(mail: Mail) -> Complaint | None:
    """Return the report in a mail, ``None`` if it is none."""
    report = mail.reports.get("message/feedback-report")
    if report is None:
        return None
    payload = report.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    fields = Fields(inner if isinstance(inner, Message) else report)
    recipient = _first(fields, "Original-Rcpt-To", "Removal-Recipient")
    if not recipient and mail.returned is not None:
        recipient = _first(mail.returned, "To")
    return Complaint(fields.raw("Feedback-Type").strip().lower(), recipient, original_id_of(mail))


def _first(fields: Fields, *names: str) -> str:
    return next((box.address for box in fields.mailboxes(*names)), "")
