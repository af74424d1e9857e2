"""Tables of campaigns."""

from campaigns.models.campaigns import Campaign, CampaignSender, PlanVersion
from campaigns.models.enrollments import Enrollment, ScheduledAction, Transition
from campaigns.models.imports import LeadImport, LeadImportError, LeadImportLead
from campaigns.models.leads import Company, Lead, LeadChannel, Relation
from campaigns.models.suppression import Suppression

__all__ = [
    "Campaign",
    "CampaignSender",
    "Company",
    "Enrollment",
    "Lead",
    "LeadChannel",
    "LeadImport",
    "LeadImportError",
    "LeadImportLead",
    "PlanVersion",
    "Relation",
    "ScheduledAction",
    "Suppression",
    "Transition",
]
