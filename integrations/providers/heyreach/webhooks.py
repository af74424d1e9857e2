"""What is registered at HeyReach for its calls: one webhook for each kind of event."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.outreach.fields import flag, text
from integrations.providers.heyreach import inbound
from integrations.values import Raw, WebhookRegistration


def required(address: str) -> tuple[WebhookRegistration, ...]:
    """Return one registration for each kind of event, for all campaigns."""
    return tuple(
        WebhookRegistration(
            source=name, url=address, events=frozenset({name}), name=f"Outbound {name.lower()}"
        )
        for name in inbound.EVENTS
    )


def body(registration: WebhookRegistration) -> Raw:
    """Return the call that makes a registration."""
    return {
        "webhookName": registration.name,
        "webhookUrl": registration.url,
        "eventType": registration.source,
        "campaignIds": [],
    }


def newest(registration: WebhookRegistration, registered: Sequence[WebhookRegistration]) -> str:
    """Return the id of the registration that was made last for the same event and address, ``""`` for none."""
    same = [
        found.registration_id
        for found in registered
        if (found.source, found.url) == (registration.source, registration.url)
    ]
    return max(same, key=lambda item: int(item) if item.isdigit() else 0, default="")


def registration(raw: Raw) -> WebhookRegistration:
    """Read a registration."""
    name = text(raw, "eventType").upper()
    campaigns = raw.get("campaignIds")
    return WebhookRegistration(
        source=name,
        url=text(raw, "webhookUrl"),
        events=frozenset({name}),
        enabled=flag(raw.get("isActive")) is not False,
        name=text(raw, "webhookName"),
        registration_id=text(raw, "id"),
        account_ids=frozenset(str(item) for item in campaigns)
        if isinstance(campaigns, list)
        else frozenset(),
    )
