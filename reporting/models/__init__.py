"""Tables of reporting."""

from reporting.models.alerts import Alert, AlertChannel, AlertNotice, AlertRule, Severity
from reporting.models.drills import DrillRun
from reporting.models.facts import Fact
from reporting.models.rollups import FactRetraction, FirstFact, Rollup, RollupState
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
    "Rollup",
    "RollupState",
    "Severity",
]
