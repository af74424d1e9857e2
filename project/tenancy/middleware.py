"""Resolves the organization of a request and enters its scope."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from allauth.core.internal.httpkit import get_client_ip
from allauth.usersessions.middleware import UserSessionsMiddleware
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import Resolver404, resolve
from django.utils import timezone

from project.core.htmx import is_partial
from project.core.realtime.sequencer import latest_number
from project.core.scoping import organization_scope, platform_scope
from project.tenancy import audit
from project.tenancy.access import Access, access_at
from project.tenancy.models import User
from project.tenancy.services import impersonation

#: A session's last use is written down at most so often: five statements that no page has to wait for.
SEEN_SECONDS: Final = 60
#: Pages of no organization that show times.
_OWN_PAGES: Final = ("/accounts/", "/platform/")


class SeenSessionMiddleware(UserSessionsMiddleware):
    """Writes down when, whence and with what a session was last used, once a minute or when one of these changes."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request, with the writing if it is time."""
        response: HttpResponse
        if request.session.session_key and not cache.add(_use_of(request), 1, SEEN_SECONDS):
            response = self.get_response(request)
        else:
            response = super().__call__(request)
        return response


def _use_of(request: HttpRequest) -> str:
    """One use of a session, without the key that opens it."""
    parts = (request.session.session_key, client_address(request), request.headers.get("User-Agent", ""))
    return f"seen:{hashlib.sha256(repr(parts).encode()).hexdigest()}"


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
            return self._outside(request)
        if not request.user.is_authenticated:
            return ask_to_sign_in(request)
        access = resolve_access(request.user, slug, session=request.session)
        if access is None:
            # Raised inside the view machinery so that the 404 page is rendered as for any unknown address.
            request.no_organization = True  # type: ignore[attr-defined]
            return self.get_response(request)
        annotated: Any = request
        annotated.access = access
        annotated.organization = access.organization
        annotated.user = access.user
        structlog.contextvars.bind_contextvars(
            organization=access.organization.slug, ip=client_address(request)
        )
        if request.method == "GET" and not is_partial(request):
            # Before the page's own queries: what is committed later has a higher number and is caught up. The page
            # that a fragment goes into has its own.
            annotated.live_cursor = latest_number(access.organization.id)
        with (
            organization_scope(access.organization.id),
            audit.impersonated_by(access.impersonator),
            timezone.override(access.time_zone),
        ):
            return self.get_response(request)

    def _outside(self, request: HttpRequest) -> HttpResponse:
        """A page of no organization: times are in the zone that the person has chosen."""
        chosen = ""
        if request.path_info.startswith(_OWN_PAGES) and request.user.is_authenticated:
            chosen = request.user.time_zone
        with timezone.override(chosen or None):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Answer 404 for organizations that the user does not belong to."""
        if getattr(request, "no_organization", False):
            raise Http404("There is no such organization, or you are not a member of it.")


def resolve_access(user: Any, slug: str, *, session: SessionBase | None = None) -> Access | None:
    """Return the user's access to the organization with that slug, or ``None``.

    With a session, staff who stand for a member there get the member's access.
    """
    if not isinstance(user, User) and not getattr(user, "is_authenticated", False):
        return None
    with platform_scope("resolve the organization of a request"):
        access = access_at(user, slug)
        if access is None or session is None:
            return access
        return impersonation.access_through(session, user, access.organization) or access


def client_address(request: HttpRequest) -> str | None:
    """Return the caller's IP address as allauth sees it (trusted proxies considered)."""
    address: str | None = get_client_ip(request)
    return address


def _organization_slug(request: HttpRequest) -> str | None:
    if not request.path_info.startswith("/o/"):
        return None
    try:
        return resolve(request.path_info).kwargs.get("organization_slug")
    except Resolver404:
        return None


def ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a signed-out person to the sign-in page and back: a page by redirect, a fragment by its whole page."""
    htmx: Any = getattr(request, "htmx", None)
    if not htmx:
        return redirect_to_login(request.get_full_path())
    # A fragment's own address is no page: come back to the page it was asked from.
    page = urlsplit(htmx.current_url_abs_path or "")
    back = page.path + (f"?{page.query}" if page.query else "") if page.path else resolve_url("/")
    target = redirect_to_login(back)["Location"]
    return HttpResponse(status=401, headers={"HX-Redirect": target})
