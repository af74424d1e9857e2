"""Listing, making, changing and removing SendGrid's webhooks over its API (docs/providers/sendgrid.md, section 3).

An event webhook is ``event:<id>`` and signs once ``settings/signed/<id>`` is enabled, with a key of its own that
is gone when it is disabled. Inbound Parse is ``parse:<hostname>`` and signs by a security policy.
"""

from __future__ import annotations

from typing import Final

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.sendgrid.client import SendGridClient, segment
from integrations.providers.sendgrid.fields import mapping, objects, text
from integrations.providers.sendgrid.webhooks import (
    EVENT,
    PARSE,
    event_body,
    parse_event_setting,
    parse_parse_setting,
)
from integrations.values import Raw, WebhookRegistration

_EVENTS: Final = "/user/webhooks/event/settings"
_PARSE: Final = "/user/webhooks/parse/settings"
_POLICIES: Final = "/user/webhooks/security/policies"
_POLICY_NAME: Final = "outbound-engine"
#: Name of the policy's field in a parse setting. Not in any published description (docs, "Not known").
_POLICY_FIELD: Final = "security_policy"


def listed(client: SendGridClient) -> tuple[WebhookRegistration, ...]:
    """Return all registrations with the public key of each. Parse settings are left out if the key may not see
    them: not everybody takes mail this way.
    """
    hooks = objects(client.get(f"{_EVENTS}/all").get("webhooks"))
    found = [parse_event_setting(raw, _event_key(client, text(raw, "id"))) for raw in hooks]
    try:
        settings = client.get_list(_PARSE)
        keys = {text(policy, "id"): _policy_key(policy) for policy in _policies(client)} if settings else {}
    except ProviderError as error:
        if error.kind not in {ErrorKind.CONFIG, ErrorKind.NOT_FOUND}:
            raise
        return tuple(found)
    found += [parse_parse_setting(raw, keys.get(text(raw, _POLICY_FIELD), "")) for raw in settings]
    return tuple(found)


def register(client: SendGridClient, registration: WebhookRegistration) -> str:
    """Make a registration that signs, or change the one whose id is given; return its id."""
    if registration.source == PARSE:
        return _register_host(client, registration)
    known = registration.registration_id.removeprefix(f"{EVENT}:")
    if known:
        client.patch(f"{_EVENTS}/{segment(known)}", event_body(registration))
        # Off and on again makes a new key; what is called in between is refused and comes again.
        client.patch(f"{_EVENTS}/signed/{segment(known)}", {"enabled": False})
    else:
        known = text(client.post(_EVENTS, event_body(registration)), "id")
    client.patch(f"{_EVENTS}/signed/{segment(known)}", {"enabled": True})
    return f"{EVENT}:{known}"


def remove(client: SendGridClient, registration_id: str) -> None:
    """Remove a registration; one that is gone already is as good."""
    source, _, name = registration_id.partition(":")
    try:
        client.delete(f"{_PARSE if source == PARSE else _EVENTS}/{segment(name)}")
    except ProviderError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise


def _event_key(client: SendGridClient, webhook_id: str) -> str:
    try:
        return text(client.get(f"{_EVENTS}/signed/{segment(webhook_id)}"), "public_key")
    except ProviderError as error:
        if error.kind is ErrorKind.NOT_FOUND:
            return ""
        raise


def _register_host(client: SendGridClient, registration: WebhookRegistration) -> str:
    body: Raw = {
        "url": registration.url,
        "spam_check": False,
        "send_raw": True,
        _POLICY_FIELD: _signing_policy(client),
    }
    host = registration.name
    if registration.registration_id:
        client.patch(f"{_PARSE}/{segment(host)}", body)
    else:
        client.post(_PARSE, {"hostname": host, **body})
    return f"{PARSE}:{host}"


def _signing_policy(client: SendGridClient) -> str:
    """Return the id of our policy, made if there is none: one for all hosts."""
    for policy in _policies(client):
        if text(policy, "name") == _POLICY_NAME and _policy_key(policy):
            return text(policy, "id")
    made = client.post(_POLICIES, {"name": _POLICY_NAME, "signature": {"enabled": True}})
    return text(mapping(made.get("policy")), "id")


def _policies(client: SendGridClient) -> list[Raw]:
    return objects(client.get(_POLICIES).get("policies"))


def _policy_key(policy: Raw) -> str:
    return text(mapping(policy.get("signature")), "public_key")
