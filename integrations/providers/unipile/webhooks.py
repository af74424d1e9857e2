"""Unipile's webhooks: proof of origin, what has to be registered, and what is wrong with what is registered.

There is no signature: the only proof is a secret in a header of our choice, sent with every call and shown
in the list of registrations (docs/providers/unipile.md, section 6). Registrations cannot be changed, only
deleted and made anew, and making one twice makes two.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from integrations.errors import WebhookRefusedError
from integrations.providers.unipile.fields import flag, objects, strings, text
from integrations.values import Raw, WebhookFinding, WebhookProblem, WebhookRegistration

SECRET_HEADER: Final = "Unipile-Auth"  # noqa: S105 -- a name, not a secret

EVENTS: Final[dict[str, frozenset[str]]] = {
    "messaging": frozenset(
        {
            "message_received",
            "message_read",
            "message_reaction",
            "message_edited",
            "message_deleted",
            "message_delivered",
        }
    ),
    "users": frozenset({"new_relation"}),
    "account_status": frozenset(
        {
            "creation_success",
            "creation_fail",
            "deleted",
            "reconnected",
            "sync_success",
            "stopped",
            "ok",
            "connecting",
            "error",
            "credentials",
            "permissions",
        }
    ),
}
"""Source -> events that we need from it."""

_LABELS: Final = {"messaging": "messages", "users": "new connections", "account_status": "account status"}


def verify(headers: Mapping[str, str], secrets: Sequence[str]) -> None:
    """Compare the secret header with every secret, in constant time. Raises ``WebhookRefusedError``.

    Without a secret nothing is accepted. Several are accepted while one is being rotated.
    """
    known = [secret for secret in secrets if secret]
    if not known:
        raise WebhookRefusedError("No webhook secret is set for this connection.")
    given = next((value for name, value in headers.items() if name.lower() == SECRET_HEADER.lower()), "")
    if not given:
        raise WebhookRefusedError(f"The header {SECRET_HEADER} is missing.")
    # No early exit: the time taken must not tell which secret was close.
    matches = [hmac.compare_digest(given.encode(), secret.encode()) for secret in known]
    if not any(matches):
        raise WebhookRefusedError(f"The header {SECRET_HEADER} does not hold our secret.")


def required(url: str, secret: str) -> tuple[WebhookRegistration, ...]:
    """Return the registrations that make Unipile call ``url``: one per source, for all accounts."""
    return tuple(
        WebhookRegistration(
            source=source,
            url=url,
            events=events,
            name=f"outbound-engine {source}",
            # Without the content type, Unipile's calls carry none.
            headers={SECRET_HEADER: secret, "Content-Type": "application/json"},
        )
        for source, events in EVENTS.items()
    )


def parse(raw: Raw) -> WebhookRegistration:
    """Read a listed registration. Its source is not in the documented answer and is told from its events."""
    events = frozenset(strings(raw.get("events")))
    source = text(raw, "source") or next(
        (name for name, known in EVENTS.items() if events & known),
        next((name for name in EVENTS if text(raw, "name").endswith(f" {name}")), ""),
    )
    return WebhookRegistration(
        source=source,
        url=text(raw, "request_url"),
        events=events,
        enabled=flag(raw.get("enabled")) is not False,
        name=text(raw, "name"),
        registration_id=text(raw, "id", "webhook_id"),
        headers={text(item, "key"): text(item, "value") for item in objects(raw.get("headers"))},
        format=text(raw, "format") or "json",
        account_ids=_account_ids(raw.get("account_ids")),
        renames_fields=any(item.get("name") != item.get("key") for item in objects(raw.get("data"))),
    )


def _account_ids(value: object) -> frozenset[str]:
    """Read account ids, which are sent as strings and come back as objects."""
    return frozenset(strings(value)) | frozenset(filter(None, (text(item, "id") for item in objects(value))))


def body(registration: WebhookRegistration) -> Raw:
    """Return the request body that makes ``registration``. ``data`` is left out: it would rename fields."""
    return {
        "source": registration.source,
        "request_url": registration.url,
        "name": registration.name,
        "format": registration.format,
        "enabled": True,
        "events": sorted(registration.events),
        "headers": [{"key": key, "value": value} for key, value in registration.headers.items()],
    }


def check(
    registered: Sequence[WebhookRegistration], wanted: Sequence[WebhookRegistration]
) -> tuple[WebhookFinding, ...]:
    """Say what is wrong, source by source: exactly one right registration per source is right.

    Ours are those whose path is ours, on whatever host: the path holds the connection's unguessable key.
    All others belong to somebody else and are left alone.
    """
    findings: list[WebhookFinding] = []
    for want in wanted:
        path = urlsplit(want.url).path
        ours = [
            found for found in registered if found.source == want.source and urlsplit(found.url).path == path
        ]
        findings += _check_source(want, ours)
    return tuple(findings)


def _check_source(want: WebhookRegistration, ours: list[WebhookRegistration]) -> list[WebhookFinding]:
    label = _LABELS.get(want.source, want.source)
    if not ours:
        return [
            WebhookFinding(
                problem=WebhookProblem.MISSING,
                source=want.source,
                message=f"No webhook for {label} is registered.",
                create=want,
            )
        ]
    right = [found for found in ours if _problem(found, want) is None]
    keep = right[0] if right else None
    findings: list[WebhookFinding] = []
    for found in ours:
        if found is keep:
            continue
        problem = WebhookProblem.DUPLICATE if found in right else _problem(found, want)
        assert problem is not None
        findings.append(
            WebhookFinding(
                problem=problem,
                source=want.source,
                message=_explain(problem, found, want, label),
                remove=(found.registration_id,),
                # One replacement is enough, whatever the number of wrong ones.
                create=want if keep is None and not findings else None,
            )
        )
    return findings


def _problem(found: WebhookRegistration, want: WebhookRegistration) -> WebhookProblem | None:
    """Return the first thing that is wrong with one registration. More events than needed are fine."""
    checks = (
        (WebhookProblem.WRONG_URL, found.url != want.url),
        (WebhookProblem.DISABLED, not found.enabled),
        (WebhookProblem.WRONG_EVENTS, not want.events <= found.events),
        (WebhookProblem.WRONG_HEADERS, not _headers_match(found.headers, want.headers)),
        (WebhookProblem.WRONG_FORMAT, found.format != want.format or found.renames_fields),
        (WebhookProblem.LIMITED_TO_ACCOUNTS, bool(found.account_ids)),
    )
    return next((problem for problem, wrong in checks if wrong), None)


def _headers_match(found: Mapping[str, str], want: Mapping[str, str]) -> bool:
    """Compare headers. A masked value cannot be judged and counts as right."""
    present = {name.lower(): value for name, value in found.items()}
    for name, value in want.items():
        seen = present.get(name.lower())
        if seen is None:
            return False
        masked = not seen or set(seen) <= {"*", "•", "x", "X"} or "***" in seen
        if not masked and not hmac.compare_digest(seen.encode(), value.encode()):
            return False
    return True


def _explain(
    problem: WebhookProblem, found: WebhookRegistration, want: WebhookRegistration, label: str
) -> str:
    match problem:
        case WebhookProblem.DUPLICATE:
            return f"The webhook for {label} is registered more than once."
        case WebhookProblem.WRONG_URL:
            return f"The webhook for {label} calls {urlsplit(found.url).netloc}, not us."
        case WebhookProblem.DISABLED:
            return f"The webhook for {label} is turned off."
        case WebhookProblem.WRONG_EVENTS:
            lacking = ", ".join(sorted(want.events - found.events))
            return f"The webhook for {label} lacks events: {lacking}."
        case WebhookProblem.WRONG_HEADERS:
            return f"The webhook for {label} does not send our current secret or content type."
        case WebhookProblem.WRONG_FORMAT:
            return f"The webhook for {label} renames fields or is not sent as JSON."
        case _:
            return f"The webhook for {label} covers only some of the accounts."
