"""Platform staff: how webhooks of all organizations are, and replays over all of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from integrations import webhook_selectors
from integrations.services import rehearsals, replays
from integrations.views import rehearsed
from integrations.webhook_filters import Filter
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import superadmin_view


@superadmin_view
@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """Each organization: what waits, what died, which replays go on; and a form to replay in several of them."""
    context = {
        "rows": webhook_selectors.organizations(),
        "states": ("dead", "failed", "ignored", "processed"),
    }
    return render(request, "integrations/webhooks/platform.html", context)


@superadmin_view
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """What a replay in the chosen organizations would change, in each of them; rolled back."""
    try:
        criteria, chosen = _chosen(request)
    except Refused as error:
        return _refused(request, error)
    made = rehearsals.dry_run_everywhere(criteria=criteria, organization_ids=chosen)
    context = {
        "told": webhook_selectors.plainly(criteria),
        "rows": [
            {"organization": organization, **rehearsed.shown(found)} for organization, found in made.found
        ],
        "total": sum(found.total for _, found in made.found),
        "not_reached": made.not_reached,
        "fields": rehearsed.fields_of(criteria),
        "chosen": chosen,
    }
    return render(request, "integrations/webhooks/platform_preview.html", context)


@superadmin_view
@require_POST
def replay(request: HttpRequest) -> HttpResponse:
    """Replay what the filter takes in the chosen organizations."""
    user: Any = request.user
    try:
        criteria, chosen = _chosen(request)
        made = replays.request_everywhere(criteria=criteria, actor=user, organization_ids=chosen)
    except Refused as error:
        return _refused(request, error)
    deliveries = sum(run.total for run in made)
    told = f"{deliveries:,} deliveries are replayed in {len(made)} organizations."
    messages.success(request, told if made else "There was nothing to replay.")
    return redirect("webhooks_platform:webhooks")


def _chosen(request: HttpRequest) -> tuple[Filter, list[UUID]]:
    """Which deliveries, in which organizations. Raises ``Refused``."""
    chosen = [one for one in map(parse_uuid, request.POST.getlist("organizations")) if one is not None]
    names = ("state", "since", "until", "provider")
    criteria = Filter.parse({name: request.POST.get(name, "") for name in names})
    if criteria.is_empty or not chosen:
        raise Refused("Choose organizations, and a state or a time.", code="NOTHING_CHOSEN")
    return criteria, chosen


def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    messages.error(request, error.message)
    return redirect("webhooks_platform:webhooks")
