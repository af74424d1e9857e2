"""From the bytes of one received e-mail to the one event that it comes to.

Order matters: a complaint and a bounce are mail too, and neither is a reply. Any bytes at all give an event,
a reason why there is none, or ``ProviderError`` of kind ``validation``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from integrations.base import MessageKnowledge, NoKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import (
    MessageBounced,
    MessageDelivered,
    MessageReceived,
    Normalised,
    SpamComplained,
    Unsubscribed,
)
from integrations.mail.automatic import automatic_because
from integrations.mail.bounces import Bounce, Delivered, first_lines, read_bounce
from integrations.mail.complaints import Complaint, read_complaint
from integrations.mail.headers import Fields, Mailbox, short_id
from integrations.mail.mime import Mail, take_apart
from integrations.mail.replies import new_text
from integrations.values import Direction, Person

#: How far a date may lie before and after the arrival; outside of it the sender's clock is wrong.
EARLIEST: Final = timedelta(days=7)
LATEST: Final = timedelta(minutes=15)

_MARK: Final = r"([A-Za-z0-9][A-Za-z0-9._~=:-]{7,254})"
_TOKEN_ADDRESS: Final = re.compile(rf"(?:^|[\s<,;])(?:u|unsub|unsubscribe)\+{_MARK}@", re.IGNORECASE)
_TOKEN_SUBJECT: Final = re.compile(rf"\s*unsubscribe[:\s]\s*{_MARK}\s*\Z", re.IGNORECASE)
_HEX_ID: Final = re.compile(r"<([0-9a-f]{32})@[^<>]+>\Z")
#: Header fields kept with the event, for people who ask why it was read as it was.
_KEPT: Final = (
    "From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Return-Path",
    "Auto-Submitted", "Precedence", "Authentication-Results", "List-Id", "X-Mailer",
)  # fmt: skip
_MAX_SUBJECT: Final = 500


def parse_inbound(
    raw: bytes,
    *,
    account_id: str,
    provider: str,
    own_addresses: Collection[str],
    received_at: datetime,
    knowledge: MessageKnowledge | None = None,
    envelope_to: str = "",
    sent_folder: bool = False,
    raw_type: str = "",
) -> Normalised:
    """Return the event of one e-mail that lies in, or came to, the mailbox of ``account_id``.

    ``own_addresses``  the account's addresses, in any case: mail from them was written by its owner.
    ``received_at``    when it was delivered (IMAP INTERNALDATE, time of the webhook), aware.
    ``knowledge``      finds the thread of mails whose program dropped references.
    ``envelope_to``    the address it was delivered to, where the vendor says so.
    ``sent_folder``    it lies among the account's sent mail.
    ``raw_type``       what the vendor calls the record.

    Raises ``ProviderError`` of kind ``validation`` for what cannot be read as mail, and nothing else.
    """
    reader = _Reader(
        account_id=account_id,
        provider=provider,
        own=frozenset(address.strip().lower() for address in own_addresses if address.strip()),
        received_at=received_at,
        knowledge=knowledge or NoKnowledge(),
        envelope_to=envelope_to,
        sent_folder=sent_folder,
        raw_type=raw_type,
    )
    try:
        return reader.read(take_apart(raw))
    except ProviderError:
        raise
    except Exception as error:
        # The standard library's parsers raise all sorts of errors on hostile input; none of them is worth
        # more than this one, and one mail must never stop the mailbox behind it.
        raise ProviderError(
            ErrorKind.VALIDATION,
            "This e-mail cannot be read.",
            provider=provider,
            raw_type=type(error).__name__,
        ) from error


class _Reader:
    """One mail, read for one account."""

    def __init__(
        self,
        *,
        account_id: str,
        provider: str,
        own: frozenset[str],
        received_at: datetime,
        knowledge: MessageKnowledge,
        envelope_to: str,
        sent_folder: bool,
        raw_type: str,
    ) -> None:
        self.account_id = account_id
        self.provider = provider
        self.own = own
        self.received_at = received_at
        self.knowledge = knowledge
        self.envelope_to = envelope_to
        self.sent_folder = sent_folder
        self.raw_type = raw_type

    def read(self, mail: Mail) -> Normalised:
        """Return what the mail comes to."""
        if not self.sent_folder:
            complaint = read_complaint(mail)
            if complaint is not None:
                return self._complained(mail, complaint)
            fate = read_bounce(mail)
            if isinstance(fate, Delivered):
                return self._delivered(mail, fate)
            if fate is not None:
                return self._bounced(mail, fate)
            if "message/disposition-notification" in mail.reports:
                return Normalised(ignored="A read receipt; people's programs send them unasked.")
            token = unsubscribe_token(mail.fields, self.envelope_to)
            if token:
                return self._unsubscribed(mail, token)
        return self._received(mail)

    # --- what is no message ---------------------------------------------------------------------------

    def _complained(self, mail: Mail, complaint: Complaint) -> Normalised:
        common = self._about(mail, complaint.original_id)
        if complaint.kind.startswith("opt-out"):
            return Normalised(events=(Unsubscribed(**common, recipient=complaint.recipient, how="provider"),))
        if complaint.kind in {"abuse", "fraud", "virus", ""}:
            return Normalised(events=(SpamComplained(**common, recipient=complaint.recipient),))
        return Normalised(ignored=f"A feedback report of type {complaint.kind[:40]}, which is no complaint.")

    def _delivered(self, mail: Mail, notice: Delivered) -> Normalised:
        if not notice.original_id:
            return Normalised(ignored="A notice of delivery that does not say of which mail.")
        return Normalised(events=(MessageDelivered(**self._about(mail, notice.original_id)),))

    def _bounced(self, mail: Mail, bounces: tuple[Bounce, ...]) -> Normalised:
        theirs = [bounce for bounce in bounces if bounce.recipient not in self.own]
        if not theirs:
            return Normalised(ignored="A bounce of a mail to this mailbox itself.")
        return Normalised(
            events=tuple(
                MessageBounced(
                    **self._about(mail, bounce.original_id),
                    is_permanent=bounce.is_permanent,
                    category=bounce.category,
                    recipient=bounce.recipient,
                    code=bounce.code,
                    reason=bounce.reason,
                    vendor_event_id=message_id_of(mail),
                )
                for bounce in theirs
            )
        )

    def _unsubscribed(self, mail: Mail, token: str) -> Normalised:
        sender = next(iter(mail.fields.mailboxes("From")), Mailbox("", ""))
        common = self._about(mail, message_id_of(mail))
        common["raw"] = {**common["raw"], "token": token}
        common["send_id"] = _uuid_or_blank(token)
        return Normalised(events=(Unsubscribed(**common, recipient=sender.address, how="mail"),))

    def _about(self, mail: Mail, original_id: str) -> dict[str, Any]:
        """Fields of an event about an earlier mail of ours, or about this one if that is not known."""
        at, exact = self._when(mail)
        hexed = _HEX_ID.match(original_id)
        return {
            "provider": self.provider,
            "account_id": self.account_id,
            "occurred_at": at,
            "time_is_exact": exact,
            "raw_type": self.raw_type,
            "raw": _kept(mail),
            "provider_message_id": original_id or message_id_of(mail),
            "send_id": _uuid_or_blank(hexed.group(1)) if hexed else "",
        }

    # --- messages -------------------------------------------------------------------------------------

    def _received(self, mail: Mail) -> Normalised:
        fields = mail.fields
        author = next(iter(fields.mailboxes("From", "Sender")), None)
        if author is None and not mail.text and not mail.attachments:
            return Normalised(ignored="A mail without sender and text.")
        author = author or Mailbox("", "")
        outbound = self.sent_folder or author.address in self.own
        if not outbound and not author.address:
            return Normalised(ignored="A mail without a sender's address.")
        others = [box for box in fields.mailboxes("To", "Cc") if box.address not in self.own]
        if outbound and not others:
            return Normalised(ignored="A mail of this mailbox to itself.")
        counterpart = others[0] if outbound else author
        at, exact = self._when(mail)
        message_id = message_id_of(mail)
        references = references_of(fields)
        shown = new_text(mail.text, before_marked_quote=mail.new_html_text)
        subject = fields.text("Subject")[:_MAX_SUBJECT]
        event = MessageReceived(
            provider=self.provider,
            account_id=self.account_id,
            occurred_at=at,
            time_is_exact=exact,
            raw_type=self.raw_type,
            raw=_kept(mail),
            provider_message_id=message_id,
            chat_id=self._thread(message_id, references, counterpart.address, subject),
            direction=Direction.OUTBOUND if outbound else Direction.INBOUND,
            direction_rule="sent_folder" if self.sent_folder else "own_address" if outbound else "address",
            sender=self._person(author),
            counterpart=self._person(counterpart),
            participants=tuple(self._person(box) for box in [author, *fields.mailboxes("To", "Cc")][:50]),
            text=shown,
            subject=subject,
            attachments=mail.attachments[:50],
            html=mail.html,
            full_text="" if mail.text == shown else mail.text,
            references=tuple(references),
            is_automatic=not outbound and bool(automatic_because(fields)),
            copied_to=tuple(
                dict.fromkeys(box.address for box in others if box.address != counterpart.address)
            ),
        )
        return Normalised(events=(event,))

    def _thread(self, message_id: str, references: list[str], other: str, subject: str) -> str:
        """The id of the thread: what we know it by, else its first mail, else this one."""
        known = self.knowledge.thread_of(self.account_id, references, counterpart=other, subject=subject)
        return known or (references[0] if references else message_id)

    def _person(self, box: Mailbox) -> Person:
        return Person(name=box.name, email=box.address, is_self=box.address in self.own)

    def _when(self, mail: Mail) -> tuple[datetime, bool]:
        """The mail's own date, unless its sender's clock is wrong; then when it arrived."""
        arrived = self.received_at
        by_server = None if self.sent_folder else mail.fields.arrived()
        if by_server is not None and by_server <= arrived + LATEST:
            arrived = by_server
        said = mail.fields.date()
        if said is not None and arrived - EARLIEST <= said <= arrived + LATEST:
            return said, True
        return arrived, False


def message_id_of(mail: Mail) -> str:
    """Return the mail's id with angle brackets; one made of its content where it has none."""
    ids = mail.fields.message_ids("Message-ID")
    if ids:
        return ids[0]
    given = mail.fields.raw("Message-ID").strip().strip("<>")
    if given and not re.search(r"\s", given):
        return short_id(f"<{given}>")
    parts = [mail.fields.raw(name) for name in ("From", "To", "Date", "Subject")]
    digest = hashlib.sha256("\n".join([*parts, mail.text, mail.html]).encode("utf-8", "replace"))
    return f"<{digest.hexdigest()[:40]}@no-id.invalid>"


def references_of(fields: Fields) -> list[str]:
    """Return the ids that a mail answers, the root first. Programs drop either header; both are read."""
    references = fields.message_ids("References")
    for answered in fields.message_ids("In-Reply-To")[:1]:
        if answered not in references:
            references.append(answered)
    return references


def unsubscribe_token(fields: Fields, envelope_to: str = "") -> str:
    """Return what a mail to a ``List-Unsubscribe`` address carries, ``""`` for any other mail.

    The token stands in the address (``unsubscribe+<token>@``) or is all there is after the word in the subject
    (``unsubscribe <token>``). It proves nothing: whoever minted it has to check it.
    """
    for value in (envelope_to, *_delivered_to(fields)):
        found = _TOKEN_ADDRESS.search(value)
        if found:
            return found.group(1)
    subject = _TOKEN_SUBJECT.match(fields.text("Subject"))
    return subject.group(1) if subject else ""


def _delivered_to(fields: Fields) -> list[str]:
    names = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")
    return [value[:2000] for name in names for value in fields.all(name)[:5]]


def _kept(mail: Mail) -> dict[str, Any]:
    headers = {name.lower(): mail.fields.text(name)[:500] for name in _KEPT if name in mail.fields}
    return {"headers": headers, "automatic": automatic_because(mail.fields), "begins": first_lines(mail.text)}


def _uuid_or_blank(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
