"""The components page: every part in every state, for whoever builds or reviews a screen."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from project.theme.specimens import specimens


def components(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Show all tokens and parts. The middleware has checked the membership; the page shows no data."""
    return render(request, "theme/components.html", specimens(timezone.now()))


#: Any member may look (the authorization matrix reads this; no right beyond membership is needed).
components.access_rule = "member"  # type: ignore[attr-defined]
