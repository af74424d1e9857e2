"""Whose leads a campaign approaches, and the request to enroll them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from campaigns.models import Campaign, Lead, LeadImportLead
from campaigns.services.settings import Audience
from project.core.clock import now
from project.core.tasks import enqueue


def listed(campaign: Campaign, leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """Those of ``leads`` who are in the campaign's list, whether or not it can reach them."""
    audience = Audience.model_validate(campaign.audience or {})
    if audience.kind == "import":
        links = LeadImportLead.objects.filter(lead_import_id=audience.import_id)
        leads = leads.filter(id__in=links.values("lead_id"))
    return leads


def ask_to_enroll(campaign_id: UUID) -> None:
    """Have everybody enrolled who may enter a running campaign and is not in it yet."""
    from campaigns.tasks import enroll_audience

    # The row is what counts: a message that gets lost, or a worker that dies, is made up for by the sweeper.
    Campaign.objects.filter(id=campaign_id).update(enrolling_since=now())
    enqueue(enroll_audience, campaign_id=campaign_id)
