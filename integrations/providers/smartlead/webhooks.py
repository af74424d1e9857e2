"""Smartlead's webhooks: proof of origin and the registrations of each campaign.

The documented signature is not seen in practice, so that our own token in the address is what every call is held
to, with the signature (or the body's ``secret_key``) as the other proof (docs/providers/smartlead.md, section 6).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

from integrations.base import CAMPAIGN_SOURCE
from integrations.errors import ErrorKind, ProviderError, WebhookRefusedError
from integrations.outreach import tokens
from integrations.outreach.client import number_id, segment
from integrations.outreach.fields import asked_list, load_call, text
from integrations.providers.smartlead.client import PROVIDER, VENDOR, SmartleadClient
from integrations.providers.smartlead.inbound import EVENTS, UNTRACKED, header
from integrations.running import CampaignStatus, ProviderCampaign
from integrations.values import Raw, WebhookRegistration

SIGNATURE_HEADER: Final = "X-Smartlead-Signature"
_PREFIX: Final = "sha256="


def verify(url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Accept a call with our token, the right signature or the right ``secret_key``. Raises
    ``WebhookRefusedError``.
    """
    known = [secret for secret in secrets if secret]
    if not known:
        raise WebhookRefusedError("No webhook secret is set for this connection.", fault_is_ours=True)
    signed = header(headers, SIGNATURE_HEADER).removeprefix(_PREFIX)
    try:
        told = text(load_call(body, PROVIDER), "secret_key")
    except ProviderError:
        told = ""
    # No early exit: the time taken must not tell which secret was close.
    proofs = [tokens.token_fits(url, known)]
    for secret in known:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        proofs.append(hmac.compare_digest(signed.lower().encode(), expected.encode()))
        proofs.append(bool(told) and hmac.compare_digest(told.encode(), secret.encode()))
    if not any(proofs):
        raise WebhookRefusedError("Neither the address, the signature nor the body holds our secret.")


def required(campaigns: Sequence[ProviderCampaign], url: str, secret: str) -> tuple[WebhookRegistration, ...]:
    """Return one registration for each campaign that is not put away: only these can be listed. People answer for
    weeks after a campaign has ended.
    """
    return tuple(
        WebhookRegistration(
            source=f"{CAMPAIGN_SOURCE}{campaign.campaign_id}",
            url=tokens.with_token(url, secret),
            events=EVENTS,
            name=f"Outbound Engine X: {campaign.name}"[:100],
        )
        for campaign in campaigns
        if campaign.status is not CampaignStatus.ARCHIVED
    )


def listed(client: SmartleadClient, campaign_id: str) -> list[WebhookRegistration]:
    """Return what is registered for a campaign."""
    body = client.get(f"/campaigns/{segment(campaign_id, VENDOR)}/webhooks")
    return [_parse(raw, campaign_id) for raw in asked_list(PROVIDER, body, "data", "webhooks")]


def _parse(raw: Raw, campaign_id: str) -> WebhookRegistration:
    events = raw.get("event_types")
    found = events if isinstance(events, list) else list(events) if isinstance(events, dict) else []
    return WebhookRegistration(
        source=f"{CAMPAIGN_SOURCE}{campaign_id}",
        url=text(raw, "webhook_url", "url"),
        events=frozenset(str(item) for item in found),
        name=text(raw, "name", "webhook_name"),
        registration_id=f"{campaign_id}:{text(raw, 'id')}",
    )


def create(client: SmartleadClient, registration: WebhookRegistration) -> str:
    """Register a webhook and return its id. The answer may lack it: then the list is looked at."""
    campaign_id = registration.source.partition(":")[2]
    before = {found.registration_id for found in listed(client, campaign_id)}
    body: dict[str, Any] = {
        "id": None,
        "name": registration.name,
        "webhook_url": registration.url,
        "event_types": sorted(registration.events),
        "categories": [],
    }
    path = f"/campaigns/{segment(campaign_id, VENDOR)}/webhooks"
    try:
        client.call("POST", path, json=body, once=True)
    except ProviderError as error:
        if error.kind is not ErrorKind.VALIDATION or UNTRACKED not in error.detail:
            raise
        # Not every account has this event: the others are not given up for it, and hygiene names what is lacking.
        body["event_types"] = sorted(registration.events - {UNTRACKED})
        client.call("POST", path, json=body, once=True)
    new = [found.registration_id for found in listed(client, campaign_id)]
    return next((found for found in new if found not in before), "")


def delete(client: SmartleadClient, registration_id: str) -> None:
    """Remove a registration: a DELETE with a body."""
    campaign_id, _, identifier = registration_id.partition(":")
    path = f"/campaigns/{segment(campaign_id, VENDOR)}/webhooks"
    client.call("DELETE", path, json={"id": number_id(identifier, VENDOR)})
