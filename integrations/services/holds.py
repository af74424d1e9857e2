"""Why a send has to wait, or will never happen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from integrations.models import OutboundMessage


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason: a stable ``code``, a sentence, and ``until`` when it ends (``None``: unknown, look again
    soon).

    ``final`` means that the send must never happen (the person is suppressed); the row is cancelled.
    """

    code: str
    reason: str
    until: datetime | None = None
    final: bool = False


def suspension(outbound: OutboundMessage) -> Hold | None:
    """Hold what a suspended organization still has in its outbox. A gate of the outbox."""
    if outbound.organization.is_active:
        return None
    return Hold("suspended", "This organization is suspended; nothing leaves.")
