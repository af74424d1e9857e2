"""What every event has, and the key by which a fact is known."""

from __future__ import annotations

import functools
import hashlib
import re
from datetime import datetime
from typing import Final
from urllib.parse import quote

from pydantic import Field

from integrations.values import Raw, Value

MAX_KEY_LENGTH: Final = 200


#: What ``quote`` leaves as it is.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.\-~=+/@ ]*")


@functools.lru_cache(maxsize=4096)  # each event is asked for its key several times
def dedupe_key(*parts: str) -> str:
    """Join ``parts`` into a key of at most 200 characters; longer ones keep the first part and a SHA-256."""
    if not all(map(_PLAIN.fullmatch, parts)):
        parts = tuple(quote(part, safe="-_.~=+/@ ") for part in parts)
    key = ":".join(parts)
    if len(key) <= MAX_KEY_LENGTH:
        return key
    return f"{parts[0]}:sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def text_digest(text: str) -> str:
    """Return a short stable digest of ``text`` for use in keys."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class BaseEvent(Value):
    """What every event has."""

    #: Registry kind of the provider, e.g. ``unipile``.
    provider: str
    #: The sender account's id at the provider: decides the organization, never "the latest account".
    account_id: str
    #: When it happened, as far as known; see ``time_is_exact``.
    occurred_at: datetime
    #: False where the provider gave no time and ``occurred_at`` is the time of receipt.
    time_is_exact: bool = True
    #: The vendor's own name of the event (webhook) or record (poll).
    raw_type: str = ""
    #: The object it was read from.
    raw: Raw = Field(default_factory=dict, repr=False)


class MessageEvent(BaseEvent):
    """What every event about a message has: the message's ids and its chat's."""

    #: The provider's own id of the message. May differ between webhook and poll.
    message_id: str = ""
    #: The network's id of the message: the same by webhook and poll.
    provider_message_id: str = ""
    #: The provider's id of the chat.
    chat_id: str = ""
    #: The network's id of the chat (thread).
    provider_chat_id: str = ""
    #: Our outbox row's id, where the provider gives back what we sent along.
    send_id: str = ""
    #: Of a provider-run campaign: its id, the person's id and the step, as far as the provider says. A reply has the
    #: number of the step that it answers.
    campaign_id: str = ""
    lead_id: str = ""
    sequence_step_number: int | None = None

    @property
    def message_ref(self) -> str:
        """What keys are made of: the network's id, else the provider's, else our own, with a prefix."""
        if not self.provider_message_id and not self.message_id and self.send_id:
            return f"s.{self.send_id}"
        return self.provider_message_id or f"m.{self.message_id}"

    @property
    def message_ids(self) -> frozenset[str]:
        """Both ids without blanks: match stored messages by either."""
        return frozenset(part for part in (self.message_id, self.provider_message_id) if part)
