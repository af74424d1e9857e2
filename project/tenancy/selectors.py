"""What the pages and the JSON API of tenancy read: one function per screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from project.core.scoping import platform_scope
from project.tenancy.access import Access
from project.tenancy.models import (
    AuditEntry,
    Client,
    Entitlement,
    Invitation,
    Membership,
    MembershipClient,
    Organization,
    Role,
    User,
)


@dataclass(frozen=True, slots=True)
class Place:
    """An organization that a person may open, with the role they have there."""

    organization: Organization
    role: str

    @property
    def role_label(self) -> str:
        """The role in words."""
        return Role(self.role).label


def places_of(user: User) -> list[Place]:
    """Return the active organizations that a person is an active member of, by name."""
    with platform_scope("list the organizations of a user"):
        rows = Membership.objects.select_related("organization").filter(
            user=user, is_active=True, organization__is_active=True
        )
        return [Place(row.organization, row.role) for row in rows.order_by("organization__name", "id")]


def members() -> QuerySet[Membership]:
    """All members with their user and clients."""
    links = Prefetch(
        "client_links", MembershipClient.objects.select_related("client").order_by("client__name")
    )
    rows: QuerySet[Membership] = Membership.objects.select_related("user").prefetch_related(links)
    return rows


def open_invitations() -> QuerySet[Invitation]:
    """Invitations that were neither accepted nor withdrawn (expired ones too: they can be sent again)."""
    rows: QuerySet[Invitation] = Invitation.objects.select_related("invited_by")
    return rows.filter(accepted_at=None, revoked_at=None)


def entitlements() -> QuerySet[Entitlement]:
    """All entitlements, those of the whole organization first."""
    rows: QuerySet[Entitlement] = Entitlement.objects.select_related("client")
    return rows


def audit_log(
    access: Access,
    *,
    action: str = "",
    actor_id: UUID | None = None,
    client_id: UUID | None = None,
    subject_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """Entries that fit all filters; limited members see those of their clients only."""
    wanted = access.client_filter()
    if action:
        wanted &= Q(action__startswith=action)
    if actor_id:
        wanted &= Q(actor_id=actor_id)
    if client_id:
        wanted &= Q(client_id=client_id)
    if subject_id:
        wanted &= Q(subject_id=subject_id)
    if since:
        wanted &= Q(created_at__gte=since)
    if until:
        wanted &= Q(created_at__lt=until)
    rows: QuerySet[AuditEntry] = AuditEntry.objects.filter(wanted)
    return rows


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """An organization on the platform page."""

    organization: Organization
    members: int
    clients: int


def organizations_with_sizes(limit: int = 200) -> list[OrganizationRow]:
    """Return the newest organizations with the numbers of their active members and clients."""
    with platform_scope("list all organizations"):
        rows = list(Organization.objects.order_by("-id")[:limit])
        ids = [row.id for row in rows]
        members_of = _counts(Membership.objects.filter(organization_id__in=ids, is_active=True))
        clients_of = _counts(Client.objects.filter(organization_id__in=ids, is_archived=False))
    return [OrganizationRow(row, members_of.get(row.id, 0), clients_of.get(row.id, 0)) for row in rows]


def _counts(rows: QuerySet[Membership] | QuerySet[Client]) -> dict[UUID, int]:
    from django.db.models import Count

    return dict(rows.order_by().values_list("organization_id").annotate(Count("id")))
