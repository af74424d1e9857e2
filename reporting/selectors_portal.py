"""The frame of a client's own pages, and the plans that wait for its word."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Q, QuerySet
from django.urls import reverse

from campaigns.models import PlanReview
from project.tenancy.access import Access
from project.tenancy.models import Client, Role
from reporting.models import ClientLogo, PortalPolicy

#: Reviews, those that changed last first.
ORDER: Final = ("-updated_at", "-id")


def frame(access: Access, client: Client | None) -> dict[str, Any]:
    """The template of the frame; for people of a client also whose name and mark stand there."""
    if access.role != Role.CLIENT:
        return {"is_portal": False, "base": "app.html"}
    if client is None:
        own = list(access.clients()[:2])
        client = own[0] if len(own) == 1 else None
    return {
        "is_portal": True,
        "base": "portal.html",
        "client": client,
        "logo_url": logo_url(access, client),
        "brand": brand_of(client),
        "to_approve": asked(access).filter(state=PlanReview.State.ASKED).count(),
    }


def brand_of(client: Client | None) -> str:
    """The client's own colour (``rrggbb``); empty where it has none."""
    rows = PortalPolicy.objects.filter(client=client).values_list("brand_colour", flat=True)
    return str(rows.first() or "").removeprefix("#") if client is not None else ""


def logo_url(access: Access, client: Client | None) -> str:
    """The address of a client's logo for members; empty where there is none."""
    digest = digest_of(client)
    if client is None or not digest:
        return ""
    names = {"organization_slug": access.organization.slug, "client_id": client.id}
    return f"{reverse('reporting:logo', kwargs=names)}?{digest}"


def digest_of(client: Client | None) -> str:
    """Which logo a client has; empty for none."""
    rows = ClientLogo.objects.filter(client=client).values_list("digest", flat=True)
    return (rows.first() or "") if client is not None else ""


def asked(access: Access) -> QuerySet[PlanReview]:
    """Plans that somebody was asked about, within reach."""
    rows: QuerySet[PlanReview] = PlanReview.objects.filter(access.client_filter("campaign__client_id"))
    return rows.defer("plan").select_related("campaign", "campaign__client", "asked_by", "decided_by")


def approvals(access: Access) -> dict[str, Any]:
    """Plans that wait for a decision, and the last that were decided, within reach."""
    rows = asked(access).order_by(*ORDER)
    waiting = Q(state=PlanReview.State.ASKED)
    return {"waiting": list(rows.filter(waiting)[:50]), "decided": list(rows.exclude(waiting)[:20])}
