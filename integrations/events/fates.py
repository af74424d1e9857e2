"""What becomes of a message that left, and what its recipient does with it."""

from __future__ import annotations

from typing import Literal

from integrations.events.base import MessageEvent, dedupe_key, text_digest


class MessageOpened(MessageEvent):
    """Somebody, or something, loaded an e-mail's pictures."""

    kind: Literal["message_opened"] = "message_opened"
    #: Flagged as a privacy proxy or scanner: shown, and fires nothing (plan rule 5).
    is_machine: bool = False
    user_agent: str = ""
    #: The vendor's id of this one opening, for vendors that give one.
    vendor_event_id: str = ""

    @property
    def dedupe_key(self) -> str:
        """The vendor's id, else account, message and second: each opening is a fact of its own."""
        ref = self.vendor_event_id or str(int(self.occurred_at.timestamp()))
        return dedupe_key(self.kind, self.account_id, self.message_ref, ref)


class LinkClicked(MessageEvent):
    """Somebody, or a scanner, followed a link of a message."""

    kind: Literal["link_clicked"] = "link_clicked"
    url: str
    is_machine: bool = False
    user_agent: str = ""
    vendor_event_id: str = ""

    @property
    def dedupe_key(self) -> str:
        """The vendor's id, else account, message, link and second."""
        ref = self.vendor_event_id or f"{text_digest(self.url)}.{int(self.occurred_at.timestamp())}"
        return dedupe_key(self.kind, self.account_id, self.message_ref, ref)


class MessageBounced(MessageEvent):
    """A message came back, or is on its way back. ``is_permanent`` is false for soft bounces and deferrals."""

    kind: Literal["message_bounced"] = "message_bounced"
    is_permanent: bool
    #: Stable word: ``invalid_address``, ``mailbox``, ``content``, ``reputation``, ``frequency``,
    #: ``technical``, ``deferred``, ``unclassified``.
    category: str = "unclassified"
    #: The recipient's address as the provider says it, lower case.
    recipient: str = ""
    #: The enhanced status code (``5.1.1``) or the vendor's error number, ``""`` if none.
    code: str = ""
    reason: str = ""
    vendor_event_id: str = ""

    @property
    def dedupe_key(self) -> str:
        """A permanent bounce is one fact for each message and recipient (a copy may come back too); each deferral is
        one of its own.
        """
        return dedupe_key(*self._key_parts(), self.recipient)

    @property
    def former_key(self) -> str:
        """The key of before copies were facts of their own. What was kept under it is the same fact only if its
        recipient is the same.
        """
        return dedupe_key(*self._key_parts())

    def _key_parts(self) -> tuple[str, ...]:
        ref = self.vendor_event_id or str(int(self.occurred_at.timestamp()))
        return self.kind, self.account_id, self.message_ref, "permanent" if self.is_permanent else ref


class MessageFailed(MessageEvent):
    """The provider took a message and then did not send it (dropped, undelivered, failed)."""

    kind: Literal["message_failed"] = "message_failed"
    recipient: str = ""
    code: str = ""
    reason: str = ""
    #: Why, as a stable word: ``suppressed``, ``invalid_address``, ``content``, ``blocked``, ``unclassified``.
    category: str = "unclassified"

    @property
    def dedupe_key(self) -> str:
        """Account and message."""
        return dedupe_key(self.kind, self.account_id, self.message_ref)


class SpamComplained(MessageEvent):
    """The recipient marked a message as unwanted."""

    kind: Literal["spam_complained"] = "spam_complained"
    recipient: str = ""

    @property
    def dedupe_key(self) -> str:
        """Account and message."""
        return dedupe_key(self.kind, self.account_id, self.message_ref, self.recipient)


class Unsubscribed(MessageEvent):
    """The recipient asked the provider not to be written to any more (list header, SMS STOP word)."""

    kind: Literal["unsubscribed"] = "unsubscribed"
    #: The address or number that is out.
    recipient: str
    #: How: ``link``, ``one_click``, ``keyword``, ``provider``, ``mail``. The last one is a mail to the list's
    #: address: ``raw["token"]`` is what it carried, for whoever minted it to check.
    how: str = "provider"

    @property
    def dedupe_key(self) -> str:
        """Account, address and instant: who came back may leave again."""
        return dedupe_key(self.kind, self.account_id, self.recipient, self.occurred_at.isoformat())
