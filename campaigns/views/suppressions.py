"""Who must not be contacted: the list, adding to it, taking somebody off it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from campaigns import selectors_outreach as selectors
from campaigns.forms_outreach import SuppressionForm
from campaigns.services import suppression as service
from project.core.htmx import redirect_to
from project.core.pagination import InvalidCursor
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from project.tenancy.forms import show_refusal


def _page_url(request: OrganizationRequest) -> str:
    return reverse("campaigns:do_not_contact", kwargs={"organization_slug": request.organization.slug})


def _page(request: OrganizationRequest, form: SuppressionForm, status: int = 200) -> HttpResponse:
    search = request.GET.get("q", "").strip()[:300]
    try:
        page = selectors.suppression_list(request.access, search=search, cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    more = request.GET.copy()
    more["cursor"] = page.next_cursor or ""
    context = {
        "rows": page.items,
        "search": search,
        "form": form,
        "can_edit": request.access.can(Permission.LEADS_EDIT),
        "next_url": f"{_page_url(request)}?{more.urlencode()}" if page.next_cursor else "",
    }
    return render(request, "campaigns/do_not_contact.html", context, status=status)


@require_GET
@organization_view(Permission.LEADS_VIEW)
def do_not_contact(request: OrganizationRequest) -> HttpResponse:
    """Addresses and domains that nothing is sent to, newest first; ``q`` searches them."""
    return _page(request, SuppressionForm(access=request.access))


@require_POST
@organization_view(Permission.LEADS_EDIT)
def add(request: OrganizationRequest) -> HttpResponse:
    """Put an address or a domain on the list; the same again renews its reason."""
    form = SuppressionForm(request.POST, access=request.access)
    if form.is_valid():
        try:
            service.add(**form.values(), actor=request.access.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            return redirect(_page_url(request))
    return _page(request, form, status=422)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def remove(request: OrganizationRequest, suppression_id: UUID) -> HttpResponse:
    """Take an entry off the list: they may be written to again."""
    found = get_or_404(selectors.suppressions(request.access), suppression_id)
    service.remove(suppression=found, actor=request.access.user)
    return redirect_to(_page_url(request), request)
