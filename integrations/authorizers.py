"""Who may listen to the streams of integrations. They span all clients, so limited members poll instead."""

from __future__ import annotations

from project.core.realtime.access import Viewer, register_authorizer
from project.tenancy.access import Access, Permission


def _whole_organization(viewer: Viewer, permission: Permission) -> bool:
    access: Access = viewer.access
    return access.client_ids is None and access.can(permission)


@register_authorizer("senders")
def may_see_senders(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer sees the senders of all clients."""
    return _whole_organization(viewer, Permission.SENDERS_VIEW)


@register_authorizer("sync")
def may_see_sync(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer sees the operations of the whole organization."""
    return _whole_organization(viewer, Permission.OPS_VIEW)


@register_authorizer("rates")
def may_see_rates(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer sees the operations or the senders of the whole organization."""
    return _whole_organization(viewer, Permission.OPS_VIEW) or _whole_organization(
        viewer, Permission.SENDERS_VIEW
    )


@register_authorizer("webhooks")
def may_see_webhooks(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer sees the operations of the whole organization."""
    return _whole_organization(viewer, Permission.OPS_VIEW)


@register_authorizer("weather")
def may_see_weather(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer sees the operations of the whole organization."""
    return _whole_organization(viewer, Permission.OPS_VIEW)
