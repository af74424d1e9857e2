"""Share links: made by people of the agency, opened by whoever holds them, until they expire or are revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from campaigns.models import Campaign
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.scoping import organization_scope, platform_scope
from project.tenancy import audit
from project.tenancy.access import Access
from project.tenancy.models import Client
from reporting.models import ShareLink, ShareView

MAX_DAYS: Final = 366
LEAST_PASSWORD: Final = 8


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def create(
    *,
    access: Access,
    client: Client,
    name: str,
    days: int = 30,
    password: str = "",
    campaign: Campaign | None = None,
) -> tuple[ShareLink, str]:
    """Make a link; return the row and the token, which is known only now. Raises ``Invalid``."""
    name = name.strip()
    if not name or len(name) > 120:
        raise Invalid("Say whom the link is for, in at most 120 characters.", field="name")
    if not 1 <= days <= MAX_DAYS:
        raise Invalid(f"A link lasts between 1 and {MAX_DAYS} days.", field="days")
    if password and len(password) < LEAST_PASSWORD:
        raise Invalid(f"A password has at least {LEAST_PASSWORD} characters.", field="password")
    if campaign is not None and campaign.client_id != client.id:
        raise Invalid("The campaign is not this client's.", field="campaign")
    token = secrets.token_urlsafe(32)
    row: ShareLink = ShareLink.objects.create(
        client=client,
        campaign=campaign,
        name=name,
        token_hash=_hash(token),
        password=make_password(password) if password else "",
        expires_at=now() + timedelta(days=days),
        created_by=access.user,
    )
    audit.record(actor=access.user, action="report.shared", subject=row, client_id=client.id, name=name)
    return row, token


@transaction.atomic
def revoke(*, access: Access, link: ShareLink) -> None:
    """Close a link for good. Harmless twice."""
    if ShareLink.objects.filter(id=link.id, revoked_at=None).update(revoked_at=now(), updated_at=now()):
        audit.record(actor=access.user, action="report.share_revoked", subject=link, client_id=link.client_id)


def find(token: str) -> ShareLink | None:
    """The link of a token that may still be opened."""
    with platform_scope("open a share link"):
        found: ShareLink | None = (
            ShareLink.objects.filter(
                token_hash=_hash(token),
                revoked_at=None,
                expires_at__gt=now(),
                organization__is_active=True,
                client__is_archived=False,
            )
            .select_related("organization", "client", "campaign__client", "campaign__current_version")
            .first()
        )
    return found


def opens(link: ShareLink, password: str) -> bool:
    """Whether a password opens the link."""
    return not link.password or check_password(password, link.password)


def note_view(link: ShareLink, *, address: str | None, agent: str) -> None:
    """Write down that somebody looked."""
    with organization_scope(link.organization_id), transaction.atomic():
        ShareView.objects.create(link=link, address=address, agent=agent[:200])
