"""Counters of this room, for ``/metrics``."""

from __future__ import annotations

from prometheus_client import Counter

EXPORTS = Counter("oex_metric_exports_total", "Metric snapshots handed to the sink, by outcome.", ["outcome"])
