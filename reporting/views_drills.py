"""Operations: the drills, and what they have measured."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from integrations.views.frame import render_page
from project.tenancy.access import OrganizationRequest, Permission, organization_view
from reporting.drills.catalogue import DRILLS
from reporting.models import DrillRun

SHOWN = 100


@require_GET
@organization_view(Permission.OPS_VIEW)
def drills(request: OrganizationRequest) -> HttpResponse:
    """Each drill with its last score, and all runs, newest first."""
    runs = list(DrillRun.objects.order_by("-started_at", "-id")[:SHOWN])
    last = {run.name: run for run in reversed(runs)}
    rows = [{"drill": drill, "last": last.get(drill.name)} for drill in DRILLS.values()]
    return render_page(request, "drills", {"rows": rows, "runs": runs}, room="reporting", urls="operations")
