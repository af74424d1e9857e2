"""The page of notices: what a person is told of, on which ways, and what became of it."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from inbox import forms, selectors_notifications
from inbox.services import notifications
from project.core.htmx import redirect_to
from project.core.ids import parse_uuid
from project.core.pagination import InvalidCursor
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view


@require_http_methods(["GET", "POST"])
@organization_view(Permission.INBOX_VIEW)
def page(request: OrganizationRequest) -> HttpResponse:
    """Settings, choices and deliveries; POST keeps the settings."""
    form = forms.NotificationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            notifications.save_settings(
                user=request.access.user, values=form.values(), addresses=form.addresses()
            )
        except Refused as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            return redirect_to("./", request)
    try:
        context = selectors_notifications.page(
            request.access, request.GET.get("cursor"), parse_uuid(request.GET.get("client", ""))
        )
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    if request.method == "GET":
        form = forms.NotificationForm(initial=forms.NotificationForm.initial_of(context["own"]))
        notifications.mark_read(user=request.access.user)
    context |= {"form": form, "is_enabled": settings.NOTIFICATIONS_ENABLED}
    return render(request, "inbox/notifications.html", context, status=422 if form.errors else 200)


@require_POST
@organization_view(Permission.INBOX_VIEW)
def choose(request: OrganizationRequest) -> HttpResponse:
    """Switch one way for one occasion on or off."""
    client = None
    if request.POST.get("client"):
        client_id = parse_uuid(request.POST["client"])
        client = request.access.clients().filter(id=client_id).first() if client_id else None
        if client is None:
            raise Http404("There is no such client, or it is not yours to see.")
    try:
        notifications.choose(
            user=request.access.user,
            client=client,
            occasion=request.POST.get("occasion", ""),
            way=request.POST.get("way", ""),
            is_on=bool(request.POST.get("on")),
        )
    except Refused as error:
        return HttpResponse(error.message, status=422, content_type="text/plain; charset=utf-8")
    return HttpResponse(status=204)


@require_POST
@organization_view(Permission.INBOX_VIEW)
def browser(request: OrganizationRequest) -> HttpResponse:
    """Let this browser take pushes, or (``off``) stop it."""
    user, data = request.access.user, request.POST
    if data.get("off"):
        notifications.unsubscribe(user=user, endpoint=data.get("endpoint", ""))
        return HttpResponse(status=204)
    try:
        notifications.subscribe(
            user=user,
            endpoint=data.get("endpoint", ""),
            p256dh=data.get("p256dh", ""),
            auth=data.get("auth", ""),
            label=data.get("label", ""),
        )
    except Refused as error:
        return HttpResponse(error.message, status=422, content_type="text/plain; charset=utf-8")
    return HttpResponse(status=204)
