"""The page of scheduled replies."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from inbox import selectors_lists, selectors_scheduled
from inbox.filters import Filters
from project.core.htmx import is_partial
from project.core.pagination import InvalidCursor
from project.tenancy.access import OrganizationRequest, Permission, organization_view


@require_GET
@organization_view(Permission.INBOX_VIEW)
def replies(request: OrganizationRequest) -> HttpResponse:
    """What leaves when, of everybody or (``mine=1``) of oneself."""
    access = request.access
    try:
        context = selectors_scheduled.page(
            access, mine=request.GET.get("mine") == "1", cursor=request.GET.get("cursor")
        )
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context["can_reply"] = access.can(Permission.INBOX_REPLY)
    if is_partial(request):
        return render(request, "inbox/_scheduled.html", context)
    sidebar = selectors_lists.sidebar(access, Filters.of({}, access), is_scheduled=True)
    return render(request, "inbox/scheduled.html", {**sidebar, **context})
