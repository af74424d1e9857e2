"""Memberships: roles, the clients they reach, leaving. Every change has open sockets checked again at once."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from project.core.events import publish
from project.core.realtime.broker import publish_membership_changed
from project.core.refusals import Invalid, Refused
from project.tenancy import audit
from project.tenancy.access import Access, get_or_404
from project.tenancy.events import MembershipChanged
from project.tenancy.models import Client, Membership, MembershipClient, Organization, Role, User


def check_role(role: str) -> Role:
    """Return ``role`` as a ``Role``. Raises ``Invalid``."""
    try:
        return Role(role)
    except ValueError as error:
        raise Invalid(f"There is no role “{role}”.", field="role") from error


def check_reach(role: Role, *, all_clients: bool, client_ids: Iterable[UUID]) -> tuple[bool, list[UUID]]:
    """Return ``(all_clients, client ids)`` as they are stored. Raises ``Invalid``.

    Client users always reach named clients only. All ids must be clients of the organization.
    """
    wanted = list(dict.fromkeys(client_ids))
    if all_clients and role != Role.CLIENT:
        return True, []
    if not wanted:
        raise Invalid("Choose at least one client.", field="client_ids")
    known = set(Client.objects.filter(id__in=wanted).values_list("id", flat=True))
    if known != set(wanted):
        raise Invalid("One of the clients does not exist here.", field="client_ids")
    return False, wanted


def _lock_organization(organization_id: UUID) -> None:
    """Let changes of one organization's members happen one after the other: there is always an admin left."""
    Organization.objects.select_for_update().get(id=organization_id)


def _locked(member_id: UUID) -> Membership:
    rows = Membership.objects.select_related("user").select_for_update(of=("self",))
    membership: Membership = get_or_404(rows, member_id)
    return membership


def _refuse_without_admin(membership: Membership) -> None:
    others = Membership.objects.filter(role=Role.ADMIN, all_clients=True, is_active=True).exclude(
        id=membership.id
    )
    if membership.role == Role.ADMIN and membership.is_active and not others.exists():
        raise Refused("This is the last admin; make somebody else admin first.", code="LAST_ADMIN")


def _set_clients(membership: Membership, client_ids: list[UUID]) -> None:
    MembershipClient.objects.filter(membership=membership).exclude(client_id__in=client_ids).delete()
    have = set(MembershipClient.objects.filter(membership=membership).values_list("client_id", flat=True))
    MembershipClient.objects.bulk_create(
        MembershipClient(membership=membership, client_id=client_id)
        for client_id in client_ids
        if client_id not in have
    )


def _tell(membership: Membership) -> None:
    """Open sockets are checked again at once, and the rooms above hear of it."""
    organization_id, user_id = membership.organization_id, membership.user_id
    publish(MembershipChanged(membership=membership))
    transaction.on_commit(lambda: publish_membership_changed(organization_id, user_id))


@transaction.atomic
def add(
    *,
    user: User,
    role: str,
    all_clients: bool = True,
    client_ids: Iterable[UUID] = (),
    actor: User | None,
) -> Membership:
    """Make a user a member, or bring a former member back with a new role. Must run in the organization's scope."""
    known_role = check_role(role)
    everything, ids = check_reach(known_role, all_clients=all_clients, client_ids=client_ids)
    membership: Membership
    membership, created = Membership.objects.select_for_update().get_or_create(
        user=user, defaults={"role": known_role, "all_clients": everything}
    )
    if not created:
        membership.role, membership.all_clients, membership.is_active = known_role, everything, True
        membership.save(update_fields=["role", "all_clients", "is_active", "updated_at"])
    _set_clients(membership, ids)
    audit.record(
        actor=actor, action="member.added", subject=membership, role=role, clients=[str(i) for i in ids]
    )
    _tell(membership)
    return membership


@transaction.atomic
def change(
    *,
    access: Access,
    member_id: UUID,
    role: str,
    all_clients: bool,
    client_ids: Iterable[UUID] = (),
) -> Membership:
    """Change a member's role and the clients it reaches.

    Raises ``Invalid``, ``Refused`` (``LAST_ADMIN``), ``PermissionDenied``; 404 for a member of nobody here.
    """
    access.require_whole_organization()
    _lock_organization(access.organization.id)
    membership = _locked(member_id)
    known_role = check_role(role)
    everything, ids = check_reach(known_role, all_clients=all_clients, client_ids=client_ids)
    if known_role != Role.ADMIN or not everything:
        _refuse_without_admin(membership)
    before = {"role": membership.role, "all_clients": membership.all_clients}
    membership.role, membership.all_clients = known_role, everything
    membership.save(update_fields=["role", "all_clients", "updated_at"])
    _set_clients(membership, ids)
    audit.record(
        actor=access.user,
        action="member.changed",
        subject=membership,
        before=before,
        after={
            "role": known_role,
            "all_clients": everything,
            "clients": [str(client_id) for client_id in ids],
        },
    )
    _tell(membership)
    return membership


@transaction.atomic
def set_active(*, access: Access, member_id: UUID, active: bool) -> Membership:
    """Deactivate a member (pages, tokens and sockets stop at once, what they did stays) or bring them back.

    Raises ``Refused`` (``LAST_ADMIN``, ``NOT_YOURSELF``), ``PermissionDenied``; 404. Idempotent.
    """
    access.require_whole_organization()
    _lock_organization(access.organization.id)
    membership = _locked(member_id)
    if membership.is_active == active:
        return membership
    if not active:
        if membership.user_id == access.user.id:
            raise Refused("You cannot deactivate yourself; ask another admin.", code="NOT_YOURSELF")
        _refuse_without_admin(membership)
    membership.is_active = active
    membership.save(update_fields=["is_active", "updated_at"])
    action = "member.reactivated" if active else "member.deactivated"
    audit.record(actor=access.user, action=action, subject=membership)
    _tell(membership)
    return membership
