"""What leaves: each write is sent once, and can be settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from integrations.values import (
    OutgoingAttachment,
    OutgoingEmail,
    OutgoingSms,
    SendIntent,
    SendReceipt,
    Settlement,
)


@runtime_checkable
class SendsInvitations(Protocol):
    """Can ask people to connect."""

    def send_invitation(
        self, *, account_id: str, recipient_provider_id: str, note: str = "", email: str = ""
    ) -> SendReceipt:
        """Invite a person, with a note if given. Sent once."""
        ...

    def withdraw_invitation(self, *, account_id: str, invitation_id: str) -> None:
        """Take a pending invitation back."""
        ...


@runtime_checkable
class SendsMessages(Protocol):
    """Can write to people."""

    def send_message(
        self,
        *,
        account_id: str,
        text: str,
        chat_id: str = "",
        recipient_provider_id: str = "",
        attachments: Sequence[OutgoingAttachment] = (),
    ) -> SendReceipt:
        """Write into ``chat_id``, or start (or reuse) the chat with ``recipient_provider_id``. Sent once."""
        ...


@runtime_checkable
class SendsInmail(Protocol):
    """Can write to people outside of the account's network, at the cost of a credit."""

    def send_inmail(
        self, *, account_id: str, recipient_provider_id: str, subject: str, text: str
    ) -> SendReceipt:
        """Write an InMail. Sent once."""
        ...


@runtime_checkable
class SendsEmail(Protocol):
    """Can send e-mail."""

    def send_email(self, *, account_id: str, email: OutgoingEmail) -> SendReceipt:
        """Hand one e-mail over. Sent once. ``provider_message_id`` of the receipt is the RFC 5322 id that it
        left with, ``message_id`` the vendor's own, ``chat_id`` the id of the thread's first e-mail.
        """
        ...


@runtime_checkable
class SendsSms(Protocol):
    """Can send text messages."""

    def send_sms(self, *, account_id: str, sms: OutgoingSms) -> SendReceipt:
        """Hand one text message over. Sent once."""
        ...


@runtime_checkable
class SettlesSends(Protocol):
    """Can find out whether an uncertain send went out."""

    def settle(self, intent: SendIntent, *, now: datetime) -> Settlement:
        """Look for the send in the provider's records. Never raises for provider failures: they are
        undecided.
        """
        ...
