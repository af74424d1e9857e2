"""Tables of reporting."""

from reporting.models.alerts import Alert, AlertChannel, AlertNotice, AlertRule, Severity
from reporting.models.drills import DrillRun
from reporting.models.exports import ExportJob, ExportPart
from reporting.models.facts import Fact
from reporting.models.mails import ReportMail, ReportMailPlan, ReportRecipient
from reporting.models.portal import ClientLogo, PortalPolicy, ReplyVerdict
from reporting.models.rollups import FactRetraction, FirstFact, Rollup, RollupState
from reporting.models.saved import ReportNote, SavedReport
from reporting.models.sharing import ShareLink, ShareView
from reporting.models.snapshots import MetricSink, MetricSnapshot

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertNotice",
    "AlertRule",
    "ClientLogo",
    "DrillRun",
    "ExportJob",
    "ExportPart",
    "Fact",
    "FactRetraction",
    "FirstFact",
    "MetricSink",
    "MetricSnapshot",
    "PortalPolicy",
    "ReplyVerdict",
    "ReportMail",
    "ReportMailPlan",
    "ReportNote",
    "ReportRecipient",
    "Rollup",
    "RollupState",
    "SavedReport",
    "Severity",
    "ShareLink",
    "ShareView",
]
