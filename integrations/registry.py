"""Which providers exist. An adapter's module is imported on first use only.

``kind`` is what is stored on a connection and stands in webhook addresses; it never changes once rows use it.
Settings are read lazily: listing providers needs no Django.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, cast

from integrations.base import Adapter, Capability


class UnknownProviderError(LookupError):
    """A connection names a provider that is not registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialField:
    """One field of the form in which an administrator enters credentials."""

    name: str
    label: str
    help: str
    secret: bool = True
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider: what to show, what it can do, and where its adapter is.

    ``adapter_path`` is ``module:Class``; the class takes ``credentials``, ``base_url``, ``breaker_key`` and
    ``trusted_base_url``. ``base_url_setting`` names the setting with the default base URL, which deployments
    and the sandbox set; only that origin may be on a private network.
    """

    kind: str
    label: str
    icon: str
    channels: tuple[str, ...]
    adapter_path: str
    base_url_setting: str
    base_url_help: str
    capabilities: frozenset[Capability]
    #: Kinds of events (``integrations.events``) that its calls and records come to.
    emits: frozenset[str]
    credential_fields: tuple[CredentialField, ...]
    #: Credentials that prove inbound calls. A replaced one stays valid as ``previous_<name>`` until the next.
    webhook_secret_fields: tuple[str, ...] = ("webhook_secret",)
    #: False where the body of our answer to a call has a meaning of its own: Twilio sends it as a message.
    answers_with_words: bool = True


_PROVIDERS: Final[dict[str, Provider]] = {
    provider.kind: provider
    for provider in (
        Provider(
            kind="unipile",
            label="Unipile",
            icon="linkedin",
            channels=("linkedin",),
            adapter_path="integrations.providers.unipile.adapter:UnipileAdapter",
            base_url_setting="UNIPILE_BASE_URL",
            base_url_help="The DSN from the Unipile dashboard, for example api8.unipile.com:13443.",
            capabilities=frozenset(
                {
                    Capability.VERIFIES_CREDENTIALS,
                    Capability.LISTS_ACCOUNTS,
                    Capability.CONNECTS_ACCOUNTS,
                    Capability.READS_PROFILES,
                    Capability.SENDS_INVITATIONS,
                    Capability.SENDS_MESSAGES,
                    Capability.SYNCS_MESSAGES,
                    Capability.SYNCS_RELATIONS,
                    Capability.RECEIVES_WEBHOOKS,
                    Capability.MANAGES_WEBHOOKS,
                    Capability.SETTLES_SENDS,
                }
            ),
            emits=frozenset(
                {
                    "message_received",
                    "message_read",
                    "message_delivered",
                    "message_reaction",
                    "message_edited",
                    "message_deleted",
                    "relation_created",
                    "account_status",
                }
            ),
            credential_fields=(
                CredentialField(
                    name="api_key",
                    label="Access token",
                    help="Made in the Unipile dashboard under Access tokens. It covers all accounts.",
                ),
            ),
        ),
    )
}


def providers() -> tuple[Provider, ...]:
    """Return all providers in the order in which they are shown."""
    return tuple(_PROVIDERS.values())


def get(kind: str) -> Provider:
    """Return the provider of ``kind``. Raises ``UnknownProviderError``."""
    try:
        return _PROVIDERS[kind]
    except KeyError:
        raise UnknownProviderError(f"There is no provider {kind!r}.") from None


def answers_with_words(kind: str) -> bool:
    """Say whether our answer to a call may have words in it; unknown kinds are no provider and get them."""
    provider = _PROVIDERS.get(kind)
    return provider.answers_with_words if provider else True


def default_base_url(kind: str) -> str:
    """Return the base URL from settings for ``kind``, ``""`` if none is set."""
    from django.conf import settings

    return str(getattr(settings, get(kind).base_url_setting, "") or "")


def adapter_for(
    kind: str, *, credentials: Mapping[str, str], base_url: str = "", connection_id: str = ""
) -> Adapter:
    """Build the adapter of a connection.

    ``base_url`` is what the connection says; blank means the setting. ``connection_id`` keys the circuit
    breaker. A base URL that a tenant typed is only followed to public addresses; the one from settings is
    trusted. Raises ``UnknownProviderError``.
    """
    provider = get(kind)
    trusted = default_base_url(kind)
    module_name, class_name = provider.adapter_path.split(":")
    adapter_class = getattr(import_module(module_name), class_name)
    return cast(
        Adapter,
        adapter_class(
            credentials=credentials,
            base_url=base_url or trusted,
            trusted_base_url=trusted,
            breaker_key=f"{kind}:{connection_id or 'default'}",
        ),
    )
