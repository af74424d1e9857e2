"""Settings of the organization: itself, clients, members, entitlements, API tokens, audit log, the own account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from project.core.htmx import is_partial
from project.core.pagination import keyset_page
from project.core.refusals import Refused
from project.tenancy import forms, selectors
from project.tenancy.access import Access, OrganizationRequest, Permission, get_or_404, organization_view
from project.tenancy.models import Client, Membership, User
from project.tenancy.services import (
    clients,
    entitlements,
    invitations,
    memberships,
    organizations,
    tokens,
)

#: The sections: URL name, label, whether a membership over all clients is needed.
SECTIONS = (
    ("tenancy:settings", "Organization", False),
    ("tenancy:clients", "Clients", False),
    ("tenancy:members", "Members", True),
    ("tenancy:entitlements", "Entitlements", True),
    ("integrations:connections", "Connections", True),
    ("tenancy:tokens", "API tokens", False),
    ("tenancy:audit", "Audit log", False),
    ("tenancy:account", "Your account", False),
)


def section_tabs(access: Access, here: str) -> list[dict[str, Any]]:
    """The tabs of the settings, also for sections that other rooms bring."""
    return [
        {
            "label": label,
            "url": reverse(name, kwargs={"organization_slug": access.organization.slug}),
            "active": name == here,
        }
        for name, label, whole in SECTIONS
        if access.whole_organization or not whole
    ]


def _page(
    request: OrganizationRequest, section: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    name = section.partition(":")[2]
    shared = {
        "tabs": section_tabs(request.access, section),
        "may_edit": request.access.can(Permission.SETTINGS_EDIT),
    }
    return render(request, f"tenancy/settings/{name}.html", {**shared, **context}, status=status)


def _back(request: OrganizationRequest, section: str) -> HttpResponse:
    return redirect(section, organization_slug=request.organization.slug)


def _act(request: OrganizationRequest, section: str, act: Callable[[], object], done: str) -> HttpResponse:
    """Do something that has no form of its own; say what happened on the section's page."""
    try:
        act()
    except Refused as error:
        messages.error(request, error.message)
    else:
        messages.success(request, done)
    return _back(request, section)


# --- Organization -------------------------------------------------------------------------------------


@organization_view(Permission.SETTINGS_VIEW)
@require_safe
def organization(request: OrganizationRequest) -> HttpResponse:
    """Name and time zone."""
    return _page(request, "tenancy:settings", {"form": forms.OrganizationForm.of(request.organization)})


@organization_view(Permission.SETTINGS_EDIT, whole=True)
@require_POST
def change_organization(request: OrganizationRequest) -> HttpResponse:
    """Save name and time zone."""
    form = forms.OrganizationForm(request.POST)
    if form.is_valid():
        try:
            organizations.update(access=request.access, **form.cleaned_data)
        except Refused as error:
            forms.show_refusal(form, error)
        else:
            messages.success(request, "Saved.")
            return _back(request, "tenancy:settings")
    return _page(request, "tenancy:settings", {"form": form}, status=422)


# --- Clients ------------------------------------------------------------------------------------------


def _clients_context(access: Access) -> dict[str, Any]:
    rows = list(access.clients())
    return {
        "clients": [row for row in rows if not row.is_archived],
        "archived": [row for row in rows if row.is_archived],
        "may_set_rules": access.can(Permission.CAMPAIGNS_EDIT),
    }


@organization_view(Permission.SETTINGS_VIEW)
@require_safe
def client_list(request: OrganizationRequest) -> HttpResponse:
    """The clients within reach, archived ones below."""
    form = forms.ClientForm(
        initial={"colour": clients.next_colour(), "time_zone": request.organization.time_zone}
    )
    return _page(request, "tenancy:clients", {**_clients_context(request.access), "form": form})


@organization_view(Permission.SETTINGS_EDIT, whole=True)
@require_POST
def add_client(request: OrganizationRequest) -> HttpResponse:
    """Add a client."""
    form = forms.ClientForm(request.POST)
    if form.is_valid():
        try:
            made = clients.create(access=request.access, **form.cleaned_data)
        except Refused as error:
            forms.show_refusal(form, error)
        else:
            messages.success(request, f"{made.name} is there.")
            return _back(request, "tenancy:clients")
    return _page(request, "tenancy:clients", {**_clients_context(request.access), "form": form}, status=422)


@organization_view(Permission.SETTINGS_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_client(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Change a client."""
    client: Client = get_or_404(request.access.clients(), client_id)
    form = forms.ClientForm(request.POST) if request.method == "POST" else forms.ClientForm.of(client)
    if form.is_bound and form.is_valid():
        try:
            clients.update(access=request.access, client_id=client_id, **form.cleaned_data)
        except Refused as error:
            forms.show_refusal(form, error)
        else:
            messages.success(request, "Saved.")
            return _back(request, "tenancy:clients")
    status = 422 if form.is_bound else 200
    context = {"client": client, "form": form, "tabs": section_tabs(request.access, "tenancy:clients")}
    return render(request, "tenancy/settings/client.html", context, status=status)


@organization_view(Permission.SETTINGS_EDIT)
@require_POST
def archive_client(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Archive a client, or (``restore`` in the form) bring it back."""
    archived = "restore" not in request.POST
    client: Client = get_or_404(request.access.clients(), client_id)
    return _act(
        request,
        "tenancy:clients",
        lambda: clients.set_archived(access=request.access, client_id=client_id, archived=archived),
        f"{client.name} is archived; its data stays." if archived else f"{client.name} is back.",
    )


# --- Members ------------------------------------------------------------------------------------------


def _members_context(request: OrganizationRequest) -> dict[str, Any]:
    page = keyset_page(selectors.members(), order=("id",), cursor=request.GET.get("after"), limit=100)
    return {
        "members": page.items,
        "next_cursor": page.next_cursor,
        "invitations": list(selectors.open_invitations()),
    }


@organization_view(Permission.SETTINGS_VIEW, whole=True)
@require_safe
def member_list(request: OrganizationRequest) -> HttpResponse:
    """Members and open invitations."""
    form = forms.InvitationForm(clients=list(request.access.clients().filter(is_archived=False)))
    return _page(request, "tenancy:members", {**_members_context(request), "form": form})


@organization_view(Permission.SETTINGS_EDIT, whole=True)
@require_POST
def invite(request: OrganizationRequest) -> HttpResponse:
    """Invite a person."""
    form = forms.InvitationForm(
        request.POST, clients=list(request.access.clients().filter(is_archived=False))
    )
    if form.is_valid():
        try:
            made = invitations.create(
                email=form.cleaned_data["email"], actor=request.access.user, **form.reach_values()
            )
        except Refused as error:
            forms.show_refusal(form, error)
        else:
            messages.success(request, f"The invitation to {made.email} is on its way.")
            return _back(request, "tenancy:members")
    return _page(request, "tenancy:members", {**_members_context(request), "form": form}, status=422)


@organization_view(Permission.SETTINGS_EDIT, whole=True)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_member(request: OrganizationRequest, member_id: UUID) -> HttpResponse:
    """Change a member's role and reach."""
    member: Membership = get_or_404(selectors.members(), member_id)
    choices = list(request.access.clients())
    if request.method == "POST":
        form = forms.ReachForm(request.POST, clients=choices)
    else:
        reached = [str(link.client_id) for link in member.client_links.all()]
        reach = "all" if member.all_clients and member.role != "client" else "some"
        form = forms.ReachForm(
            initial={"role": member.role, "reach": reach, "client_ids": reached}, clients=choices
        )
    if form.is_bound and form.is_valid():
        try:
            memberships.change(access=request.access, member_id=member_id, **form.reach_values())
        except Refused as error:
            forms.show_refusal(form, error)
        else:
            messages.success(request, "Saved. It applies at once, also to open pages.")
            return _back(request, "tenancy:members")
    context = {"member": member, "form": form, "tabs": section_tabs(request.access, "tenancy:members")}
    return render(request, "tenancy/settings/member.html", context, status=422 if form.is_bound else 200)


@organization_view(Permission.SETTINGS_EDIT, whole=True)
@require_POST
def activate_member(request: OrganizationRequest, member_id: UUID) -> HttpResponse:
    """Deactivate a member, or (``restore`` in the form) let them back in."""
    active = "restore" in request.POST
    member: Membership = get_or_404(selectors.members(), member_id)
    return _act(
        request,
        "tenancy:members",
        lambda: memberships.set_active(access=request.access, member_id=member_id, active=active),
        f"{member} is back in." if active else f"{member} is shut out; what they did stays.",
    )


@organization_view(Permission.SETTINGS_EDIT, whole=True)
@require_POST
def change_invitation(request: OrganizationRequest, invitation_id: UUID) -> HttpResponse:
    """Withdraw an invitation, or (``resend`` in the form) send it again."""
    user = request.access.user
    if "resend" in request.POST:
        return _act(
            request,
            "tenancy:members",
            lambda: invitations.resend(invitation_id=invitation_id, actor=user),
            "The invitation is on its way again.",
        )
    return _act(
        request,
        "tenancy:members",
        lambda: invitations.revoke(invitation_id=invitation_id, actor=user),
        "The invitation is withdrawn.",
    )


# --- Entitlements -------------------------------------------------------------------------------------


@organization_view(Permission.SETTINGS_VIEW, whole=True)
@require_safe
def entitlement_list(request: OrganizationRequest) -> HttpResponse:
    """Which provider serves which capability, for whom."""
    form = forms.EntitlementForm(clients=list(request.access.clients().filter(is_archived=False)))
    return _page(
        request,
        "tenancy:entitlements",
        {"entitlements": list(selectors.entitlements().order_by("id")), "form": form},
    )


@organization_view(Permission.SETTINGS_EDIT, whole=True)
@require_POST
def grant_entitlement(request: OrganizationRequest) -> HttpResponse:
    """Grant a capability."""
    form = forms.EntitlementForm(
        request.POST, clients=list(request.access.clients().filter(is_archived=False))
    )
    if form.is_valid():
        data = form.cleaned_data
        try:
            entitlements.grant(
                capability=data["capability"],
                provider=data["provider"],
                client_id=UUID(data["client_id"]) if data["client_id"] else None,
                actor=request.access.user,
            )
        except Refused as error:
            forms.show_refusal(form, error)
        else:
            messages.success(request, "Granted.")
            return _back(request, "tenancy:entitlements")
    rows = list(selectors.entitlements().order_by("id"))
    return _page(request, "tenancy:entitlements", {"entitlements": rows, "form": form}, status=422)


@organization_view(Permission.SETTINGS_EDIT, whole=True)
@require_POST
def revoke_entitlement(request: OrganizationRequest, entitlement_id: UUID) -> HttpResponse:
    """Take a capability away."""
    return _act(
        request,
        "tenancy:entitlements",
        lambda: entitlements.revoke(entitlement_id=entitlement_id, actor=request.access.user),
        "Taken away. Campaigns that need it stop at their next step.",
    )


# --- API tokens ---------------------------------------------------------------------------------------


def _tokens_page(
    request: OrganizationRequest, form: forms.TokenForm, *, made: str = "", status: int = 200
) -> HttpResponse:
    rows = keyset_page(tokens.within_reach(request.access), order=("-id",), limit=100).items
    response = _page(request, "tenancy:tokens", {"tokens": rows, "form": form, "made": made}, status=status)
    if made:
        # The page shows a secret once: nobody keeps a copy.
        response["Cache-Control"] = "no-store"
    return response


@organization_view(Permission.SETTINGS_VIEW)
@require_safe
def token_list(request: OrganizationRequest) -> HttpResponse:
    """The own API tokens; admins see all."""
    return _tokens_page(request, forms.TokenForm())


@organization_view(Permission.SETTINGS_VIEW)
@require_POST
def create_token(request: OrganizationRequest) -> HttpResponse:
    """Make a token and show it, this once."""
    form = forms.TokenForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            _, token = tokens.create(
                access=request.access,
                name=data["name"],
                scopes=["read", "write"] if data["may_write"] else ["read"],
                expires_in_days=data["expires_in_days"] or None,
            )
        except Refused as error:
            forms.show_refusal(form, error)
        else:
            return _tokens_page(request, forms.TokenForm(), made=token)
    return _tokens_page(request, form, status=422)


@organization_view(Permission.SETTINGS_VIEW)
@require_POST
def revoke_token(request: OrganizationRequest, token_id: UUID) -> HttpResponse:
    """End a token."""
    return _act(
        request,
        "tenancy:tokens",
        lambda: tokens.revoke(access=request.access, token_id=token_id),
        "The token is worthless from now on.",
    )


# --- Audit log ----------------------------------------------------------------------------------------


@organization_view(Permission.SETTINGS_VIEW)
@require_safe
def audit_log(request: OrganizationRequest) -> HttpResponse:
    """Who did what, newest first; the next page comes as a fragment."""
    form = forms.AuditFilterForm(request.GET)
    people = User.objects.filter(id__in=Membership.objects.values_list("user_id", flat=True)).order_by(
        "name", "email"
    )
    _offer(form, "actor_id", [(person.id, person.display_name) for person in people])
    _offer(form, "client_id", [(client.id, client.name) for client in request.access.clients()])
    wanted = {name: value for name, value in (form.cleaned_data if form.is_valid() else {}).items() if value}
    zone = ZoneInfo(request.organization.time_zone)
    if "since" in wanted:
        wanted["since"] = datetime.combine(wanted["since"], time(), zone)
    if "until" in wanted:
        wanted["until"] = datetime.combine(wanted["until"] + timedelta(days=1), time(), zone)
    rows = selectors.audit_log(request.access, **wanted)
    page = keyset_page(rows, order=("-created_at", "-id"), cursor=request.GET.get("after"), limit=50)
    next_url = ""
    if page.next_cursor:
        query = request.GET.copy()
        query["after"] = page.next_cursor
        next_url = f"{request.path}?{query.urlencode()}"
    context = {"entries": page.items, "next_url": next_url, "form": form, "filtered": bool(wanted)}
    if is_partial(request):
        return render(request, "tenancy/settings/_audit_entries.html", context)
    return _page(request, "tenancy:audit", context)


def _offer(form: forms.AuditFilterForm, field: str, choices: list[tuple[UUID, str]]) -> None:
    widget: Any = form.fields[field].widget
    widget.choices = [("", "Anybody" if field == "actor_id" else "Any"), *choices]


# --- The own account ----------------------------------------------------------------------------------


@organization_view(Permission.SETTINGS_VIEW)
@require_safe
def account(request: OrganizationRequest) -> HttpResponse:
    """Where password, second factor and sessions are."""
    return _page(request, "tenancy:account", {})
