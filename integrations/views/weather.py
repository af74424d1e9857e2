"""Operations: provider weather."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from integrations import streams, weather_selectors
from integrations.views.frame import render_page
from project.tenancy.access import OrganizationRequest, Permission, organization_view


@require_GET
@organization_view(Permission.OPS_VIEW)
def weather(request: OrganizationRequest) -> HttpResponse:
    """How each connection is now, errors by account and kind over time, and how late things are."""
    given = request.GET.get("hours", "")
    hours = int(given) if given in {str(known) for known in weather_selectors.SPANS} else 24
    context = {
        "outlooks": weather_selectors.outlooks(request.access),
        "clusters": weather_selectors.clusters(request.access, hours=hours),
        "reliability": weather_selectors.reliability(request.access, hours=hours),
        "hours": hours,
        "spans": [(key, label) for key, (label, _seconds) in weather_selectors.SPANS.items()],
        "stream": streams.WEATHER,
    }
    return render_page(request, "weather", context)
