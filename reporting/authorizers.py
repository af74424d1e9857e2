"""Who may listen to the streams of reporting."""

from __future__ import annotations

from project.core.realtime.access import Viewer, register_authorizer
from project.core.realtime.names import uuid_of
from project.tenancy.access import Access, Permission
from reporting.models import ExportJob


@register_authorizer("report")
def may_see_report(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer sees reports and reaches this client."""
    access: Access = viewer.access
    client_id = uuid_of(stream)
    if client_id is None or not access.can(Permission.REPORTS_VIEW):
        return False
    return access.clients().filter(id=client_id).exists()


@register_authorizer("export")
def may_see_export(viewer: Viewer, stream: str) -> bool:
    """Whether the file is the viewer's own."""
    access: Access = viewer.access
    job_id = uuid_of(stream)
    if job_id is None or not access.can(Permission.REPORTS_VIEW):
        return False
    return ExportJob.objects.filter(id=job_id, owner=access.user).exists()


@register_authorizer("alerts")
def may_see_alerts(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer sees the operations of the whole organization."""
    access: Access = viewer.access
    return access.client_ids is None and access.can(Permission.OPS_VIEW)
