"""Outgoing HTTP: the only place that builds clients.

``client_for`` for services, ``check_url`` for addresses that users type. See ``client`` for the rules.
"""

from project.core.http.breaker import CircuitState, circuit_state, circuit_wait
from project.core.http.client import HttpClient, Streamed, Throttle, client_for, use_throttle
from project.core.http.errors import (
    AddressRefusedError,
    CircuitOpenError,
    ConnectFailedError,
    HttpError,
    RequestRateExceededError,
    ResponseTooLargeError,
    TimeoutExceededError,
    TooManyRedirectsError,
    TransportBrokenError,
)
from project.core.http.guard import check_url
from project.core.http.pool import close_pools
from project.core.http.redaction import Redactor, json_pattern
from project.core.http.retries import NO_RETRIES, RetryPolicy, parse_retry_after

__all__ = [
    "NO_RETRIES",
    "AddressRefusedError",
    "CircuitOpenError",
    "CircuitState",
    "ConnectFailedError",
    "HttpClient",
    "HttpError",
    "Redactor",
    "RequestRateExceededError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "Streamed",
    "Throttle",
    "TimeoutExceededError",
    "TooManyRedirectsError",
    "TransportBrokenError",
    "check_url",
    "circuit_state",
    "circuit_wait",
    "client_for",
    "close_pools",
    "json_pattern",
    "parse_retry_after",
    "use_throttle",
]
