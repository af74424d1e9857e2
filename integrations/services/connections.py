"""Connections: credentials that are encrypted, tested and never shown again, and the webhooks registered with
them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from integrations import registry
from integrations.base import (
    CAMPAIGN_SOURCE,
    ManagesWebhooks,
    RegistersByCampaign,
    VerifiesCredentials,
    require,
)
from integrations.declaring import Provider
from integrations.errors import ProviderError
from integrations.models import Connection
from integrations.services import outbox
from integrations.services.adapters import adapter_of, credentials_of
from integrations.values import CredentialCheck, WebhookFinding, WebhookRegistration
from project.core import crypto
from project.core.clock import now
from project.core.http import AddressRefusedError, check_url
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, User

#: Bytes of randomness in a webhook secret.
SECRET_BYTES: Final = 32


def create(
    *,
    provider: str,
    name: str,
    credentials: dict[str, str],
    base_url: str = "",
    client: Client | None = None,
    actor: User | None = None,
) -> Connection:
    """Store a new connection with a webhook secret of its own. Raises ``Invalid``.

    A blank ``base_url`` means the installation's own (``settings``); one that is typed must be public.
    """
    known = _provider(provider)
    for field in known.credential_fields:
        if field.required and not credentials.get(field.name, "").strip():
            raise Invalid(f"{field.label} is needed.", field=field.name)
    base_url = _usable_base_url(provider, base_url)
    names = {field.name for field in known.credential_fields}
    values: dict[str, Any] = {key: value.strip() for key, value in credentials.items() if key in names}
    values["webhook_secret"] = secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        connection: Connection = Connection.objects.create(
            provider=provider,
            name=name.strip() or known.label,
            base_url=base_url,
            client=client,
            credentials=crypto.encrypt(values),
        )
        audit.record(actor=actor, action="connection.created", subject=connection, provider=provider)
    return connection


def replace_credentials(*, connection: Connection, credentials: dict[str, str], actor: User) -> Connection:
    """Store new credentials; the connection is to be tested again.

    Webhook secrets of our own stay. One that the provider gives and that is replaced here stays valid beside the
    new one, for calls that are under way.
    """
    known = _provider(connection.provider)
    names = {field.name for field in known.credential_fields}
    with transaction.atomic():
        connection = Connection.objects.select_for_update(of=("self",)).get(id=connection.id)
        values = credentials_of(connection)
        given = {key: value.strip() for key, value in credentials.items() if key in names and value.strip()}
        for name in known.webhook_secret_fields:
            if name in given and values.get(name) and values[name] != given[name]:
                values[f"previous_{name}"] = values[name]
        values.update(given)
        connection.credentials = crypto.encrypt(values)
        connection.status = Connection.Status.UNTESTED
        connection.last_error = ""
        connection.save(update_fields=["credentials", "status", "last_error", "updated_at"])
        audit.record(actor=actor, action="connection.credentials_replaced", subject=connection)
    return connection


def try_out(*, connection: Connection, actor: User | None = None) -> CredentialCheck:
    """Try the credentials at the provider and store whether they work; nothing is changed there."""
    try:
        adapter = require(adapter_of(connection), VerifiesCredentials)
        check = adapter.verify_credentials()
    except ProviderError as error:
        check = CredentialCheck(ok=False, lacks=(error.message,))
    with transaction.atomic():
        status = Connection.Status.OK if check.ok else Connection.Status.FAILING
        if actor is not None or status != connection.status:
            audit.record(actor=actor, action="connection.tested", subject=connection, ok=check.ok)
        mark(connection, status=status, error="" if check.ok else " ".join(check.lacks))
    return check


def mark(connection: Connection, *, status: str, error: str = "") -> None:
    """Store whether a connection works; what a failing one held back is looked at once it works again."""
    if connection.status == Connection.Status.DISABLED:
        return
    # New credentials leave it untested: what the old ones held back goes on as well.
    recovered = status == Connection.Status.OK and connection.status != Connection.Status.OK
    connection.status = status
    connection.last_error = error[:2000]
    connection.checked_at = now()
    connection.save(update_fields=["status", "last_error", "checked_at", "updated_at"])
    if recovered:
        outbox.release_holds(code="connection")


def mode_of(connection: Connection) -> str:
    """How conversations of a connection are learnt, ``""`` where its provider leaves no choice."""
    choices = _modes(connection.provider)
    if not choices:
        return ""
    try:
        typed = str(credentials_of(connection).get("mode") or "").strip().lower()
    except ProviderError:
        typed = ""
    return typed if typed in choices else choices[0]


@transaction.atomic
def set_mode(*, connection: Connection, mode: str, actor: User) -> Connection:
    """Choose how conversations are learnt (HeyReach: ``webhook_only``, ``pull_best_effort``). Raises ``Invalid``."""
    choices = _modes(connection.provider)
    if mode not in choices:
        known = ", ".join(choices) or "none"
        raise Invalid(f"This connection has no such mode; there is {known}.", field="mode")
    locked: Connection = Connection.objects.select_for_update(of=("self",)).get(id=connection.id)
    values = credentials_of(locked)
    before = mode_of(locked)
    if before != mode:
        locked.credentials = crypto.encrypt({**values, "mode": mode})
        locked.save(update_fields=["credentials", "updated_at"])
        audit.record(actor=actor, action="connection.mode_changed", subject=locked, before=before, after=mode)
    return locked


def _modes(provider: str) -> tuple[str, ...]:
    fields = _provider(provider).credential_fields
    return tuple(value for field in fields if field.name == "mode" for value, _ in field.choices)


@transaction.atomic
def set_enabled(*, connection: Connection, enabled: bool, actor: User) -> Connection:
    """Disable a connection (nothing is sent, synced or applied), or enable it again, untested."""
    connection.status = Connection.Status.UNTESTED if enabled else Connection.Status.DISABLED
    connection.save(update_fields=["status", "updated_at"])
    audit.record(
        actor=actor, action="connection.enabled" if enabled else "connection.disabled", subject=connection
    )
    if enabled:
        outbox.release_holds(code="connection")
    return connection


# --- webhooks at the provider -----------------------------------------------------------------------


def webhook_url(connection: Connection) -> str:
    """Return the address that the provider has to call for this connection."""
    return f"{settings.WEBHOOK_BASE_URL}/webhooks/{connection.provider}/{connection.key}"


def webhook_findings(connection: Connection) -> tuple[WebhookFinding, ...]:
    """Say what is wrong with what is registered at the provider. Raises ``ProviderError``."""
    adapter, required = _required(connection)
    return adapter.check_webhooks(registered=adapter.list_webhooks(), required=required)


def ensure_webhooks(*, connection: Connection, actor: User | None = None) -> tuple[WebhookFinding, ...]:
    """Mend what is registered at the provider until nothing is wrong; return what was mended.

    Registers before it removes, so that no call is missed in between (a call that comes twice is one
    delivery). Running it again changes nothing. Keys that the provider signs with are stored; replaced ones stay
    valid. Raises ``ProviderError``.
    """
    adapter, required = _required(connection)
    registered = adapter.list_webhooks()
    findings = adapter.check_webhooks(registered=registered, required=required)
    carry_out(adapter, findings)
    _learn_keys(connection, adapter.list_webhooks() if findings else registered, required)
    if findings:
        with transaction.atomic():
            audit.record(
                actor=actor,
                action="connection.webhooks_mended",
                subject=connection,
                problems=[f"{finding.source}: {finding.problem.value}" for finding in findings],
            )
    return findings


def carry_out(adapter: ManagesWebhooks, findings: Sequence[WebhookFinding]) -> None:
    """Register what is missing, then remove what is wrong. Raises ``ProviderError``."""
    for finding in findings:
        if finding.create is not None:
            adapter.create_webhook(finding.create)
        for registration_id in finding.remove:
            adapter.delete_webhook(registration_id)


def register_campaign(*, connection: Connection, campaign_id: str) -> tuple[str, ...]:
    """Register what is needed to hear of one campaign that the provider runs; return the ids of the webhooks that
    belong to it alone (``unregister`` takes them away). What is right already stays. Raises ``ProviderError``.
    """
    adapter, required = _required(connection)
    source = f"{CAMPAIGN_SOURCE}{campaign_id}"
    required = tuple(
        want for want in required if want.source == source or not want.source.startswith(CAMPAIGN_SOURCE)
    )
    known = {want.source for want in required}

    def listed() -> list[WebhookRegistration]:
        if isinstance(adapter, RegistersByCampaign):
            return list(adapter.campaign_webhooks(source))
        return [found for found in adapter.list_webhooks() if found.source in known]

    carry_out(adapter, adapter.check_webhooks(registered=listed(), required=required))
    ours = {want.url for want in required}
    return tuple(
        found.registration_id
        for found in listed()
        if found.source == source and found.url in ours and found.registration_id
    )


def unregister(*, connection: Connection, ids: Sequence[str]) -> None:
    """Remove webhooks at the provider; those that are gone already are fine. Raises ``ProviderError``."""
    adapter = require(adapter_of(connection), ManagesWebhooks)
    for registration_id in ids:
        adapter.delete_webhook(registration_id)


def _learn_keys(
    connection: Connection,
    registered: Sequence[WebhookRegistration],
    required: Sequence[WebhookRegistration],
) -> None:
    """Store the public keys of our registrations as credentials; a replaced key stays valid beside the new one."""
    ours = {(want.source, want.url) for want in required}
    keys = {
        f"{found.source}_public_key": found.public_key
        for found in registered
        if found.public_key and (found.source, found.url) in ours
    }
    keys = {
        name: key
        for name, key in keys.items()
        if name in _provider(connection.provider).webhook_secret_fields
    }
    with transaction.atomic():
        locked = Connection.objects.select_for_update(of=("self",)).get(id=connection.id)
        values = credentials_of(locked)
        changed = {name: key for name, key in keys.items() if values.get(name) != key}
        if not changed:
            return
        for name, key in changed.items():
            values |= {f"previous_{name}": values.get(name, ""), name: key}
        locked.credentials = crypto.encrypt(values)
        locked.save(update_fields=["credentials", "updated_at"])
    connection.credentials = locked.credentials


def replace_webhook_secret(*, connection: Connection, actor: User | None = None) -> None:
    """Give the connection a new webhook secret; the old one stays valid until the next one, for calls signed with it.

    What is registered at the provider is another step (``hygiene.rotate_secret`` does both).
    """
    with transaction.atomic():
        locked = Connection.objects.select_for_update(of=("self",)).get(id=connection.id)
        values = credentials_of(locked)
        values["previous_webhook_secret"] = values.get("webhook_secret", "")
        values["webhook_secret"] = secrets.token_urlsafe(SECRET_BYTES)
        locked.credentials = crypto.encrypt(values)
        locked.save(update_fields=["credentials", "updated_at"])
        audit.record(actor=actor, action="connection.secret_rotated", subject=locked)
    connection.credentials = locked.credentials


def _required(connection: Connection) -> tuple[ManagesWebhooks, tuple[WebhookRegistration, ...]]:
    credentials = credentials_of(connection)
    adapter = require(adapter_of(connection, credentials), ManagesWebhooks)
    return adapter, adapter.required_webhooks(
        url=webhook_url(connection), secret=str(credentials.get("webhook_secret", ""))
    )


def _provider(kind: str) -> Provider:
    try:
        return registry.get(kind)
    except registry.UnknownProviderError as error:
        raise Invalid(str(error), field="provider") from error


def _usable_base_url(provider: str, typed: str) -> str:
    """Return the base URL to store, blank for the installation's own; only that may be on a private
    network.
    """
    default = registry.default_base_url(provider)
    typed = typed.strip().rstrip("/")
    if not typed or typed == default.rstrip("/"):
        if not default:
            raise Invalid("The provider's address is needed.", field="base_url")
        return ""
    if "://" not in typed:
        typed = f"https://{typed}"
    try:
        check_url(typed)
    except AddressRefusedError as error:
        raise Invalid(str(error), field="base_url") from error
    return typed
