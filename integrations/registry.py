"""Which providers exist. An adapter's module is imported on first use only.

``kind`` is what is stored on a connection and stands in webhook addresses; it never changes once rows use it.
Settings are read lazily: listing providers needs no Django.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, cast

from integrations.base import Adapter, Capability
from integrations.declaring import Provider, WebhookRule
from integrations.providers.emailbison import declaration as emailbison
from integrations.providers.heyreach import declaration as heyreach
from integrations.providers.mailbox import declaration as mailbox
from integrations.providers.resend import declaration as resend
from integrations.providers.sendgrid import declaration as sendgrid
from integrations.providers.smartlead import declaration as smartlead
from integrations.providers.twilio import declaration as twilio
from integrations.providers.unipile import declaration as unipile


class UnknownProviderError(LookupError):
    """A connection names a provider that is not registered."""


#: In the order in which they are shown.
_PROVIDERS: Final[dict[str, Provider]] = {
    known.DECLARATION.kind: known.DECLARATION
    for known in (unipile, twilio, resend, sendgrid, mailbox, smartlead, emailbison, heyreach)
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


def label_of(kind: str) -> str:
    """Return a provider's name as it writes itself; of one that is not known here, what it is stored as."""
    known = _PROVIDERS.get(kind)
    return known.label if known else kind.capitalize()


def answers_with_words(kind: str) -> bool:
    """Say whether our answer to a call may have words in it; unknown kinds are no provider and get them."""
    provider = _PROVIDERS.get(kind)
    return provider.answers_with_words if provider else True


def can(kind: str, capability: Capability) -> bool:
    """Say whether a provider has a capability; unknown kinds have none."""
    provider = _PROVIDERS.get(kind)
    return provider is not None and capability in provider.capabilities


def webhook_rule(kind: str) -> WebhookRule:
    """Return how calls are answered that are not taken in; unknown kinds are no provider and get the usual."""
    provider = _PROVIDERS.get(kind)
    return provider.webhook_rule if provider else WebhookRule()


def default_base_url(kind: str) -> str:
    """Return the base URL from settings for ``kind``, ``""`` if none is set."""
    from django.conf import settings

    return str(getattr(settings, get(kind).base_url_setting, "") or "")


def breaker_key(kind: str, connection_id: str = "") -> str:
    """Return by what the circuit breaker knows a connection; adapters add ``:<account>`` to it."""
    return f"{kind}:{connection_id or 'default'}"


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
            breaker_key=breaker_key(kind, connection_id),
        ),
    )
