"""How pages under Operations are rendered, of this room and of those above."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from integrations import operation_pages
from project.core.htmx import is_partial
from project.tenancy.access import OrganizationRequest, Permission


def render_page(
    request: OrganizationRequest,
    page: str,
    context: dict[str, Any],
    status: int = 200,
    *,
    room: str = "integrations",
    urls: str = "integrations",
) -> HttpResponse:
    """Render ``<room>/<page>.html``, or its fragment ``_<page>.html`` for htmx; ``urls`` is the pages' namespace."""
    fragment = is_partial(request) and not request.GET.get("cursor")
    template = f"{room}/_{page}.html" if fragment else f"{room}/{page}.html"
    return render(request, template, {**context, **frame(request, f"{urls}:{page}")}, status=status)


def frame(request: OrganizationRequest, url_name: str) -> dict[str, Any]:
    """Return what the frame of an operations page needs."""
    return {
        "ops_pages": operation_pages.pages(),
        "ops_page": url_name,
        "can_act": request.access.can(Permission.OPS_ACT),
    }
