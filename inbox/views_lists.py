"""The list side of the inbox: views, lists, filters, saved views, export."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inbox import exports, forms, selectors_counts, selectors_lists
from inbox.filters import Filters
from inbox.models import SavedView
from inbox.services import exporting, saved_views
from project.core.htmx import is_partial, redirect_to
from project.core.pagination import InvalidCursor
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def listed(request: OrganizationRequest, filters: Filters) -> dict[str, Any]:
    """A page of the list; a page link that does not fit it is 404."""
    try:
        return selectors_lists.conversation_list(request.access, filters, request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error


def page_context(request: OrganizationRequest) -> dict[str, Any]:
    """What the page shows beside a thread: the views, the list, and the menus of acts."""
    access = request.access
    filters = Filters.of(request.GET, access)
    can_reply = access.can(Permission.INBOX_REPLY)
    found = listed(request, filters)
    listening = "" if filters.client_id else found["streams"]
    return {
        **found,
        **selectors_lists.sidebar(access, filters, listening=listening),
        "can_reply": can_reply,
        "can_share": access.can(Permission.INBOX_MANAGE),
        "menus": selectors_lists.act_menus(access) if can_reply else None,
    }


@require_GET
@organization_view(Permission.INBOX_VIEW)
def conversations(request: OrganizationRequest) -> HttpResponse:
    """The list of a view, with nothing open; as a fragment, the list alone or its next page."""
    if not is_partial(request):
        return render(request, "inbox/page.html", page_context(request))
    filters = Filters.of(request.GET, request.access)
    found = listed(request, filters)
    if request.GET.get("cursor"):
        return render(request, "inbox/_rows.html", found)
    count = selectors_lists.list_count(request.access, filters)
    return render(request, "inbox/_list.html", {**found, "list_count": count})


@require_GET
@organization_view(Permission.INBOX_VIEW)
def view_counts(request: OrganizationRequest) -> HttpResponse:
    """The views with their counts, for the sidebar."""
    filters = Filters.of(request.GET, request.access)
    shown = selectors_lists.sidebar(request.access, filters, is_scheduled=request.GET.get("scheduled") == "1")
    return render(request, "inbox/_views.html", shown)


@require_GET
@organization_view(Permission.INBOX_VIEW)
def counts(request: OrganizationRequest) -> HttpResponse:
    """What is in the views, by client, as changes push it: a page asks once, and adds up from then on.

    ``since``: the number of the stream up to which the page is complete; an answer before it is too old for it.
    """
    since = request.GET.get("since", "")
    number = int(since) if since.isascii() and since.isdigit() and len(since) < 19 else 0
    return JsonResponse(selectors_counts.of_clients(request.access, since=number))


@require_GET
@organization_view(Permission.INBOX_VIEW)
def filter_form(request: OrganizationRequest) -> HttpResponse:
    """What the list may be narrowed by, as it is narrowed now."""
    filters = Filters.of(request.GET, request.access)
    return render(request, "inbox/_filters.html", selectors_lists.filter_choices(request.access, filters))


@require_POST
@organization_view(Permission.INBOX_VIEW)
def save_view(request: OrganizationRequest) -> HttpResponse:
    """Save the list as it is narrowed now under a name."""
    form = forms.SavedViewForm(request.POST)
    if not form.is_valid():
        return _said("Give the view a name of at most 60 characters.")
    try:
        filters = Filters.strictly(form.choice, request.access)
        saved_views.save(
            name=form.cleaned_data["name"],
            filters=filters,
            is_shared=form.cleaned_data["is_shared"],
            access=request.access,
        )
    except Refused as refusal:
        return _said(refusal.message)
    url = reverse("inbox:list", kwargs={"organization_slug": request.organization.slug})
    return redirect_to(f"{url}?{filters.query}", request)


@require_http_methods(["POST", "DELETE"])
@organization_view(Permission.INBOX_VIEW)
def remove_view(request: OrganizationRequest, view_id: UUID) -> HttpResponse:
    """Remove a saved view of one's own."""
    get_or_404(SavedView.objects.filter(owner=request.access.user), view_id)
    saved_views.remove(view_id=view_id, actor=request.access.user)
    return redirect_to(
        reverse("inbox:list", kwargs={"organization_slug": request.organization.slug}), request
    )


def _said(message: str) -> HttpResponse:
    return HttpResponse(message, status=422, content_type="text/plain; charset=utf-8")


@require_GET
@organization_view(Permission.INBOX_VIEW)
def export(request: OrganizationRequest) -> HttpResponseBase:
    """The list as it is narrowed now, as CSV with a row for each conversation."""
    try:
        filters = Filters.strictly(request.GET, request.access)
    except Refused as refusal:
        return _said(refusal.message)
    exporting.note_export(access=request.access, query=filters.query)
    response = StreamingHttpResponse(
        exports.lines(request.access, filters), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="conversations.csv"'
    return response


@require_GET
@organization_view(Permission.INBOX_VIEW)
def jump(request: OrganizationRequest) -> HttpResponse:
    """What the palette offers beside the page's own acts: people, campaigns and saved views, as JSON."""
    found = selectors_lists.jump(request.access, request.GET.get("q", "")[:80])
    return JsonResponse({"items": found})
