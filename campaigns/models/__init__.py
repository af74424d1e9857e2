"""Tables of campaigns."""

from campaigns.models.campaigns import Campaign, CampaignSender, PlanVersion
from campaigns.models.enrollments import Enrollment, EnrollmentSender, ScheduledAction, Transition
from campaigns.models.imports import LeadImport, LeadImportError, LeadImportLead
from campaigns.models.leads import Company, Lead, LeadChannel, Relation
from campaigns.models.suppression import Suppression
from campaigns.models.texts import Snippet

__all__ = [
    "Campaign",
    "CampaignSender",
    "Company",
    "Enrollment",
    "EnrollmentSender",
    "Lead",
    "LeadChannel",
    "LeadImport",
    "LeadImportError",
    "LeadImportLead",
    "PlanVersion",
    "Relation",
    "ScheduledAction",
    "Snippet",
    "Suppression",
    "Transition",
]
