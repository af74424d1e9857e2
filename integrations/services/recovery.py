"""What follows when an account can work again: read what was missed, and look at what was held back."""

from __future__ import annotations

from integrations.models import SenderAccount
from integrations.services import outbox, readers, sync


def after_change(*, sender: SenderAccount, previous: str) -> None:
    """Catch up once an account is OK and not paused. Runs inside the transaction that changed it."""
    if sender.status != SenderAccount.Status.OK:
        return
    if previous != SenderAccount.Status.OK and readers.can_read(sender.connection.provider):
        # The provider sends what arrived meanwhile, but not surely all of it; the poll finds the rest.
        sync.request(sender=sender, resource="messages", trigger="recovered")
    if sender.paused_at is None:
        outbox.release_holds(sender_id=sender.id)
