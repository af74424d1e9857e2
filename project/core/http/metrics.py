"""Prometheus figures of outgoing requests, by client name and outcome; never by tenant or URL."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Histogram

REQUESTS: Final = Counter(
    "outbound_http_requests_total",
    "Outgoing HTTP requests, each attempt counted. Outcome: 2xx..5xx, timeout, connect, broken, "
    "too_large, refused_address, circuit_open, rate_limited.",
    ["client", "method", "outcome"],
)
SECONDS: Final = Histogram(
    "outbound_http_request_seconds",
    "Time from the start of an attempt to its complete answer or failure.",
    ["client", "method"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
RETRIES: Final = Counter("outbound_http_retries_total", "Reads that were tried again.", ["client", "reason"])
