"""Template context of every page below ``/o/<slug>/``: the frame."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from project.core.scoping import platform_scope
from project.tenancy.access import Access, Permission
from project.tenancy.models import Membership, Organization, Role
from project.tenancy.navigation import NavigationArea, areas
from project.theme.shell import AREAS, Shell, ShellArea, ShellClient, ShellOrganization, ShellUser, area


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return ``shell`` and ``access`` (``None`` outside an organization), and ``can_answer``.

    Fragments never show the frame, so HTMX requests that are not boosted pay nothing for it.
    """
    access: Access | None = getattr(request, "access", None)
    htmx = getattr(request, "htmx", None)
    if access is None or (htmx and not htmx.boosted and not htmx.history_restore_request):
        slug = access.organization.slug if access else ""
        return {"shell": None, "access": access, "organization_slug": slug}
    return {
        "organization_slug": access.organization.slug,
        "shell": _shell(request, access),
        "access": access,
        "can_answer": access.can(Permission.INBOX_REPLY),
    }


def _shell(request: HttpRequest, access: Access) -> Shell:
    slug = access.organization.slug
    clients = list(access.clients().filter(is_archived=False))
    chosen = request.GET.get("client", "")
    current = _areas(request, access)
    # Outside the areas (settings) a client leads to the first area, narrowed to it.
    base = next((item.url for item in current if item.active), current[0].url if current else "")
    return Shell(
        organization=_organization(access.organization),
        organizations=[_organization(other) for other in _others(access)],
        areas=current,
        clients=[
            ShellClient(
                name=client.name,
                colour=client.colour,
                # The chosen client's link takes the choice back.
                url=base if str(client.id) == chosen else f"{base}?client={client.id}",
                active=str(client.id) == chosen,
            )
            for client in clients
        ],
        clients_total=len(clients),
        user=ShellUser(
            display_name=access.user.display_name,
            email=access.user.email,
            initials=access.user.initials,
            avatar_tone=access.user.avatar_tone,
            role=Role(access.role).label,
            id=str(access.user.id),
            time_zone=access.time_zone,
        ),
        settings_url=_settings_url(access, slug),
        notifications_url=_notifications_url(access, slug),
        live_cursor=getattr(request, "live_cursor", 0),
    )


def _notifications_url(access: Access, slug: str) -> str:
    if not access.can(Permission.INBOX_VIEW):
        return ""
    try:
        return reverse("inbox:notifications", kwargs={"organization_slug": slug})
    except NoReverseMatch:
        return ""


def _settings_url(access: Access, slug: str) -> str:
    if not access.can(Permission.SETTINGS_VIEW):
        return ""
    try:
        return reverse("tenancy:settings", kwargs={"organization_slug": slug})
    except NoReverseMatch:
        return ""


def _organization(organization: Organization) -> ShellOrganization:
    url = reverse("tenancy:home", kwargs={"organization_slug": organization.slug})
    return ShellOrganization(name=organization.name, slug=organization.slug, url=url)


def _others(access: Access) -> list[Organization]:
    with platform_scope("list the organizations of a user"):
        ids = Membership.objects.filter(user=access.user, is_active=True).values_list(
            "organization_id", flat=True
        )
        return list(
            Organization.objects.filter(id__in=ids, is_active=True).exclude(id=access.organization.id)
        )


def _areas(request: HttpRequest, access: Access) -> list[ShellArea]:
    registered = areas()
    match = request.resolver_match
    here = match.view_name if match else ""
    made = []
    for key in AREAS:
        known = registered.get(key)
        if known is None or not access.can(known.permission):
            continue
        made.append(
            area(
                key,
                url=reverse(known.url_name, kwargs={"organization_slug": access.organization.slug}),
                count=known.count(access) if known.count else None,
                active=_is_current(known, here),
            )
        )
    return made


def _is_current(known: NavigationArea, here: str) -> bool:
    return here.startswith(known.prefixes)
