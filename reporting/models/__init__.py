"""Tables of reporting."""

from reporting.models.alerts import Alert, AlertChannel, AlertNotice, AlertRule, Severity
from reporting.models.drills import DrillRun
from reporting.models.facts import Fact
from reporting.models.mails import ReportMail, ReportMailPlan, ReportRecipient
from reporting.models.portal import PortalPolicy, ReplyVerdict
from reporting.models.rollups import FactRetraction, FirstFact, Rollup, RollupState
from reporting.models.sharing import ShareLink, ShareView
from reporting.models.snapshots import MetricSink, MetricSnapshot

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertNotice",
    "AlertRule",
    "DrillRun",
    "Fact",
    "FactRetraction",
    "FirstFact",
    "MetricSink",
    "MetricSnapshot",
    "PortalPolicy",
    "ReplyVerdict",
    "ReportMail",
    "ReportMailPlan",
    "ReportRecipient",
    "Rollup",
    "RollupState",
    "Severity",
    "ShareLink",
    "ShareView",
]
