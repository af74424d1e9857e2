"""Tables of campaigns."""

from campaigns.models.campaigns import (
    Campaign,
    CampaignSender,
    DraftRevision,
    PlanMigration,
    PlanReview,
    PlanVersion,
)
from campaigns.models.deals import Deal
from campaigns.models.delivery import AddressCheck, Brake, SendOutcome
from campaigns.models.engine import EngineLane, EngineSettings, SchedulerState
from campaigns.models.enrollments import (
    Enrollment,
    EnrollmentSender,
    PlanMigrationItem,
    ScheduledAction,
    Transition,
)
from campaigns.models.holidays import OwnHoliday
from campaigns.models.imports import LeadImport, LeadImportError, LeadImportLead, LeadImportRow
from campaigns.models.lead_acts import LeadAct, LeadActItem
from campaigns.models.leads import (
    Company,
    ErasedAddress,
    Lead,
    LeadChannel,
    LeadField,
    LeadLabel,
    LeadMerge,
    Relation,
)
from campaigns.models.mirrors import CampaignMirror, EnrollmentMirror
from campaigns.models.outreach import OutreachPolicy, Unsubscribe, UnsubscribeLink
from campaigns.models.plan_templates import PlanTemplate
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
    "ErasedAddress",
    "Lead",
    "LeadAct",
    "LeadActItem",
    "LeadChannel",
    "LeadColumns",
    "LeadField",
    "LeadImport",
    "LeadImportError",
    "LeadImportLead",
    "LeadImportRow",
    "LeadLabel",
    "LeadMerge",
    "LeadSegment",
    "OutreachPolicy",
    "OwnHoliday",
    "PlanMigration",
    "PlanMigrationItem",
    "PlanReview",
    "PlanTemplate",
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
