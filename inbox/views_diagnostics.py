"""Diagnostics of a conversation: what the providers told, and why it matched or did not."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from inbox import selectors
from inbox.selectors_diagnostics import conversation_diagnosis
from project.tenancy.access import OrganizationRequest, Permission, organization_view


@require_GET
@organization_view(Permission.OPS_VIEW)
def diagnostics(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """The last deliveries, facts and raw messages that concern a conversation."""
    conversation = selectors.visible_conversation(request.access, conversation_id)
    if conversation is None:
        raise Http404("There is no such conversation, or it is not yours to see.")
    address = {"organization_slug": request.organization.slug, "conversation_id": conversation.id}
    context = {
        "found": conversation_diagnosis(request.access, conversation),
        "back_url": reverse("inbox:conversation", kwargs=address)
        if request.access.can(Permission.INBOX_VIEW)
        else "",
        "back_label": "Conversation",
    }
    return render(request, "integrations/diagnostics.html", context)
