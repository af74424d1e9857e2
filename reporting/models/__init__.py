"""Tables of reporting."""

from reporting.models.alerts import Alert, AlertChannel, AlertNotice, AlertRule, Severity
from reporting.models.drills import DrillRun
from reporting.models.facts import Fact
from reporting.models.snapshots import MetricSink, MetricSnapshot

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertNotice",
    "AlertRule",
    "DrillRun",
    "Fact",
    "MetricSink",
    "MetricSnapshot",
    "Severity",
]
