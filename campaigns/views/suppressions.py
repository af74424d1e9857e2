"""Who must not be contacted: the list, adding to it, taking somebody off it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from campaigns import selectors_outreach as selectors
from campaigns import suppression_exports
from campaigns.forms_outreach import SuppressionFileForm, SuppressionForm
from campaigns.services import suppression as service
from campaigns.services import suppression_files
from project.core.htmx import redirect_to
from project.core.pagination import InvalidCursor
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from project.tenancy.forms import show_refusal


def _page_url(request: OrganizationRequest) -> str:
    return reverse("campaigns:do_not_contact", kwargs={"organization_slug": request.organization.slug})


def _page(
    request: OrganizationRequest,
    form: SuppressionForm,
    status: int = 200,
    *,
    file_form: SuppressionFileForm | None = None,
    taken: suppression_files.Taken | None = None,
) -> HttpResponse:
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
        "file_form": file_form or SuppressionFileForm(access=request.access),
        "taken": taken,
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


@require_GET
@organization_view(Permission.LEADS_VIEW)
def export(request: OrganizationRequest) -> HttpResponseBase:
    """The list as CSV, streamed."""
    suppression_files.note_export(access=request.access)
    response = StreamingHttpResponse(
        suppression_exports.lines(request.access), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="do-not-contact.csv"'
    return response


@require_POST
@organization_view(Permission.LEADS_EDIT)
def take_file(request: OrganizationRequest) -> HttpResponse:
    """Put the rows of a file on the list, and tell which were left out and why."""
    form, access = SuppressionFileForm(request.POST, request.FILES, access=request.access), request.access
    taken, status = None, 422
    if form.is_valid():
        client = form.cleaned_data["client"]
        try:
            taken = suppression_files.take(
                client_id=client.id if client else None, file=form.cleaned_data["file"], actor=access.user
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            status = 200
    return _page(request, SuppressionForm(access=access), status, file_form=form, taken=taken)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def remove(request: OrganizationRequest, suppression_id: UUID) -> HttpResponse:
    """Take an entry off the list: they may be written to again."""
    found = get_or_404(selectors.suppressions(request.access), suppression_id)
    service.remove(suppression=found, actor=request.access.user)
    return redirect_to(_page_url(request), request)
