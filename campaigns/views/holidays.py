"""Own days off: the list, adding some, removing one."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import selectors
from campaigns.forms import HolidayForm
from campaigns.models import OwnHoliday
from campaigns.services import holidays as service
from project.core.htmx import redirect_to
from project.core.pagination import InvalidCursor
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _page_url(request: OrganizationRequest) -> str:
    return reverse("campaigns:holidays", kwargs={"organization_slug": request.organization.slug})


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def holidays(request: OrganizationRequest) -> HttpResponse:
    """All own days off within reach, the latest first, and a form to add some."""
    form = HolidayForm(request.POST or None, access=request.access)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                service.add(**form.values(), actor=request.access.user)
            except service.HolidayRefused as refusal:
                form.add_error(refusal.details.get("field"), str(refusal))
            else:
                return redirect(_page_url(request))
    try:
        page = selectors.holiday_list(request.access, cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        "form": form,
        "holidays": page.items,
        "next_url": f"?cursor={page.next_cursor}" if page.next_cursor else "",
    }
    return render(request, "campaigns/holidays.html", context, status=status)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def delete(request: OrganizationRequest, holiday_id: UUID) -> HttpResponse:
    """Make a day a normal one again."""
    found = get_or_404(OwnHoliday.objects.filter(request.access.client_filter()), holiday_id)
    service.remove(holiday=found, actor=request.access.user)
    return redirect_to(_page_url(request), request)
