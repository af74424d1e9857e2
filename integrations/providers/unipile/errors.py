"""Unipile's error types in our taxonomy (docs/providers/unipile.md, section 1).

Only ``type`` is branched on, as the vendor asks. Types are unique over all statuses, so the status only
decides where there is no known type: gateways answer HTML.

A send (invitation, message) that ends in 408 or 5xx may have gone out, so it becomes ``indeterminate``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import httpx

from integrations.errors import Already, ErrorKind, ProviderError
from integrations.providers.unipile.fields import PROVIDER
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

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Rule:
    """What one error type means. ``retry_after`` (seconds) is our choice: Unipile sends no such header."""

    kind: ErrorKind
    message: str
    retry_after: float | None = None
    already: Already | None = None


_SIGN_IN = "The LinkedIn account is signed out. Its owner has to connect it again."
_REQUEST = "Unipile did not accept the request."
_CONTENT = "LinkedIn does not accept this content."
_RECIPIENT = "This person cannot be reached this way."
_DOWN = "Unipile is not available at the moment."
_K = ErrorKind

RULES: Final[dict[str, Rule]] = {
    # 400
    "invalid_parameters": Rule(_K.VALIDATION, _REQUEST),
    "missing_parameters": Rule(_K.VALIDATION, _REQUEST),
    "malformed_request": Rule(_K.VALIDATION, _REQUEST),
    "invalid_request": Rule(_K.VALIDATION, _REQUEST),
    "content_too_large": Rule(_K.VALIDATION, "The content is too large."),
    # On free accounts this may also be the note quota: the same invitation without a note can succeed.
    "too_many_characters": Rule(_K.VALIDATION, "The text is too long for LinkedIn."),
    "unescaped_characters": Rule(_K.VALIDATION, _CONTENT),
    "invalid_url": Rule(_K.VALIDATION, "A link is not valid."),
    # 401
    "missing_credentials": Rule(_K.AUTH, "Unipile does not accept the access token."),
    "disconnected_account": Rule(_K.ACCOUNT_DISCONNECTED, _SIGN_IN),
    "disconnected_feature": Rule(_K.ACCOUNT_DISCONNECTED, _SIGN_IN),
    "expired_credentials": Rule(_K.ACCOUNT_DISCONNECTED, _SIGN_IN),
    "invalid_credentials": Rule(_K.ACCOUNT_DISCONNECTED, _SIGN_IN),
    "insufficient_privileges": Rule(_K.AUTH, "The access token lacks a right for this."),
    "multiple_sessions": Rule(_K.ACCOUNT_DISCONNECTED, "LinkedIn reports several sessions of this seat."),
    "checkpoint_error": Rule(_K.ACCOUNT_DISCONNECTED, "LinkedIn asks the account's owner for a check-in."),
    "invalid_checkpoint_solution": Rule(_K.ACCOUNT_DISCONNECTED, "The check-in code was wrong."),
    "captcha_not_supported": Rule(_K.ACCOUNT_DISCONNECTED, "LinkedIn shows a puzzle that must be solved."),
    "expired_link": Rule(_K.ACCOUNT_DISCONNECTED, "The sign-in link has expired."),
    "wrong_account": Rule(_K.ACCOUNT_DISCONNECTED, "Somebody else's LinkedIn account was signed in."),
    "invalid_credentials_but_valid_account_imap": Rule(_K.ACCOUNT_DISCONNECTED, _SIGN_IN),
    "invalid_proxy_credentials": Rule(_K.ACCOUNT_DISCONNECTED, "The account's proxy refuses its password."),
    # 403
    "account_restricted": Rule(_K.ACCOUNT_RESTRICTED, "LinkedIn has restricted this account."),
    "action_required": Rule(_K.ACCOUNT_RESTRICTED, "LinkedIn asks the account's owner to act."),
    "account_mismatch": Rule(_K.CONFLICT, "This belongs to another account."),
    "insufficient_permissions": Rule(_K.UNSUPPORTED, "The account lacks a permission for this."),
    "session_mismatch": Rule(_K.ACCOUNT_DISCONNECTED, _SIGN_IN),
    # The seat lacks it, not the connection: other accounts and actions go on.
    "feature_not_subscribed": Rule(_K.UNSUPPORTED, "This LinkedIn seat does not include the feature."),
    "subscription_required": Rule(_K.CONFIG, "The Unipile subscription does not cover this."),
    "unknown_authentication_context": Rule(_K.AUTH, "Unipile does not know these credentials."),
    "resource_access_restricted": Rule(_K.RECIPIENT, "LinkedIn does not show this to the account."),
    # 404
    "resource_not_found": Rule(_K.NOT_FOUND, "Unipile does not have this."),
    "invalid_resource_identifier": Rule(_K.NOT_FOUND, "This id is not known at LinkedIn."),
    # 415
    "unsupported_media_type": Rule(_K.VALIDATION, "This kind of file cannot be sent."),
    # 422
    "invalid_account": Rule(_K.UNSUPPORTED, "This account cannot do that."),
    "invalid_recipient": Rule(_K.RECIPIENT, _RECIPIENT),
    "no_connection_with_recipient": Rule(_K.RECIPIENT, "The account is not connected with this person."),
    "blocked_recipient": Rule(_K.RECIPIENT, "This person has blocked the account, or is blocked."),
    "user_unreachable": Rule(_K.RECIPIENT, _RECIPIENT),
    "cannot_invite_attendee": Rule(_K.RECIPIENT, "LinkedIn does not allow inviting this person."),
    "not_allowed_inmail": Rule(_K.RECIPIENT, "This person does not take InMail."),
    "cannot_resend_within_24hrs": Rule(_K.RECIPIENT, "This person was written to within the last 24 hours."),
    "unprocessable_entity": Rule(_K.VALIDATION, _CONTENT),
    "invalid_message": Rule(_K.VALIDATION, _CONTENT),
    "invalid_post": Rule(_K.VALIDATION, _CONTENT),
    "cant_send_message": Rule(_K.VALIDATION, "LinkedIn refused the message."),
    # Ambiguous: seen for pending and withdrawn invitations as well as for a throttled account, so no lead may
    # fail for it.
    "cannot_resend_yet": Rule(_K.QUOTA, "LinkedIn has paused this action for the account.", 4 * _HOUR),
    "limit_exceeded": Rule(_K.QUOTA, "The account's LinkedIn limit is reached.", 24 * _HOUR),
    "insufficient_credits": Rule(_K.QUOTA, "The account has no credits left for this.", 24 * _HOUR),
    "insufficient_job_slot": Rule(_K.QUOTA, "The account has no free job slot.", 24 * _HOUR),
    "action_already_performed": Rule(_K.ALREADY_DONE, "This was done before.", already="done"),
    "already_invited_recently": Rule(_K.ALREADY_DONE, "An invitation is pending already.", already="invited"),
    "already_connected": Rule(_K.ALREADY_DONE, "The two are connected already.", already="connected"),
    "realtime_client_not_initialized": Rule(_K.UNAVAILABLE, _DOWN, _MINUTE),
    "limit_too_high": Rule(_K.VALIDATION, _REQUEST),
    "unauthorized": Rule(_K.UNSUPPORTED, "The account may not do that."),
    "payment_error": Rule(_K.UNSUPPORTED, "LinkedIn reports a payment problem of the account."),
    "comments_disabled": Rule(_K.RECIPIENT, "Comments are turned off there."),
    "parent_mail_not_found": Rule(_K.VALIDATION, _CONTENT),
    "invalid_reply_subject": Rule(_K.VALIDATION, _CONTENT),
    "invalid_headers": Rule(_K.VALIDATION, _CONTENT),
    "send_as_denied": Rule(_K.VALIDATION, "The mailbox may not send from this address."),
    "invalid_folder": Rule(_K.VALIDATION, _CONTENT),
    "invalid_thread": Rule(_K.VALIDATION, _CONTENT),
    "sender_rejected": Rule(_K.ACCOUNT_RESTRICTED, "The mail server refuses this sender."),
    "recipient_rejected": Rule(_K.RECIPIENT, "The mail server refuses this recipient."),
    "ip_rejected_by_server": Rule(_K.ACCOUNT_RESTRICTED, "The mail server refuses the sending address."),
    "provider_unreachable": Rule(
        _K.UNAVAILABLE, "The network behind the account cannot be reached.", _MINUTE
    ),
    "account_configuration_error": Rule(_K.ACCOUNT_DISCONNECTED, "The account's settings are wrong."),
    # 429 and 5xx
    "too_many_requests": Rule(_K.RATE_LIMITED, "LinkedIn takes no more requests from the account.", 900.0),
    "unexpected_error": Rule(_K.UNAVAILABLE, "Unipile failed unexpectedly."),
    # Provider limits surface as this too; a read has been tried several times when it comes here.
    "provider_error": Rule(_K.QUOTA, "LinkedIn refused the request without a reason.", 900.0),
    "authentication_intent_error": Rule(_K.UNAVAILABLE, "The sign-in at LinkedIn failed."),
    "feature_not_implemented": Rule(_K.UNSUPPORTED, "Unipile cannot do this for this network."),
    "no_client_session": Rule(_K.UNAVAILABLE, _DOWN, _MINUTE),
    "no_channel": Rule(_K.UNAVAILABLE, _DOWN, _MINUTE),
    "no_handler": Rule(_K.UNAVAILABLE, _DOWN, _MINUTE),
    "network_down": Rule(_K.UNAVAILABLE, _DOWN, _MINUTE),
    "service_unavailable": Rule(_K.UNAVAILABLE, _DOWN, _MINUTE),
    "request_timeout": Rule(_K.TIMEOUT, "Unipile did not answer in time."),
    # Connecting accounts only
    "proxy_auth_error": Rule(_K.ACCOUNT_DISCONNECTED, "The account's proxy refuses its password."),
    "proxy_error": Rule(_K.UNAVAILABLE, "The account's proxy does not work."),
    "operation_canceled": Rule(_K.CONFLICT, "The sign-in was cancelled."),
    "already_exists": Rule(_K.CONFLICT, "This account is connected already."),
    "auth_in_progress": Rule(_K.CONFLICT, "A sign-in of this account is under way."),
}
"""Error type (without ``errors/``) -> rule. ``test_errors`` holds it complete against the fact sheet."""

_BY_STATUS: Final[dict[int, Rule]] = {
    401: RULES["missing_credentials"],
    404: Rule(_K.CONFIG, "There is no Unipile API at this address."),
    408: RULES["request_timeout"],
    413: RULES["content_too_large"],
    415: RULES["unsupported_media_type"],
    429: RULES["too_many_requests"],
    501: RULES["feature_not_implemented"],
    504: RULES["request_timeout"],
}


def _rule_for(status: int, name: str) -> Rule:
    if name in RULES:
        return RULES[name]
    if status in _BY_STATUS and not (status == 404 and name):
        return _BY_STATUS[status]
    if status >= 500:
        return Rule(ErrorKind.UNAVAILABLE, _DOWN)
    if status == 404:
        return RULES["resource_not_found"]
    if 300 <= status < 400:
        return Rule(ErrorKind.CONFIG, "Unipile redirects the request. Check the address of the connection.")
    return Rule(ErrorKind.UNKNOWN, "Unipile refused the request.")


def problem(response: httpx.Response) -> dict[str, Any]:
    """Return the error object of an answer, ``{}`` if it has none (HTML, empty, truncated)."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def from_response(
    response: httpx.Response, redactor: Redactor, *, send: bool = False, invitation: bool = False
) -> ProviderError:
    """Translate an answer that is not 2xx. ``send`` says that the request may have reached a person."""
    body = problem(response)
    raw_type = str(body.get("type") or "")
    name = raw_type.removeprefix("errors/")
    status = response.status_code
    rule = _rule_for(status, name)
    already = rule.already
    if invitation and name == "action_already_performed":
        already = "invited"
    kind, if_not_sent = rule.kind, None
    if send and (status == 408 or (status >= 500 and rule.kind is not ErrorKind.UNSUPPORTED)):
        kind, if_not_sent = ErrorKind.INDETERMINATE, rule.kind
    said = str(body.get("detail") or body.get("title") or "") if body else response.text[:200]
    return ProviderError(
        kind,
        rule.message,
        provider=PROVIDER,
        status=status,
        raw_type=raw_type,
        detail=redactor.text(said),
        retry_after=parse_retry_after(response.headers.get("Retry-After")) or rule.retry_after,
        already=already,
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
        message = "It is not known whether this went out. We are asking Unipile."
    elif isinstance(error, ResponseTooLargeError):
        kind, message = ErrorKind.VALIDATION, "What Unipile sent is larger than we accept."
    elif isinstance(error, TimeoutExceededError):
        kind, message = ErrorKind.TIMEOUT, RULES["request_timeout"].message
    else:
        kind, message = ErrorKind.UNAVAILABLE, "Unipile cannot be reached."
    return ProviderError(
        kind,
        message,
        provider=PROVIDER,
        raw_type=type(error).__name__,
        detail=str(error),
        retry_after=retry_after,
        if_not_sent=if_not_sent,
    )
