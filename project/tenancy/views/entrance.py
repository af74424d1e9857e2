"""Pages outside and at the door of an organization: start, chooser, invitation."""

from __future__ import annotations

from typing import Any

from allauth.account.utils import perform_login
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from project.core.refusals import NotFound, Refused
from project.tenancy import selectors
from project.tenancy.access import (
    OrganizationRequest,
    Permission,
    organization_view,
    public_view,
    signed_in_view,
)
from project.tenancy.forms import JoinForm, TimeZoneForm, show_refusal
from project.tenancy.models import Role, User
from project.tenancy.navigation import areas
from project.tenancy.services import invitations, people
from project.theme.shell import AREAS


@signed_in_view
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """``/``: the only organization, a choice of several, the platform for staff, or a page that says what to do."""
    user: Any = request.user
    places = selectors.places_of(user)
    if len(places) == 1 and not user.is_superadmin:
        return redirect("tenancy:home", organization_slug=places[0].organization.slug)
    if places or user.is_superadmin:
        organizations = [
            {
                "name": place.organization.name,
                "role": place.role_label,
                "url": reverse("tenancy:home", kwargs={"organization_slug": place.organization.slug}),
            }
            for place in places
        ]
        if user.is_superadmin:
            organizations.append({"name": "Platform", "role": "Staff", "url": reverse("tenancy:platform")})
        return render(request, "tenancy/organizations.html", {"organizations": organizations})
    return render(request, "tenancy/no_organization.html")


@signed_in_view
@require_http_methods(["GET", "HEAD", "POST"])
def time_zone(request: HttpRequest) -> HttpResponse:
    """``/accounts/time-zone/``: the zone that times are shown in."""
    user: Any = request.user
    form = TimeZoneForm(request.POST or None, initial={"time_zone": user.time_zone})
    if request.method == "POST" and form.is_valid():
        people.set_time_zone(user=user, time_zone=form.cleaned_data["time_zone"])
        messages.success(request, "Times are shown in the zone that you chose.")
        return redirect("tenancy:time-zone")
    status = 422 if form.errors else 200
    return render(request, "tenancy/time_zone.html", {"form": form}, status=status)


@organization_view(Permission.MEMBER)
@require_safe
def home(request: OrganizationRequest) -> HttpResponse:
    """``/o/<slug>/``: the first area that the role may open."""
    registered = areas()
    slug = request.organization.slug
    for key in AREAS:
        area = registered.get(key)
        if area is not None and request.access.can(area.permission):
            return redirect(area.url_name, organization_slug=slug)
    if request.access.can(Permission.SETTINGS_VIEW):
        return redirect("tenancy:settings", organization_slug=slug)
    return render(request, "tenancy/no_organization.html")


@public_view("the secret of the link is the proof")
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """An invitation: who invites whom to what; joining makes the membership (and the account)."""
    try:
        opened = invitations.open_by_token(token)
    except NotFound as error:
        return render(request, "tenancy/invitation.html", {"problem": error.message}, status=404)
    user = request.user if isinstance(request.user, User) or request.user.is_authenticated else None
    if user is None and opened.has_account:
        messages.info(request, f"Sign in as {opened.invitation.email} to join {opened.organization.name}.")
        return redirect_to_login(request.get_full_path())
    form = None if user else JoinForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            return _join(request, token, user, form)
        except Refused as error:
            if form is None:
                return _invitation_page(request, opened, None, problem=error.message, status=error.status)
            show_refusal(form, error)
    problem = ""
    if user is not None and user.email != opened.invitation.email:
        problem = (
            f"It is for {opened.invitation.email}, and you are signed in as {user.email}. Sign out first."
        )
    status = 422 if form is not None and form.is_bound else 200
    return _invitation_page(request, opened, form, problem=problem, status=status)


def _join(request: HttpRequest, token: str, user: Any, form: JoinForm | None) -> HttpResponse:
    data = form.cleaned_data if form else {}
    membership = invitations.accept(
        token=token, user=user, name=data.get("name", ""), password=data.get("password", "")
    )
    url = reverse("tenancy:home", kwargs={"organization_slug": membership.organization.slug})
    if user is not None:
        return redirect(url)
    response: HttpResponse = perform_login(request, membership.user, redirect_url=url)
    return response


def _invitation_page(
    request: HttpRequest, opened: invitations.Opened, form: JoinForm | None, *, problem: str, status: int
) -> HttpResponse:
    row = opened.invitation
    shown = {
        "organization_name": opened.organization.name,
        "inviter_name": row.invited_by.display_name if row.invited_by else "",
        "email": row.email,
        "role": Role(row.role).label,
        "clients": ", ".join(opened.client_names),
    }
    context = {"invitation": shown, "form": form, "problem": problem}
    return render(request, "tenancy/invitation.html", context, status=status)
