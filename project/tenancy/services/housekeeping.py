"""What nobody needs any more: old idempotency keys, expired refresh tokens; and mails that were forgotten."""

from __future__ import annotations

from datetime import timedelta

from project.core.clock import now
from project.core.scoping import organization_scope
from project.tenancy.models import IdempotencyKey, RefreshToken
from project.tenancy.services import invitations

IDEMPOTENCY_KEPT = timedelta(hours=24)
MAIL_FORGOTTEN_AFTER = timedelta(minutes=2)


def sweep() -> dict[str, int]:
    """Send forgotten invitations and delete what has expired; return the counts. Needs the platform scope."""
    moment = now()
    sent = 0
    for invitation in invitations.unsent(older_than=MAIL_FORGOTTEN_AFTER):
        with organization_scope(invitation.organization_id):
            sent += invitations.send(invitation_id=invitation.id)
    keys, _ = IdempotencyKey.objects.filter(created_at__lt=moment - IDEMPOTENCY_KEPT).delete()
    tokens, _ = RefreshToken.objects.filter(expires_at__lt=moment).delete()
    return {"invitations_sent": sent, "idempotency_keys_deleted": keys, "refresh_tokens_deleted": tokens}
