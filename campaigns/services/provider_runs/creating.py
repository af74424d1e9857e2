"""Which provider runs a client's campaigns, and through which connection (mission T5)."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F

from campaigns.models import Campaign, CampaignMirror
from campaigns.services.points import CAPABILITY_OF_CHANNEL
from integrations import registry
from integrations.base import Capability
from integrations.declaring import Provider
from integrations.models import Connection
from project.core.refusals import Invalid
from project.tenancy.services import entitlements

#: Channels on which providers run campaigns.
CHANNELS = ("email", "linkedin")


def connection_for(client_id: UUID, channel: str) -> Connection:
    """The connection that a new provider-run campaign goes through: the client's own, else the organization's.

    Raises ``CapabilityNotEnabled`` without an entitlement, ``Invalid`` where campaigns of the channel run here or the
    provider is not connected.
    """
    if channel not in CHANNELS:
        raise Invalid("A provider runs campaigns over e-mail or LinkedIn.", field="channel")
    capability = CAPABILITY_OF_CHANNEL[channel]
    provider = registry.get(entitlements.require_capability(capability, client_id))
    if Capability.RUNS_CAMPAIGNS not in provider.capabilities:
        text = f"{capability.label} of this client goes through {provider.label}, whose campaigns run here."
        raise Invalid(text, field="channel")
    rows = Connection.objects.filter(provider=provider.kind).exclude(status=Connection.Status.DISABLED)
    found: Connection | None = (
        rows.filter(client_id=client_id).order_by("created_at", "id").first()
        or rows.filter(client=None).order_by("created_at", "id").first()
    )
    if found is None:
        raise Invalid(f"Connect {provider.label} first, under Settings.", field="channel")
    return found


def attach(campaign: Campaign, connection: Connection) -> CampaignMirror:
    """Make the mirror of a new provider-run campaign."""
    made: CampaignMirror = CampaignMirror.objects.create(campaign=campaign, connection=connection)
    return made


def channels_offered(client_ids: list[UUID]) -> dict[UUID, list[Provider]]:
    """The providers that run campaigns, for each of some clients; one query."""
    among = entitlements.grants()
    found: dict[UUID, list[Provider]] = {}
    for client_id in client_ids:
        names = [CAPABILITY_OF_CHANNEL[channel] for channel in CHANNELS]
        kinds = [entitlements.granted(among, name, client_id) for name in names]
        found[client_id] = [
            registry.get(kind) for kind in kinds if kind and registry.can(kind, Capability.RUNS_CAMPAIGNS)
        ]
    return found


def unblock() -> list[tuple[UUID, UUID]]:
    """(campaign, organization) whose job waits for a connection that works again (platform scope)."""
    rows = CampaignMirror.objects.filter(
        job=CampaignMirror.Job.BLOCKED,
        error_kind__in=["auth", "config"],
        connection__status=Connection.Status.OK,
        connection__checked_at__gt=F("updated_at"),
    )
    return list(rows.values_list("campaign_id", "organization_id")[:200])
