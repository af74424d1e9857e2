"""Tables of campaigns."""

from campaigns.models.campaigns import Campaign, CampaignSender, DraftRevision, PlanReview, PlanVersion
from campaigns.models.deals import Deal
from campaigns.models.delivery import AddressCheck, Brake, SendOutcome
from campaigns.models.engine import EngineLane, EngineSettings, SchedulerState
from campaigns.models.enrollments import Enrollment, EnrollmentSender, ScheduledAction, Transition
from campaigns.models.holidays import OwnHoliday
from campaigns.models.imports import LeadImport, LeadImportError, LeadImportLead
from campaigns.models.leads import Company, Lead, LeadChannel, Relation
from campaigns.models.mirrors import CampaignMirror, EnrollmentMirror
from campaigns.models.outreach import OutreachPolicy, Unsubscribe, UnsubscribeLink
from campaigns.models.replies import ReplyReading, VariantChoice
from campaigns.models.segments import LeadColumns, LeadSegment
from campaigns.models.simulations import Simulation
from campaigns.models.suppression import Suppression
from campaigns.models.texts import Snippet

__all__ = [
    "AddressCheck",
    "Brake",
    "Campaign",
    "CampaignMirror",
    "CampaignSender",
    "Company",
    "Deal",
    "DraftRevision",
    "EngineLane",
    "EngineSettings",
    "Enrollment",
    "EnrollmentMirror",
    "EnrollmentSender",
    "Lead",
    "LeadChannel",
    "LeadColumns",
    "LeadImport",
    "LeadImportError",
    "LeadImportLead",
    "LeadSegment",
    "OutreachPolicy",
    "OwnHoliday",
    "PlanReview",
    "PlanVersion",
    "Relation",
    "ReplyReading",
    "ScheduledAction",
    "SchedulerState",
    "SendOutcome",
    "Simulation",
    "Snippet",
    "Suppression",
    "Transition",
    "Unsubscribe",
    "UnsubscribeLink",
    "VariantChoice",
]
