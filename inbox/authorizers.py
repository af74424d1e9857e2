"""Who may listen to the streams of the inbox."""

from __future__ import annotations

from inbox.models import Conversation
from project.core.realtime.access import Viewer, register_authorizer
from project.core.realtime.names import uuid_of
from project.tenancy.access import Access, Permission


@register_authorizer("inbox")
def may_see_client_inbox(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer reads the inbox and reaches that client."""
    access: Access = viewer.access
    client_id = uuid_of(stream)
    if client_id is None or not access.can(Permission.INBOX_VIEW):
        return False
    return access.sees_client(client_id) and access.clients().filter(id=client_id).exists()


@register_authorizer("conversation")
def may_see_conversation(viewer: Viewer, stream: str) -> bool:
    """Whether the viewer reads the inbox and reaches the conversation's client."""
    access: Access = viewer.access
    conversation_id = uuid_of(stream)
    if conversation_id is None or not access.can(Permission.INBOX_VIEW):
        return False
    return Conversation.objects.filter(access.client_filter(), id=conversation_id).exists()
