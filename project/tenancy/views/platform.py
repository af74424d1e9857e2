"""Pages of platform staff: organizations, provisioning, suspension, standing for a member."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from project.core.refusals import Refused
from project.core.scoping import platform_scope
from project.tenancy import forms, selectors
from project.tenancy.access import get_or_404, superadmin_view
from project.tenancy.models import Organization
from project.tenancy.services import impersonation, organizations


def _overview(request: HttpRequest, form: forms.ProvisionForm, *, status: int = 200) -> HttpResponse:
    context = {"rows": selectors.organizations_with_sizes(), "form": form}
    return render(request, "tenancy/platform/index.html", context, status=status)


@superadmin_view
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """All organizations, and the form for a new one."""
    return _overview(request, forms.ProvisionForm())


@superadmin_view
@require_POST
def provision(request: HttpRequest) -> HttpResponse:
    """Create an organization with its first admin and entitlements."""
    user: Any = request.user
    form = forms.ProvisionForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            made = organizations.provision(
                name=data["name"],
                slug=data["slug"],
                admin_email=data["admin_email"],
                time_zone=data["time_zone"],
                capabilities=form.capabilities(),
                actor=user,
            )
        except Refused as error:
            forms.show_refusal(form, error)
        else:
            how = "is invited by mail" if made.invitation else "is a member"
            messages.success(request, f"{made.organization.name} is there; {data['admin_email']} {how}.")
            return redirect("tenancy:platform-organization", organization_id=made.organization.id)
    return _overview(request, form, status=422)


@superadmin_view
@require_safe
def organization(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """One organization with its members."""
    found: Organization = get_or_404(Organization.objects.all(), organization_id)
    with platform_scope("look at an organization"):
        members = list(selectors.members().filter(organization=found).order_by("id")[:500])
    context = {"organization": found, "members": members, "form": forms.ReasonForm()}
    return render(request, "tenancy/platform/organization.html", context)


@superadmin_view
@require_POST
def suspend(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Suspend an organization, or (``restore`` in the form) let it back in."""
    user: Any = request.user
    active = "restore" in request.POST
    found: Organization = get_or_404(Organization.objects.all(), organization_id)
    organizations.set_active(organization_id=found.id, active=active, actor=user)
    messages.success(request, f"{found.name} is {'back' if active else 'suspended'}.")
    return redirect("tenancy:platform-organization", organization_id=found.id)


@superadmin_view
@require_POST
def impersonate(request: HttpRequest, organization_id: UUID, member_id: UUID) -> HttpResponse:
    """Begin to stand for a member."""
    user: Any = request.user
    try:
        membership = impersonation.begin(
            session=request.session,
            staff=user,
            organization_id=organization_id,
            membership_id=member_id,
            reason=request.POST.get("reason", ""),
        )
    except Refused as error:
        messages.error(request, error.message)
        return redirect("tenancy:platform-organization", organization_id=organization_id)
    return redirect("tenancy:home", organization_slug=membership.organization.slug)


@superadmin_view
@require_POST
def stop_impersonating(request: HttpRequest) -> HttpResponse:
    """Be oneself again."""
    user: Any = request.user
    left = impersonation.end(session=request.session, staff=user)
    if left is None:
        return redirect("tenancy:platform")
    return redirect("tenancy:platform-organization", organization_id=left.id)
