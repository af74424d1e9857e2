"""Operations of the JSON API: links to a client's report."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Router, Schema, Status
from pydantic import Field

from campaigns.models import Campaign
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting.models import ShareLink
from reporting.services import sharing
from reporting.views_sharing import links_of

router = Router()
TAGS = ["Analytics"]


class ShareLinkIn(Schema):
    """Whom the link is for, how long it lasts, and what it shows (without a campaign: the whole report)."""

    name: str = Field(min_length=1, max_length=120)
    days: int = Field(30, ge=1, le=sharing.MAX_DAYS)
    password: str = Field("", max_length=200)
    campaign_id: UUID | None = None


class ShareLinkOut(Schema):
    """A link, and how often it was looked at."""

    id: UUID
    client_id: UUID
    campaign_id: UUID | None
    name: str
    has_password: bool
    expires_at: datetime
    revoked_at: datetime | None
    views: int
    last_viewed_at: datetime | None


class NewShareLinkOut(ShareLinkOut):
    """A new link with its address, which is told only now."""

    url: str


def _row(link: Any) -> dict[str, Any]:
    return {
        "id": link.id,
        "client_id": link.client_id,
        "campaign_id": link.campaign_id,
        "name": link.name,
        "has_password": bool(link.password),
        "expires_at": link.expires_at,
        "revoked_at": link.revoked_at,
        "views": getattr(link, "seen", 0),
        "last_viewed_at": getattr(link, "seen_at", None),
    }


@router.get("/clients/{client_id}/share-links", response=list[ShareLinkOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def list_share_links(request: ApiRequest, client_id: UUID) -> Any:
    """The newest hundred links to a client's report."""
    client = get_or_404(request.access.clients(), client_id)
    return [_row(link) for link in links_of(client)[:100]]


@router.post("/clients/{client_id}/share-links", response={201: NewShareLinkOut}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def create_share_link(request: ApiRequest, client_id: UUID, payload: ShareLinkIn) -> Any:
    """Make a link; its address is told only now."""
    client = get_or_404(request.access.clients(), client_id)
    campaign = None
    if payload.campaign_id is not None:
        campaign = get_or_404(Campaign.objects.filter(client=client), payload.campaign_id)
    link, token = sharing.create(
        access=request.access,
        client=client,
        name=payload.name,
        days=payload.days,
        password=payload.password,
        campaign=campaign,
    )
    return Status(201, {**_row(link), "url": request.build_absolute_uri(f"/share/{token}")})


@router.delete("/share-links/{link_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def revoke_share_link(request: ApiRequest, link_id: UUID) -> Any:
    """Revoke a link for good."""
    link = get_or_404(ShareLink.objects.filter(request.access.client_filter()), link_id)
    sharing.revoke(access=request.access, link=link)
    return Status(204, None)
