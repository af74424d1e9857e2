"""Platform staff looking through a member's eyes, in one organization, for an hour at most, on the record.

The session stays the staff member's own: below ``/o/<slug>/`` the middleware puts the member in their place, and
nowhere else, so the member's password, second factor and sessions are out of reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from project.core.clock import now
from project.core.refusals import Invalid, Refused
from project.core.scoping import organization_scope, platform_scope
from project.tenancy import audit
from project.tenancy.access import Access, access_for, get_or_404
from project.tenancy.models import Membership, Organization, User

SESSION_KEY = "impersonation"
LASTS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whom the staff member stands for, where, and until when."""

    user_id: UUID
    organization_id: UUID
    until: datetime
    reason: str


def begin(
    *, session: SessionBase, staff: User, organization_id: UUID, membership_id: UUID, reason: str
) -> Membership:
    """Start standing for an active member. Raises ``Invalid`` without a reason, ``Refused``; 404."""
    if not staff.is_superadmin:
        raise Refused("Only platform staff may do this.", code="NOT_STAFF")
    reason = reason.strip()[:200]
    if not reason:
        raise Invalid("Say why; it is written to the organization's audit log.", field="reason")
    with platform_scope("impersonate"):
        members = Membership.objects.select_related("user", "organization")
        membership: Membership = get_or_404(
            members.filter(organization_id=organization_id, is_active=True), membership_id
        )
        if membership.user.is_superadmin or not membership.user.is_active:
            raise Refused("Staff and inactive accounts cannot be impersonated.", code="NOT_A_MEMBER")
        with transaction.atomic(), organization_scope(membership.organization_id):
            audit.record(actor=staff, action="impersonation.started", subject=membership, reason=reason)
    session[SESSION_KEY] = {
        "user": str(membership.user_id),
        "organization": str(membership.organization_id),
        "until": (now() + LASTS).isoformat(),
        "reason": reason,
    }
    return membership


def current(session: SessionBase) -> Impersonation | None:
    """Return the impersonation of a session, or ``None`` when there is none or its hour is over."""
    stored: dict[str, Any] | None = session.get(SESSION_KEY)
    if not stored:
        return None
    until = datetime.fromisoformat(stored["until"])
    if until <= now():
        return None
    return Impersonation(UUID(stored["user"]), UUID(stored["organization"]), until, stored["reason"])


def end(*, session: SessionBase, staff: User) -> Organization | None:
    """Stop; return the organization it was in, or ``None`` when there was nothing to stop."""
    active = current(session)
    session.pop(SESSION_KEY, None)
    if active is None:
        return None
    with platform_scope("end impersonation"):
        membership = (
            Membership.objects.select_related("organization", "user")
            .filter(organization_id=active.organization_id, user_id=active.user_id)
            .first()
        )
        if membership is None:
            return None
        with transaction.atomic(), organization_scope(active.organization_id):
            audit.record(actor=staff, action="impersonation.ended", subject=membership)
        organization: Organization = membership.organization
        return organization


def access_through(session: SessionBase, staff: User, organization: Organization) -> Access | None:
    """Return the member's access as the staff member sees it in ``organization``.

    ``None`` when nobody is impersonated there. Must run in the platform scope.
    """
    active = current(session) if staff.is_superadmin else None
    if active is None or active.organization_id != organization.id:
        return None
    user = User.objects.filter(id=active.user_id).first()
    access = access_for(user, organization) if user else None
    if access is None:
        return None
    return Access(access.user, access.organization, access.role, access.client_ids, impersonator=staff)
