"""Live streams of this room: who a socket belongs to, and the personal and organization-wide streams."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from project.core.realtime import stream_name
from project.core.realtime.access import Viewer, register_authorizer, register_viewer_resolver
from project.core.realtime.names import uuid_of
from project.tenancy.access import Access
from project.tenancy.middleware import resolve_access
from project.tenancy.models import Membership

USER = "user"
ORGANIZATION = "organization"


def user_stream(user_id: UUID) -> str:
    """What concerns one person only: unread counts, mentions, their queue."""
    return stream_name(USER, user_id)


def organization_stream() -> str:
    """What every member may see, clients' people included: notices about the organization."""
    return stream_name(ORGANIZATION)


@register_viewer_resolver
def viewer_of(user: Any, organization_slug: str) -> Viewer | None:
    """Return the viewer behind a socket, or ``None`` when the user is no member of that organization."""
    access = resolve_access(user, organization_slug)
    if access is None:
        return None
    return Viewer(access.user.id, access.organization.id, access.user.display_name, access)


@register_authorizer(USER)
def _own_stream(viewer: Viewer, stream: str) -> bool:
    wanted = uuid_of(stream)
    if wanted is None or wanted == viewer.user_id:
        return wanted is not None
    # Staff may stand for a member (services.impersonation), on a socket that is still their own.
    access = viewer.access
    if not isinstance(access, Access) or not access.user.is_superadmin:
        return False
    known: bool = Membership.objects.filter(user_id=wanted, is_active=True).exists()
    return known


@register_authorizer(ORGANIZATION)
def _member_stream(viewer: Viewer, stream: str) -> bool:
    return stream == ORGANIZATION
