"""Pages of platform staff: metric snapshots and their sink."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from project.core.refusals import Refused
from project.tenancy.access import superadmin_view
from reporting.models import MetricSink, MetricSnapshot
from reporting.queue_selectors import queue_ages
from reporting.services import snapshots

SHOWN = 50


def _page(request: HttpRequest, **more: Any) -> HttpResponse:
    context = {
        "sink": MetricSink.objects.first(),
        "rows": MetricSnapshot.objects.order_by("-taken_at", "-id")[:SHOWN],
        "waiting": MetricSnapshot.objects.filter(exported_at=None).count(),
        "contract": snapshots.CONTRACT,
        "queues": queue_ages(),
        **more,
    }
    return render(
        request, "reporting/platform_metrics.html", context, status=422 if "problem" in more else 200
    )


@superadmin_view
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Snapshots, newest first, and where they are sent."""
    return _page(request)


@superadmin_view
@require_POST
def flush(request: HttpRequest) -> HttpResponse:
    """Take a snapshot now."""
    snapshots.take(reason="flush")
    messages.success(request, "A snapshot was taken.")
    return redirect("platform-metrics:metrics")


@superadmin_view
@require_POST
def set_sink(request: HttpRequest) -> HttpResponse:
    """Set where snapshots are sent."""
    seconds = request.POST.get("timeout_seconds", "").strip()
    bearer = request.POST.get("bearer", "")
    try:
        snapshots.set_sink(
            url=request.POST.get("url", ""),
            bearer=bearer or ("" if request.POST.get("forget") else None),
            timeout_seconds=int(seconds) if seconds.isdecimal() else 0,
            is_on=request.POST.get("is_on") == "1",
        )
    except Refused as error:
        given = {"url": request.POST.get("url", ""), "timeout_seconds": seconds}
        return _page(request, problem=error.message, problem_field=error.field, given=given)
    messages.success(request, "Snapshots are sent there from now on.")
    return redirect("platform-metrics:metrics")
