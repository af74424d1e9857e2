"""Entitlements: which provider serves which capability, for one client or for the whole organization (mission T5)."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from project.core.refusals import Invalid, NotAllowed
from project.tenancy import audit
from project.tenancy.access import get_or_404
from project.tenancy.models import Capability, Client, Entitlement, User

#: By client (``None``: of the organization) and capability, the provider.
Grants = dict[tuple[UUID | None, str], str]

#: Providers that can serve each capability.
PROVIDERS: dict[str, tuple[str, ...]] = {
    Capability.LINKEDIN_OUTREACH: ("unipile", "heyreach"),
    Capability.EMAIL_OUTREACH: ("sendgrid", "smartlead", "emailbison"),
    Capability.SMS_OUTREACH: ("twilio",),
}


class CapabilityNotEnabled(NotAllowed):
    """The client is not entitled to that way of reaching people."""

    default_code = "CAPABILITY_NOT_ENABLED"


@transaction.atomic
def grant(*, capability: str, provider: str, client_id: UUID | None, actor: User | None) -> Entitlement:
    """Grant a capability through a provider to a client, or (no client) to all clients without a grant of their own.

    Granting again changes the provider. Raises ``Invalid``; 404 for a client of nobody here.
    """
    if capability not in Capability.values:
        raise Invalid(f"There is no capability “{capability}”.", field="capability")
    if provider not in PROVIDERS[capability]:
        known = ", ".join(PROVIDERS[capability])
        raise Invalid(f"{Capability(capability).label} is served by {known}.", field="provider")
    client = get_or_404(Client.objects.all(), client_id) if client_id else None
    entitlement: Entitlement
    entitlement, created = Entitlement.objects.select_for_update().get_or_create(
        client=client, capability=capability, defaults={"provider": provider}
    )
    if not created and entitlement.provider != provider:
        entitlement.provider = provider
        entitlement.save(update_fields=["provider", "updated_at"])
    elif not created:
        return entitlement
    audit.record(actor=actor, action="entitlement.granted", subject=entitlement, client_id=client_id)
    return entitlement


@transaction.atomic
def revoke(*, entitlement_id: UUID, actor: User | None) -> None:
    """Take a capability away; 404 when it is not there."""
    entitlement: Entitlement = get_or_404(Entitlement.objects.select_for_update(), entitlement_id)
    audit.record(
        actor=actor, action="entitlement.revoked", subject=entitlement, client_id=entitlement.client_id
    )
    entitlement.delete()


def provider_for(capability: str, client_id: UUID) -> str | None:
    """Return the provider that serves a capability for a client: its own grant, else the organization's."""
    granted = Entitlement.objects.filter(capability=capability)
    by_client = dict(
        granted.filter(Q(client_id=client_id) | Q(client=None)).values_list("client_id", "provider")
    )
    own: str | None = by_client.get(client_id)
    return own or by_client.get(None)


def grants() -> Grants:
    """Return all grants of the current organization, to ask for many clients; one query."""
    rows = Entitlement.objects.values_list("client_id", "capability", "provider")
    return {(client_id, capability): provider for client_id, capability, provider in rows}


def granted(among: Grants, capability: str, client_id: UUID) -> str | None:
    """Return the provider that serves a capability for a client, as ``provider_for`` does, without asking."""
    return among.get((client_id, capability)) or among.get((None, capability))


def require_capability(capability: str, client_id: UUID) -> str:
    """Return the provider that serves a capability for a client. Raises ``CapabilityNotEnabled``."""
    provider = provider_for(capability, client_id)
    if provider is None:
        label = Capability(capability).label
        raise CapabilityNotEnabled(f"{label} is not enabled for this client.", capability=capability)
    return provider


def capabilities_of(client_ids: frozenset[UUID] | None) -> set[str]:
    """Return the capabilities that at least one of the clients (``None``: of all) has: what the pages show."""
    rows = Entitlement.objects.all()
    if client_ids is not None:
        rows = rows.filter(client_id__in=client_ids) | rows.filter(client=None)
    return set(rows.values_list("capability", flat=True))
