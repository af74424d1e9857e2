"""What comes in by itself: calls of the provider, and what is registered for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from integrations.capabilities.inbound import MessageKnowledge
from integrations.events import Normalised
from integrations.values import WebhookFinding, WebhookRegistration

CALLED_QUERY: Final = "X-Called-Query"
"""Name under which ``ReceivesWebhooks.normalise`` finds the query of the called address among the headers: what
we put into an address that a provider calls comes back there."""

CAMPAIGN_SOURCE: Final = "campaign:"
"""How ``WebhookRegistration.source`` begins where a webhook belongs to one campaign; the campaign's id follows."""


@runtime_checkable
class ReceivesWebhooks(Protocol):
    """Is called by its provider."""

    def verify_webhook(
        self, *, url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Check the call against any of ``secrets`` (rotation). Raises ``WebhookRefusedError``.

        ``url`` is the address as the provider knows it, query included: some sign it.
        """
        ...

    def webhook_type(self, body: bytes) -> str:
        """Return the vendor's event name for the list of deliveries, ``""`` if it cannot be read. Never
        raises.
        """
        ...

    def webhook_key(self, body: bytes) -> str | None:
        """Return what makes this call the same as an earlier one, or ``None`` if equal calls are news each
        time.
        """
        ...

    def normalise(
        self, body: bytes, *, headers: Mapping[str, str], received_at: datetime, knowledge: MessageKnowledge
    ) -> Normalised:
        """Turn a genuine call into events. May ask the provider about a message whose direction is open.

        ``headers`` are as stored (secret ones are masked), with the address's query as ``CALLED_QUERY``.
        Raises ``ProviderError`` of kind ``validation`` for a body that cannot be read, and transient kinds if
        the provider had to be asked and could not be.
        """
        ...


@runtime_checkable
class ManagesWebhooks(Protocol):
    """Can list and mend what is registered at the provider (mission W5)."""

    def required_webhooks(self, *, url: str, secret: str) -> tuple[WebhookRegistration, ...]:
        """Return what has to be registered for calls to reach ``url``."""
        ...

    def list_webhooks(self) -> tuple[WebhookRegistration, ...]:
        """Return everything that is registered, ours or not."""
        ...

    def check_webhooks(
        self, *, registered: Sequence[WebhookRegistration], required: Sequence[WebhookRegistration]
    ) -> tuple[WebhookFinding, ...]:
        """Say what is wrong. Pure; registrations that point at other hosts are left alone."""
        ...

    def create_webhook(self, registration: WebhookRegistration) -> str:
        """Register a webhook and return its id."""
        ...

    def delete_webhook(self, registration_id: str) -> None:
        """Remove a registration. Gone already is fine."""
        ...


@runtime_checkable
class RegistersByCampaign(ManagesWebhooks, Protocol):
    """Registers webhooks with each campaign by itself: there is no list over all, and each campaign costs requests."""

    def campaign_webhooks(self, source: str) -> tuple[WebhookRegistration, ...]:
        """Return what is registered with one campaign (``WebhookRegistration.source``), ours or not.

        Kind ``not_found`` if the campaign is gone.
        """
        ...
