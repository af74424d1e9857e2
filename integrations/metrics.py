"""Counters and timings of this room, for ``/metrics``."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

WEBHOOKS = Counter("oex_webhooks_total", "Inbound webhook calls by outcome.", ["provider", "outcome"])
DELIVERIES = Counter("oex_deliveries_total", "Processed webhook deliveries by state.", ["provider", "state"])
DELIVERY_SECONDS = Histogram("oex_delivery_lag_seconds", "From receipt to applied.", ["provider"])
EVENTS = Counter(
    "oex_provider_events_total", "Facts recorded, by kind, source and novelty.", ["kind", "source", "new"]
)
SENDS = Counter("oex_sends_total", "Send attempts by action and outcome.", ["provider", "action", "outcome"])
PROVIDER_ERRORS = Counter(
    "oex_provider_errors_total", "Errors of providers by kind.", ["provider", "kind", "transient"]
)
SYNC_RUNS = Counter(
    "oex_sync_runs_total", "Synchronisations by resource and end state.", ["resource", "state"]
)
SYSTEM_MAILS = Counter("oex_system_mails_total", "Mails of the installation itself", ["kind", "outcome"])
