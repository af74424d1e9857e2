"""SendGrid's refusals in our taxonomy (docs/providers/sendgrid.md, section 2).

SendGrid has no error types: the status decides, and a few of its sentences where one status means several
things. A send that ends in 408 or 5xx may have been queued, so it becomes ``indeterminate``.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Final

import httpx

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.sendgrid.fields import PROVIDER, mapping, objects, text
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

_K = ErrorKind
_DOWN: Final = "SendGrid is not available at the moment."
#: Longest wait that a rate-limit header may ask for, in seconds.
_MAX_WAIT: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Rule:
    """What a refusal means. ``retry_after`` (seconds) is our choice where SendGrid gives no time."""

    kind: ErrorKind
    message: str
    retry_after: float | None = None


_BY_STATUS: Final[dict[int, Rule]] = {
    400: Rule(_K.VALIDATION, "SendGrid did not accept the request."),
    401: Rule(_K.AUTH, "SendGrid does not accept the API key."),
    403: Rule(_K.CONFIG, "The API key lacks a right for this, or SendGrid's plan does not include it."),
    404: Rule(_K.NOT_FOUND, "SendGrid does not have this."),
    405: Rule(_K.CONFIG, "There is no SendGrid API at this address."),
    408: Rule(_K.TIMEOUT, "SendGrid did not answer in time."),
    413: Rule(_K.VALIDATION, "The message is larger than 30 MB with its attachments."),
    415: Rule(_K.VALIDATION, "SendGrid did not accept the request."),
    429: Rule(_K.RATE_LIMITED, "SendGrid takes no more requests at the moment.", 60.0),
    501: Rule(_K.UNSUPPORTED, "SendGrid cannot do this."),
    504: Rule(_K.TIMEOUT, "SendGrid did not answer in time."),
}
#: (status, words of the sentence, field) -> meaning; checked before the status.
_BY_WORDS: Final[tuple[tuple[int, str, str, Rule], ...]] = (
    (
        401,
        "maximum credits exceeded",
        "",
        Rule(_K.QUOTA, "The SendGrid plan's e-mails are used up.", 6 * 3600.0),
    ),
    (
        403,
        "verified sender identity",
        "",
        Rule(_K.ACCOUNT_DISCONNECTED, "SendGrid does not send from this address: it is not verified."),
    ),
    (
        400,
        "",
        "personalizations.0.to",
        Rule(_K.RECIPIENT, "SendGrid cannot write to this address."),
    ),
    (400, "ip pool", "", Rule(_K.CONFIG, "SendGrid does not have this IP pool.")),
    (400, "", "ip_pool_name", Rule(_K.CONFIG, "SendGrid does not have this IP pool.")),
)
#: A right that a send lacks stops the connection; elsewhere it is one feature that is lacking.
_SEND_FORBIDDEN: Final = Rule(_K.AUTH, "The API key may not send e-mail.")


def problems(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the error objects of an answer: ``errors`` with ``message`` and ``field`` (verified senders:
    ``error_id``), or a lone ``error``; empty for anything else.
    """
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return []
    found = objects(mapping(body).get("errors"))
    lone = text(mapping(body), "error")
    return found or ([{"message": lone}] if lone else [])


def _rule_for(status: int, said: list[dict[str, Any]], *, send: bool) -> Rule:
    for wanted, words, field, rule in _BY_WORDS:
        if status == wanted and any(
            words in text(item, "message").lower() and text(item, "field").startswith(field) for item in said
        ):
            return rule
    if status == 403 and send:
        return _SEND_FORBIDDEN
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return Rule(_K.UNAVAILABLE, _DOWN)
    if 300 <= status < 400:
        return Rule(_K.CONFIG, "SendGrid redirects the request. Check the address of the connection.")
    return Rule(_K.UNKNOWN, "SendGrid refused the request.")


def from_response(response: httpx.Response, redactor: Redactor, *, send: bool = False) -> ProviderError:
    """Translate an answer that is not 2xx. ``send`` says that the request may have reached a person."""
    said = problems(response)
    status = response.status_code
    rule = _rule_for(status, said, send=send)
    kind, if_not_sent = rule.kind, None
    if send and (status == 408 or (status >= 500 and kind is not _K.UNSUPPORTED)):
        kind, if_not_sent = _K.INDETERMINATE, _K.UNAVAILABLE
    detail = "; ".join(
        f"{text(item, 'field')}: {text(item, 'message')}".removeprefix(": ") for item in said[:5]
    )
    return ProviderError(
        kind,
        rule.message,
        provider=PROVIDER,
        status=status,
        raw_type=text(said[0], "error_id", "field")[:80] if said else "",
        detail=redactor.text((detail or response.text)[:500]),
        retry_after=_retry_after(response) or rule.retry_after,
        if_not_sent=if_not_sent,
    )


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait by ``Retry-After``, else by ``X-RateLimit-Reset`` (Unix time) of a refusal for its rate."""
    told = parse_retry_after(response.headers.get("Retry-After"))
    if told is not None or response.status_code != 429:
        return told
    reset = response.headers.get("X-RateLimit-Reset", "")
    if not (reset.isascii() and reset.isdigit()):
        return None
    return min(max(1.0, int(reset) - time.time()), _MAX_WAIT)


def from_transport(error: HttpError, *, send: bool = False) -> ProviderError:
    """Translate a failure without an answer."""
    retry_after: float | None = None
    if_not_sent: ErrorKind | None = None
    if isinstance(error, AddressRefusedError):
        kind, message = _K.CONFIG, str(error)
    elif isinstance(error, CircuitOpenError | RequestRateExceededError):
        kind, message, retry_after = _K.UNAVAILABLE, _DOWN, error.retry_after
    elif send and error.maybe_sent:
        kind, if_not_sent = _K.INDETERMINATE, _K.UNAVAILABLE
        message = "It is not known whether SendGrid took this. Its reports will tell."
    elif isinstance(error, ResponseTooLargeError):
        kind, message = _K.VALIDATION, "What SendGrid sent is larger than we accept."
    elif isinstance(error, TimeoutExceededError):
        kind, message = _K.TIMEOUT, _BY_STATUS[408].message
    else:
        kind, message = _K.UNAVAILABLE, "SendGrid cannot be reached."
    return ProviderError(
        kind,
        message,
        provider=PROVIDER,
        raw_type=type(error).__name__,
        detail=str(error),
        retry_after=retry_after,
        if_not_sent=if_not_sent,
    )
