"""Snippets: the list, writing one, removing one."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import selectors
from campaigns.forms import SnippetForm
from campaigns.models import Snippet
from campaigns.services import snippets as service
from project.core.htmx import redirect_to
from project.core.pagination import InvalidCursor
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _page_url(request: OrganizationRequest) -> str:
    return reverse("campaigns:snippets", kwargs={"organization_slug": request.organization.slug})


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def snippets(request: OrganizationRequest) -> HttpResponse:
    """All snippets within reach, and a form to write one. An existing name replaces its text."""
    form = SnippetForm(request.POST or None, access=request.access)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                service.save(**form.values(), actor=request.access.user)
            except service.SnippetRefused as refusal:
                form.add_error(refusal.details.get("field"), str(refusal))
            else:
                return redirect(_page_url(request))
    try:
        page = selectors.snippet_list(request.access, cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        "form": form,
        "snippets": page.items,
        "next_url": f"?cursor={page.next_cursor}" if page.next_cursor else "",
    }
    return render(request, "campaigns/snippets.html", context, status=status)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def delete(request: OrganizationRequest, snippet_id: UUID) -> HttpResponse:
    """Remove a snippet."""
    found = get_or_404(Snippet.objects.filter(request.access.client_filter()), snippet_id)
    service.delete(snippet=found, actor=request.access.user)
    return redirect_to(_page_url(request), request)
