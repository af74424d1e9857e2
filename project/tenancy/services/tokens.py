"""API tokens: shown once, stored as a hash, narrowed to scopes, expiring (mission T4)."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from project.core.clock import now
from project.core.refusals import Invalid
from project.core.scoping import platform_scope
from project.tenancy import audit
from project.tenancy.access import Access, Permission, get_or_404
from project.tenancy.models import ApiToken
from project.tenancy.services.organizations import check_name

PREFIX = "oex_"
SCOPES = ("read", "write")
#: The last use is noted at most so often: it is a hint for people, not a ledger.
USE_RESOLUTION = timedelta(minutes=5)
MAX_DAYS = 730


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def create(
    *, access: Access, name: str, scopes: list[str], expires_in_days: int | None = 365
) -> tuple[ApiToken, str]:
    """Make a token that acts as ``access.user`` in the organization; return the row and the token itself.

    The token is not stored: this is the only time it is known. Raises ``Invalid``.
    """
    wanted = sorted(set(scopes))
    if not wanted or any(scope not in SCOPES for scope in wanted):
        raise Invalid("Scopes are read and write.", field="scopes")
    if expires_in_days is not None and not 1 <= expires_in_days <= MAX_DAYS:
        raise Invalid(f"Between 1 and {MAX_DAYS} days.", field="expires_in_days")
    token = f"{PREFIX}{secrets.token_urlsafe(32)}"
    row: ApiToken = ApiToken.objects.create(
        user=access.user,
        name=check_name(name, length=80),
        prefix=token[:12],
        token_hash=_hash(token),
        scopes=wanted,
        expires_at=now() + timedelta(days=expires_in_days) if expires_in_days else None,
    )
    audit.record(actor=access.user, action="token.created", subject=row, scopes=wanted)
    return row, token


def within_reach(access: Access) -> QuerySet[ApiToken]:
    """The tokens a person may see: their own; admins see all of the organization."""
    rows: QuerySet[ApiToken] = ApiToken.objects.select_related("user")
    if access.can(Permission.SETTINGS_EDIT) and access.whole_organization:
        return rows
    return rows.filter(user=access.user)


@transaction.atomic
def revoke(*, access: Access, token_id: UUID) -> ApiToken:
    """End a token at once. Idempotent; 404 for tokens out of reach."""
    row: ApiToken = get_or_404(within_reach(access).select_for_update(of=("self",)), token_id)
    if row.revoked_at is None:
        row.revoked_at = now()
        row.save(update_fields=["revoked_at", "updated_at"])
        audit.record(actor=access.user, action="token.revoked", subject=row)
    return row


def find(token: str) -> ApiToken | None:
    """Return the active token with its user and organization, or ``None``; notes the use. Needs no scope."""
    if not token.startswith(PREFIX):
        return None
    with platform_scope("authenticate an API token"):
        row: ApiToken | None = (
            ApiToken.objects.select_related("user", "organization").filter(token_hash=_hash(token)).first()
        )
        if row is None or row.state != "active":
            return None
        _note_use(row, now())
        return row


def _note_use(row: ApiToken, moment: datetime) -> None:
    if row.last_used_at is None or moment - row.last_used_at >= USE_RESOLUTION:
        ApiToken.objects.filter(id=row.id).update(last_used_at=moment)
