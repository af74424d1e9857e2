"""Operations: alerts, their rules, and where they are told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_POST

from integrations.views.frame import render_page
from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from reporting import alert_selectors, streams
from reporting.alert_rules import RULES
from reporting.models import AlertChannel, Severity
from reporting.services import alert_channels
from reporting.services import alerts as alert_service


def _page(request: OrganizationRequest, **more: Any) -> HttpResponse:
    context = {
        **alert_selectors.page(request.access),
        "stream": streams.ALERTS,
        "kinds": AlertChannel.Kind.choices,
        "severities": Severity.choices,
        "given": {},
        **more,
    }
    return render_page(
        request, "alerts", context, 422 if more.get("problem") else 200, room="reporting", urls="operations"
    )


def _after(request: OrganizationRequest) -> HttpResponse:
    if is_partial(request):
        return _page(request)
    return redirect_to(f"/o/{request.organization.slug}/ops/alerts/", request)


@require_GET
@organization_view(Permission.OPS_VIEW)
def alerts(request: OrganizationRequest) -> HttpResponse:
    """What is wrong now, what was, the rules and the channels."""
    return _page(request)


@require_POST
@organization_view(Permission.OPS_ACT)
def acknowledge(request: OrganizationRequest, alert_id: UUID) -> HttpResponse:
    """Say that one looks after it."""
    alert = get_or_404(alert_selectors.alerts(request.access), alert_id)
    alert_service.acknowledge(alert=alert, actor=request.access.user)
    return _after(request)


@require_POST
@organization_view(Permission.OPS_ACT, whole=True)
def set_rule(request: OrganizationRequest, kind: str) -> HttpResponse:
    """Switch a rule, or set what it measures by."""
    rule = RULES.get(kind)
    figures = {name: request.POST.get(name, "").strip() for name in ("threshold", "window_minutes")}
    if rule is None or any(
        value and not (value.isdecimal() and 1 <= int(value) <= 100_000) for value in figures.values()
    ):
        return _page(request, problem="A rule takes whole numbers from 1 to 100,000.")
    alert_service.set_rule(
        kind=kind,
        is_on=request.POST.get("is_on") == "1",
        actor=request.access.user,
        threshold=int(figures["threshold"]) if figures["threshold"] else None,
        window_minutes=int(figures["window_minutes"]) if figures["window_minutes"] else None,
    )
    return _after(request)


@require_POST
@organization_view(Permission.OPS_ACT, whole=True)
def add_channel(request: OrganizationRequest) -> HttpResponse:
    """Add a channel; a webhook's secret is shown once."""
    given = {name: request.POST.get(name, "") for name in ("kind", "name", "target", "min_severity")}
    try:
        channel = alert_channels.add(actor=request.access.user, **given)
    except Refused as error:
        return _page(request, problem=error.message, problem_field=error.field, given=given)
    secret = alert_channels.secret_of(channel)
    return _page(request, new_secret=secret) if secret else _after(request)


@require_POST
@organization_view(Permission.OPS_ACT, whole=True)
def remove_channel(request: OrganizationRequest, channel_id: UUID) -> HttpResponse:
    """Remove a channel."""
    channel = get_or_404(AlertChannel.objects.all(), channel_id)
    alert_channels.remove(channel=channel, actor=request.access.user)
    return _after(request)


@require_POST
@organization_view(Permission.OPS_ACT, whole=True)
def try_channel(request: OrganizationRequest, channel_id: UUID) -> HttpResponse:
    """Tell a channel something now."""
    channel = get_or_404(AlertChannel.objects.all(), channel_id)
    problem = alert_channels.try_out(channel=channel)
    if not is_partial(request):
        messages.success(request, f"{channel} took the test.") if not problem else messages.error(
            request, problem
        )
    return _after(request)
