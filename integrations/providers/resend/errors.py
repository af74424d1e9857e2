"""Resend's error names in our taxonomy (docs/providers/resend.md, section 3).

A send that ends in 408 or 5xx may have gone out: ``indeterminate``. Sent again with the same key within a day it goes
out at most once, which those who keep to that may rely on (``services.system_mail``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import httpx

from integrations.errors import Already, ErrorKind, ProviderError
from integrations.providers.resend.fields import PROVIDER
from project.core.http import (
    AddressRefusedError,
    CircuitOpenError,
    HttpError,
    Redactor,
    RequestRateExceededError,
    ResponseTooLargeError,
    TimeoutExceededError,
    parse_retry_after,
)

_HOUR: Final = 3600.0
_K = ErrorKind


@dataclass(frozen=True, slots=True)
class Rule:
    """What one error name means. ``retry_after`` (seconds) is our choice where Resend says nothing."""

    kind: ErrorKind
    message: str
    retry_after: float | None = None
    already: Already | None = None


_KEY = "Resend does not accept the API key."
_REQUEST = "Resend did not accept the e-mail."
_DOWN = "Resend is not available at the moment."

RULES: Final[dict[str, Rule]] = {
    "missing_api_key": Rule(_K.AUTH, _KEY),
    "invalid_api_key": Rule(_K.AUTH, _KEY),
    "restricted_api_key": Rule(_K.AUTH, "The API key may only send; it lacks the right to read."),
    "validation_error": Rule(_K.VALIDATION, _REQUEST),
    "missing_required_field": Rule(_K.VALIDATION, _REQUEST),
    "missing_required_fields": Rule(_K.VALIDATION, _REQUEST),
    "invalid_parameter": Rule(_K.VALIDATION, _REQUEST),
    "invalid_attachment": Rule(_K.VALIDATION, "An attachment cannot be sent."),
    "invalid_from_address": Rule(_K.CONFIG, "Resend does not accept the sender's address."),
    "invalid_access": Rule(_K.AUTH, "The API key lacks a right for this."),
    "invalid_region": Rule(_K.CONFIG, "Resend does not accept the region."),
    "invalid_idempotency_key": Rule(_K.VALIDATION, _REQUEST),
    # The key was used for other content: the first one is what went out.
    "invalid_idempotent_request": Rule(_K.ALREADY_DONE, "This was handed over before.", already="done"),
    "concurrent_idempotent_requests": Rule(_K.UNAVAILABLE, "The same e-mail is being handed over.", 5.0),
    "not_found": Rule(_K.NOT_FOUND, "Resend does not have this."),
    "method_not_allowed": Rule(_K.CONFIG, "There is no such call at this address."),
    "rate_limit_exceeded": Rule(_K.RATE_LIMITED, "Resend takes no more requests at once.", 1.0),
    "daily_quota_exceeded": Rule(_K.QUOTA, "The daily quota at Resend is used up.", 6 * _HOUR),
    "monthly_quota_exceeded": Rule(_K.QUOTA, "The monthly quota at Resend is used up.", 24 * _HOUR),
    "security_error": Rule(_K.VALIDATION, "Resend refused the e-mail for security reasons."),
    "application_error": Rule(_K.UNAVAILABLE, _DOWN),
    "internal_server_error": Rule(_K.UNAVAILABLE, _DOWN),
}
"""Error name -> rule."""

_BY_STATUS: Final[dict[int, Rule]] = {
    401: RULES["invalid_api_key"],
    403: RULES["invalid_api_key"],
    404: RULES["not_found"],
    408: Rule(_K.TIMEOUT, "Resend did not answer in time."),
    413: Rule(_K.VALIDATION, "The e-mail is too large for Resend."),
    422: RULES["validation_error"],
    429: RULES["rate_limit_exceeded"],
    504: Rule(_K.TIMEOUT, "Resend did not answer in time."),
}
#: Under 403 the same name says that the sender's domain is not proven, or that only test addresses may be used.
_NOT_VERIFIED: Final = Rule(_K.CONFIG, "The sender's domain is not verified at Resend.")


def problem(response: httpx.Response) -> dict[str, Any]:
    """Return the error object of an answer, ``{}`` if it has none (a page of the delivery network, say)."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _rule_for(status: int, name: str) -> Rule:
    if status == 403 and name == "validation_error":
        return _NOT_VERIFIED
    if name in RULES:
        return RULES[name]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return Rule(ErrorKind.UNAVAILABLE, _DOWN)
    if 300 <= status < 400:
        return Rule(ErrorKind.CONFIG, "Resend redirects the request. Check the address of the connection.")
    return Rule(ErrorKind.UNKNOWN, "Resend refused the request.")


def from_response(response: httpx.Response, redactor: Redactor, *, send: bool = False) -> ProviderError:
    """Translate an answer that is not 2xx."""
    body = problem(response)
    name = str(body.get("name") or "")
    status = response.status_code
    rule = _rule_for(status, name)
    kind, if_not_sent = rule.kind, None
    if send and (status == 408 or status >= 500):
        kind, if_not_sent = ErrorKind.INDETERMINATE, ErrorKind.UNAVAILABLE
    said = str(body.get("message") or "") if body else response.text[:200]
    return ProviderError(
        kind,
        rule.message,
        provider=PROVIDER,
        status=status,
        raw_type=name,
        detail=redactor.text(said),
        retry_after=parse_retry_after(response.headers.get("Retry-After")) or rule.retry_after,
        already=rule.already,
        if_not_sent=if_not_sent,
    )


def from_transport(error: HttpError, *, send: bool = False) -> ProviderError:
    """Translate a failure without an answer."""
    retry_after: float | None = None
    if_not_sent: ErrorKind | None = None
    if isinstance(error, AddressRefusedError):
        kind, message = ErrorKind.CONFIG, str(error)
    elif isinstance(error, CircuitOpenError | RequestRateExceededError):
        kind, message, retry_after = ErrorKind.UNAVAILABLE, _DOWN, error.retry_after
    elif send and error.maybe_sent:
        kind, if_not_sent = ErrorKind.INDETERMINATE, ErrorKind.UNAVAILABLE
        message = "It is not known whether this went out. We are asking Resend."
    elif isinstance(error, ResponseTooLargeError):
        kind, message = ErrorKind.VALIDATION, "What Resend sent is larger than we accept."
    elif isinstance(error, TimeoutExceededError):
        kind, message = ErrorKind.TIMEOUT, "Resend did not answer in time."
    else:
        kind, message = ErrorKind.UNAVAILABLE, "Resend cannot be reached."
    return ProviderError(
        kind,
        message,
        provider=PROVIDER,
        raw_type=type(error).__name__,
        detail=str(error),
        retry_after=retry_after,
        if_not_sent=if_not_sent,
    )
