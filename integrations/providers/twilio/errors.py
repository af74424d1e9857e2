"""Twilio's error codes in our taxonomy (docs/providers/twilio.md, section 3).

Twilio splits and moves codes, so the table is a help and not a law: an unknown code is reported to a person and
never held against the recipient. A send that ends in 408 or 5xx may have gone out: ``indeterminate``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import httpx

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.twilio.fields import PROVIDER
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

OPTED_OUT: Final = "21610"
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
_K = ErrorKind


@dataclass(frozen=True, slots=True)
class Rule:
    """What one code means for a request, and for a message that failed after it was taken (``category``, see
    ``events.MessageFailed``). ``retry_after`` (seconds) is our choice where Twilio sends none.
    """

    kind: ErrorKind
    message: str
    category: str = "unclassified"
    retry_after: float | None = None


_NUMBER = "This telephone number cannot receive text messages."
_DOWN = "Twilio is not available at the moment."
_SUSPENDED = "Twilio has suspended the account."

RULES: Final[dict[str, Rule]] = {
    "20003": Rule(_K.AUTH, "Twilio does not accept the account SID and token."),
    "20404": Rule(_K.NOT_FOUND, "Twilio does not have this."),
    "20429": Rule(_K.RATE_LIMITED, "Twilio takes no more requests at once.", retry_after=_MINUTE),
    # Nothing was wrong with the recipient: the account lacks the permission for the country.
    "21408": Rule(_K.UNSUPPORTED, "The Twilio account may not send to this country (geo permissions).", "blocked"),
    "21211": Rule(_K.RECIPIENT, "This is not a valid telephone number.", "invalid_address"),
    "21212": Rule(_K.CONFIG, "The sending number is not valid."),
    "21602": Rule(_K.VALIDATION, "The message is empty.", "content"),
    "21606": Rule(_K.CONFIG, "The sending number is not this account's, or cannot send text messages."),
    "21608": Rule(_K.UNSUPPORTED, "A Twilio trial account only writes to numbers that were verified there."),
    OPTED_OUT: Rule(_K.RECIPIENT, "This person has opted out of messages from us.", "suppressed"),
    "21611": Rule(_K.RATE_LIMITED, "Twilio's queue of this number is full.", retry_after=_HOUR),
    "21612": Rule(_K.RECIPIENT, "No route leads from the sending number to this one.", "invalid_address"),
    "21614": Rule(_K.RECIPIENT, _NUMBER, "invalid_address"),
    "21617": Rule(_K.VALIDATION, "The message is longer than 1,600 characters.", "content"),
    "21703": Rule(_K.CONFIG, "The messaging service has no number to send from."),
    "30001": Rule(_K.RATE_LIMITED, "Twilio's queue overflowed.", retry_after=_HOUR),
    "30002": Rule(_K.AUTH, _SUSPENDED, "blocked"),
    "30003": Rule(_K.RECIPIENT, "The handset was not reachable: off, out of reach, or a landline."),
    "30004": Rule(_K.RECIPIENT, "The recipient or their carrier blocks the message.", "blocked"),
    "30005": Rule(_K.RECIPIENT, "The number is unknown or not in use.", "invalid_address"),
    "30006": Rule(_K.RECIPIENT, "The number is a landline, or its carrier cannot be reached.", "invalid_address"),
    "30007": Rule(_K.VALIDATION, "The carrier filtered the message as unwanted.", "content"),
    "30008": Rule(_K.UNKNOWN, "The carrier gave no reason."),
    "30022": Rule(_K.QUOTA, "The carrier's rate for this A2P campaign is reached.", "blocked", _HOUR),
    "30023": Rule(_K.QUOTA, "T-Mobile's daily cap for this brand is reached.", "blocked", _DAY),
    "30034": Rule(_K.CONFIG, "The number is not registered for A2P messaging in the United States.", "blocked"),
    "30450": Rule(_K.UNSUPPORTED, "Twilio blocked it as a suspected fraud on numbers.", "blocked"),
}  # fmt: skip
"""Code -> rule."""

_BY_STATUS: Final[dict[int, Rule]] = {
    401: RULES["20003"],
    403: Rule(_K.AUTH, "The credentials lack a right for this."),
    404: RULES["20404"],
    408: Rule(_K.TIMEOUT, "Twilio did not answer in time."),
    413: Rule(_K.VALIDATION, "The request is too large."),
    429: RULES["20429"],
    504: Rule(_K.TIMEOUT, "Twilio did not answer in time."),
}


def rule_for(code: str) -> Rule | None:
    """Return the rule of a code that a failed message came with, ``None`` for one that is not in the table."""
    return RULES.get(code)


def problem(response: httpx.Response) -> dict[str, Any]:
    """Return the error object of an answer, ``{}`` if it has none (HTML, empty, truncated)."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def from_response(
    response: httpx.Response, redactor: Redactor, *, send: bool = False, recipient: str = ""
) -> ProviderError:
    """Translate an answer that is not 2xx. ``send`` says that the request may have reached ``recipient``."""
    body = problem(response)
    code = str(body.get("code") or "")
    status = response.status_code
    rule = RULES.get(code) or _BY_STATUS.get(status) or _fallback(status)
    kind, if_not_sent = rule.kind, None
    if send and (status == 408 or status >= 500):
        kind = ErrorKind.INDETERMINATE
        if_not_sent = rule.kind if rule.kind is not ErrorKind.TIMEOUT else ErrorKind.UNAVAILABLE
    said = str(body.get("message") or "") if body else response.text[:200]
    return ProviderError(
        kind,
        rule.message,
        provider=PROVIDER,
        status=status,
        raw_type=code,
        detail=redactor.text(said),
        retry_after=parse_retry_after(response.headers.get("Retry-After")) or rule.retry_after,
        if_not_sent=if_not_sent,
        opted_out=recipient if code == OPTED_OUT else "",
    )


def _fallback(status: int) -> Rule:
    if status >= 500:
        return Rule(ErrorKind.UNAVAILABLE, _DOWN)
    if 300 <= status < 400:
        return Rule(ErrorKind.CONFIG, "Twilio redirects the request. Check the address of the connection.")
    return Rule(ErrorKind.UNKNOWN, "Twilio refused the request.")


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
        message = "It is not known whether this went out. We are asking Twilio."
    elif isinstance(error, ResponseTooLargeError):
        kind, message = ErrorKind.VALIDATION, "What Twilio sent is larger than we accept."
    elif isinstance(error, TimeoutExceededError):
        kind, message = ErrorKind.TIMEOUT, "Twilio did not answer in time."
    else:
        kind, message = ErrorKind.UNAVAILABLE, "Twilio cannot be reached."
    return ProviderError(
        kind,
        message,
        provider=PROVIDER,
        raw_type=type(error).__name__,
        detail=str(error),
        retry_after=retry_after,
        if_not_sent=if_not_sent,
    )
