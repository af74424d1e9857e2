"""Who may listen to the streams of campaigns."""

from __future__ import annotations

from campaigns.models import Campaign, LeadAct, LeadImport
from project.core.realtime.access import Viewer, register_authorizer
from project.core.realtime.names import uuid_of
from project.tenancy.access import Access, Permission


@register_authorizer("campaign")
def may_see_campaign(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer sees campaigns and reaches this one's client."""
    access: Access = viewer.access
    reachable = Campaign.objects.filter(access.client_filter(), id=uuid_of(stream))
    return access.can(Permission.CAMPAIGNS_VIEW) and reachable.exists()


@register_authorizer("import")
def may_see_import(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer may import leads and reaches this import's client."""
    access: Access = viewer.access
    reachable = LeadImport.objects.filter(access.client_filter(), id=uuid_of(stream))
    return access.can(Permission.LEADS_EDIT) and reachable.exists()


@register_authorizer("lead_act")
def may_see_lead_act(viewer: Viewer, stream: str) -> bool:
    """Whether it is the viewer's own act."""
    access: Access = viewer.access
    own = LeadAct.objects.filter(actor=access.user, id=uuid_of(stream))
    return access.can(Permission.LEADS_EDIT) and own.exists()
