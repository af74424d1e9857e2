"""The components page: every part in every state, for whoever builds or reviews a screen."""

from __future__ import annotations

from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from project.theme.specimens import specimens


def components(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Show all tokens and parts. The middleware has checked the membership; the page shows no data."""
    return render(request, "theme/components.html", specimens(timezone.now()))


#: Any member may look (the authorization matrix reads this; no right beyond membership is needed).
components.access_rule = "member"  # type: ignore[attr-defined]


@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: from the root, so that it may serve every page."""
    path = finders.find("js/worker.js")
    assert isinstance(path, str)
    response = HttpResponse(Path(path).read_text(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


#: Browsers fetch it like any script; it holds no data.
worker.access_rule = "public: a script"  # type: ignore[attr-defined]
