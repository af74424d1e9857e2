"""Who may do what: permissions, the rights of each role, and the decorator every page must carry.

``Access`` is the one answer to "who is asking, for which organization, over which clients", shared by pages, the
JSON API and websockets. A foreign organization, client or object answers 404; a right that the own role lacks
answers 403 and names the roles that have it.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from project.core.ids import parse_uuid
from project.tenancy.models import Client, Membership, MembershipClient, Organization, Role, User


class Permission(enum.StrEnum):
    """A right that a role may have."""

    INBOX_VIEW = "inbox.view"
    INBOX_REPLY = "inbox.reply"
    INBOX_MANAGE = "inbox.manage"
    CAMPAIGNS_VIEW = "campaigns.view"
    CAMPAIGNS_EDIT = "campaigns.edit"
    LEADS_VIEW = "leads.view"
    LEADS_EDIT = "leads.edit"
    SENDERS_VIEW = "senders.view"
    SENDERS_EDIT = "senders.edit"
    REPORTS_VIEW = "reports.view"
    #: Say which replies are qualified: the client's own people, and whoever answers for it.
    REPORTS_JUDGE = "reports.judge"
    OPS_VIEW = "ops.view"
    OPS_ACT = "ops.act"
    SETTINGS_VIEW = "settings.view"
    SETTINGS_EDIT = "settings.edit"
    MEMBER = "member"


_VIEWER = {
    Permission.MEMBER,
    Permission.INBOX_VIEW,
    Permission.CAMPAIGNS_VIEW,
    Permission.LEADS_VIEW,
    Permission.SENDERS_VIEW,
    Permission.REPORTS_VIEW,
}
_AGENT = _VIEWER | {Permission.INBOX_REPLY, Permission.REPORTS_JUDGE}
_MANAGER = _AGENT | {
    Permission.INBOX_MANAGE,
    Permission.CAMPAIGNS_EDIT,
    Permission.LEADS_EDIT,
    Permission.SENDERS_EDIT,
    Permission.SETTINGS_VIEW,
}

ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MANAGER: frozenset(_MANAGER),
    Role.AGENT: frozenset(_AGENT),
    Role.VIEWER: frozenset(_VIEWER),
    Role.CLIENT: frozenset({Permission.MEMBER, Permission.REPORTS_VIEW, Permission.REPORTS_JUDGE}),
    Role.OPS: frozenset(
        {
            Permission.MEMBER,
            Permission.SENDERS_VIEW,
            Permission.OPS_VIEW,
            Permission.OPS_ACT,
            Permission.SETTINGS_VIEW,
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who is asking: a user in an organization with a role, over all clients (``None``) or some."""

    user: User
    organization: Organization
    role: str
    client_ids: frozenset[UUID] | None
    #: API tokens may be narrowed to reading.
    read_only: bool = False
    #: The member of platform staff who acts as ``user``, if somebody does.
    impersonator: User | None = None

    @property
    def time_zone(self) -> str:
        """The zone that this person is shown times in: their own choice, else the organization's."""
        return self.user.time_zone or self.organization.time_zone

    @property
    def whole_organization(self) -> bool:
        """Whether the reach is all clients, now and later: what settings of the organization itself need."""
        return self.client_ids is None

    def require_whole_organization(self) -> None:
        """Raise ``PermissionDenied`` for memberships that are limited to some clients."""
        if not self.whole_organization:
            raise PermissionDenied(
                "This concerns the whole organization; your membership is limited to some clients."
            )

    def can(self, permission: Permission) -> bool:
        """Say whether the role has the right."""
        return permission in ROLE_PERMISSIONS[self.role]

    def require(self, permission: Permission) -> None:
        """Raise ``PermissionDenied``, naming who could do it, unless the role has the right."""
        if not self.can(permission):
            able = [Role(role).label for role, rights in ROLE_PERMISSIONS.items() if permission in rights]
            raise PermissionDenied(f"Your role cannot do this. Roles that can: {', '.join(able)}.")

    def sees_client(self, client_id: UUID | None) -> bool:
        """Say whether a client's data is within reach (rows of no client are for members over all clients)."""
        return self.client_ids is None or client_id in self.client_ids

    def clients(self) -> QuerySet[Client]:
        """The clients within reach, archived ones included."""
        rows: QuerySet[Client] = Client.objects.all()
        return rows if self.client_ids is None else rows.filter(id__in=self.client_ids)

    def client_filter(self, field: str = "client_id") -> Q:
        """A condition that keeps only rows of clients within reach."""
        return Q() if self.client_ids is None else Q(**{f"{field}__in": self.client_ids})


class OrganizationRequest(HttpRequest):
    """A request below ``/o/<slug>/`` after the middleware: it has an ``access``."""

    access: Access
    organization: Organization


def access_for(user: User, organization: Organization) -> Access | None:
    """Return the user's access to an organization, or ``None`` when there is no active membership.

    Must run in the platform scope or the organization's own. Super-admins act as admin everywhere.
    """
    if not user.is_active:
        return None
    membership = Membership.objects.filter(organization=organization, user=user, is_active=True).first()
    return _access(user, organization, membership)


def access_at(user: User, slug: str) -> Access | None:
    """Like ``access_for``, to the organization with that slug: one statement for its members. In the platform scope."""
    if not user.is_active:
        return None
    rows = Membership.objects.filter(organization__slug=slug, user=user, is_active=True)
    membership = rows.select_related("organization").first()
    if membership is not None:
        return _access(user, membership.organization, membership)
    organization = Organization.objects.filter(slug=slug).first() if user.is_superadmin else None
    return _access(user, organization, None) if organization is not None else None


def _access(user: User, organization: Organization, membership: Membership | None) -> Access | None:
    if not organization.is_active and not user.is_superadmin:
        return None
    if membership is None:
        return Access(user, organization, Role.ADMIN, None) if user.is_superadmin else None
    if membership.all_clients and membership.role != Role.CLIENT:
        return Access(user, organization, membership.role, None)
    links = MembershipClient.objects.filter(membership=membership).values_list("client_id", flat=True)
    return Access(user, organization, membership.role, frozenset(links))


View = Callable[..., HttpResponseBase]


def organization_view(permission: Permission, *, whole: bool = False) -> Callable[[View], View]:
    """Guard a page below ``/o/<slug>/``: the access rule that the authorization matrix test reads.

    The middleware has already resolved the organization (or answered 404) and entered its scope; here the right is
    checked and the slug is taken out of the arguments. ``whole`` also refuses memberships limited to some clients.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: Any, *args: Any, organization_slug: str, **kwargs: Any) -> HttpResponseBase:
            request.access.require(permission)
            if whole:
                request.access.require_whole_organization()
            return view(request, *args, **kwargs)

        guarded.access_rule = permission  # type: ignore[attr-defined]
        guarded.access_whole = whole  # type: ignore[attr-defined]
        return guarded

    return decorate


def public_view(reason: str) -> Callable[[View], View]:
    """Mark a page that needs no membership, with the reason that the authorization matrix prints."""

    def decorate(view: View) -> View:
        view.access_rule = f"public: {reason}"  # type: ignore[attr-defined]
        return view

    return decorate


#: Access rules beside the permissions; what the authorization matrix expects for each is in its test.
SUPERADMIN = "superadmin"
SIGNED_IN = "signed in"


def superadmin_view(view: View) -> View:
    """Guard a page for platform staff; everybody else gets 404."""

    @functools.wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not getattr(request.user, "is_superadmin", False):
            raise Http404
        return view(request, *args, **kwargs)

    guarded.access_rule = SUPERADMIN  # type: ignore[attr-defined]
    return guarded


def signed_in_view(view: View) -> View:
    """Guard a page outside any organization for whoever is signed in; others are asked to sign in."""

    @functools.wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    guarded.access_rule = SIGNED_IN  # type: ignore[attr-defined]
    return guarded


def get_or_404(rows: QuerySet[Any], object_id: UUID | str) -> Any:
    """Return the row with that id from ``rows`` (already narrowed to what may be seen), else 404."""
    parsed = parse_uuid(object_id)
    found = rows.filter(id=parsed).first() if parsed else None
    if found is None:
        raise Http404("There is nothing here, or it is not yours to see.")
    return found
