"""What the views share: finding things within the viewer's reach, and reading the chosen client."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404

from campaigns import selectors
from campaigns.models import Campaign, Lead, LeadImport
from project.core.ids import parse_uuid
from project.tenancy.access import Access, OrganizationRequest


def campaign_or_404(access: Access, campaign_id: UUID) -> Campaign:
    """The campaign, else 404."""
    found = selectors.visible_campaign(access, campaign_id)
    if found is None:
        raise Http404("There is no such campaign, or it is not yours to see.")
    return found


def lead_or_404(access: Access, lead_id: UUID) -> Lead:
    """The lead, else 404."""
    found = selectors.visible_lead(access, lead_id)
    if found is None:
        raise Http404("There is no such lead, or it is not yours to see.")
    return found


def import_or_404(access: Access, import_id: UUID) -> LeadImport:
    """The import, else 404."""
    found = selectors.visible_import(access, import_id)
    if found is None:
        raise Http404("There is no such import, or it is not yours to see.")
    return found


def chosen_client(request: OrganizationRequest) -> UUID | None:
    """The client named by ``?client=``, if it is within reach."""
    client_id = parse_uuid(request.GET.get("client", ""))
    return client_id if client_id is not None and request.access.sees_client(client_id) else None
