"""Unipile's error answers: the types, their status codes and their body (docs/providers/unipile.md, 1)."""

from __future__ import annotations

from typing import Any

from integrations.sandbox.faults import Fault
from integrations.sandbox.gateway import Answer, Refusal

#: Type (without ``errors/``) -> (status, title, detail).
ERRORS: dict[str, tuple[int, str, str]] = {
    "invalid_parameters": (400, "Invalid parameters", "One or more request parameters are invalid."),
    "missing_parameters": (400, "Missing parameters", "One or more required request parameters are missing."),
    "malformed_request": (400, "Malformed request", "The request body could not be read."),
    "content_too_large": (400, "Content too large", "The content is too large for the provider."),
    "too_many_characters": (400, "Too many characters", "The content has too many characters."),
    "missing_credentials": (401, "Missing credentials", ""),
    "disconnected_account": (
        401,
        "Disconnected account",
        "The account appears to be disconnected from the provider.",
    ),
    "invalid_credentials": (401, "Invalid credentials", "The provided credentials are invalid."),
    "expired_credentials": (401, "Expired credentials", "The account credentials have expired."),
    "checkpoint_error": (401, "Checkpoint error", "The checkpoint could not be resolved."),
    "invalid_checkpoint_solution": (
        401,
        "Invalid checkpoint solution",
        "The solution to the checkpoint is wrong.",
    ),
    "expired_link": (401, "Expired link", "This link has expired. Please generate a new one."),
    "wrong_account": (401, "Wrong account", "The provided credentials belong to another account."),
    "multiple_sessions": (401, "Multiple sessions", "The provider refuses several sessions at once."),
    "insufficient_privileges": (401, "Insufficient privileges", "The account has not the needed privileges."),
    "account_restricted": (
        403,
        "Account restricted",
        "Access to this account has been restricted by the provider.",
    ),
    "insufficient_permissions": (403, "Insufficient permissions", "The resource belongs to somebody else."),
    "feature_not_subscribed": (
        403,
        "Feature not subscribed",
        "The account has no subscription to this feature.",
    ),
    "subscription_required": (403, "Subscription required", "A subscription is required for this action."),
    "action_required": (
        403,
        "Action required",
        "The provider asks the account's owner to do something first.",
    ),
    "resource_not_found": (404, "Resource not found", "The requested resource was not found."),
    "invalid_resource_identifier": (404, "Invalid resource identifier", "No resource has this identifier."),
    "request_timeout": (504, "Request timeout", "The request took too long at the provider."),
    "already_exists": (409, "Already exists", "The account is already connected."),
    "unsupported_media_type": (415, "Unsupported media type", "This route takes multipart/form-data."),
    "invalid_account": (422, "Invalid account", "The account cannot be used for this action."),
    "invalid_recipient": (
        422,
        "Invalid recipient",
        "The recipient cannot be reached: the identifier is not valid.",
    ),
    "no_connection_with_recipient": (
        422,
        "No connection with recipient",
        "Recipient appears not to be first degree connection.",
    ),
    "blocked_recipient": (422, "Blocked recipient", "The recipient has been blocked."),
    "user_unreachable": (422, "User unreachable", "The recipient does not take messages."),
    "unprocessable_entity": (422, "Unprocessable entity", "The provider refused the request."),
    "action_already_performed": (422, "Action already performed", "The action has already been performed."),
    "not_allowed_inmail": (422, "InMail not allowed", "The recipient does not take InMails."),
    "insufficient_credits": (422, "Insufficient credits", "The account has no credits left for this action."),
    "cannot_resend_yet": (
        422,
        "Cannot resend yet",
        "You have reached a temporary provider limit. Please try again later.",
    ),
    "cannot_resend_within_24hrs": (
        422,
        "Cannot resend within 24 hours",
        "Please wait 24 hours before trying again.",
    ),
    "limit_exceeded": (422, "Limit exceeded", "You have exceeded the provider's limit for this action."),
    "already_invited_recently": (
        422,
        "Already invited recently",
        "An invitation has already been sent recently to this recipient.",
    ),
    "already_connected": (422, "Already connected", "The recipient is already a connection."),
    "cannot_invite_attendee": (
        422,
        "Cannot invite attendee",
        "The provider does not allow to invite this user.",
    ),
    "cant_send_message": (422, "Cannot send message", "The message cannot be sent."),
    "too_many_requests": (
        429,
        "Too many requests",
        "The provider cannot accept any more requests at the moment.",
    ),
    "unexpected_error": (500, "Unexpected error", "Something went wrong."),
    "provider_error": (500, "Provider error", "The provider is experiencing operational problems."),
    "feature_not_implemented": (
        501,
        "Feature not implemented",
        "This feature is not implemented for the provider.",
    ),
    "no_client_session": (503, "No client session", "No client session is currently running."),
    "network_down": (503, "Network down", "The network is down on the provider's side."),
    "service_unavailable": (503, "Service unavailable", "Please try again later."),
    "bad_gateway": (502, "Proxy error", "The gateway got no proper answer."),
}

_BY_STATUS = {
    400: "invalid_parameters",
    401: "disconnected_account",
    403: "account_restricted",
    404: "resource_not_found",
    409: "already_exists",
    415: "unsupported_media_type",
    422: "unprocessable_entity",
    429: "too_many_requests",
    501: "feature_not_implemented",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "request_timeout",
}


def _body(status: int, kind: str, title: str, detail: str, path: str) -> dict[str, Any]:
    body: dict[str, Any] = {"status": status, "type": f"errors/{kind}", "title": title}
    if detail:
        body |= {"detail": detail, "instance": path}
    return body


def refusal(kind: str, path: str, detail: str = "") -> Refusal:
    """The exception that answers with error ``kind``; ``detail`` replaces the usual text.

    A kind that is not in ``ERRORS`` (one set by hand for a person) answers 422.
    """
    kind = kind.removeprefix("errors/")
    status, title, usual = ERRORS.get(kind, (422, kind.replace("_", " ").capitalize(), ""))
    return Refusal(Answer(_body(status, kind, title, detail or usual, path), status))


def fault_answer(fault: Fault, path: str) -> Answer:
    """The error that an injected ``status`` fault answers, with its ``Retry-After`` if it has one."""
    kind = fault.type.removeprefix("errors/") or _BY_STATUS.get(fault.status, "unexpected_error")
    _, title, usual = ERRORS.get(kind, (fault.status, kind.replace("_", " ").capitalize(), ""))
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return Answer(_body(fault.status, kind, title, fault.detail or usual, path), fault.status, headers)
