"""Resolves the organization of a request and enters its scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from project.core.scoping import organization_scope, platform_scope
from project.tenancy.access import Access, access_for
from project.tenancy.models import Organization, User


class OrganizationMiddleware:
    """For addresses below ``/o/<slug>/``: sign-in, organization, membership, allowed clients, scope.

    An unknown organization and one that the user does not belong to both answer 404.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request inside the organization's scope where the address names one."""
        slug = _organization_slug(request)
        if slug is None:
            return self.get_response(request)
        if not request.user.is_authenticated:
            return _ask_to_sign_in(request)
        access = resolve_access(request.user, slug)
        if access is None:
            # Raised inside the view machinery so that the 404 page is rendered as for any unknown address.
            request.no_organization = True  # type: ignore[attr-defined]
            return self.get_response(request)
        annotated: Any = request
        annotated.access = access
        annotated.organization = access.organization
        structlog.contextvars.bind_contextvars(organization=access.organization.slug)
        with organization_scope(access.organization.id):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Answer 404 for organizations that the user does not belong to."""
        if getattr(request, "no_organization", False):
            raise Http404("There is no such organization, or you are not a member of it.")


def resolve_access(user: Any, slug: str) -> Access | None:
    """Return the user's access to the organization with that slug, or ``None``."""
    if not isinstance(user, User) and not getattr(user, "is_authenticated", False):
        return None
    with platform_scope("resolve the organization of a request"):
        organization = Organization.objects.filter(slug=slug).first()
        return access_for(user, organization) if organization else None


def _organization_slug(request: HttpRequest) -> str | None:
    if not request.path_info.startswith("/o/"):
        return None
    try:
        return resolve(request.path_info).kwargs.get("organization_slug")
    except Resolver404:
        return None


def _ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    if getattr(request, "htmx", None):
        return HttpResponse(status=401, headers={"HX-Redirect": "/accounts/login/"})
    return redirect_to_login(request.get_full_path())
