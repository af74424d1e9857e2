"""Platform staff: how webhooks of all organizations are, and replays over all of them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from integrations import webhook_selectors
from integrations.services import replays
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
def replay(request: HttpRequest) -> HttpResponse:
    """Replay what the filter takes in the chosen organizations."""
    user: Any = request.user
    chosen = [one for one in map(parse_uuid, request.POST.getlist("organizations")) if one is not None]
    names = ("state", "since", "until", "provider")
    try:
        criteria = Filter.parse({name: request.POST.get(name, "") for name in names})
        if criteria.is_empty or not chosen:
            raise Refused("Choose organizations, and a state or a time.", code="NOTHING_CHOSEN")
        made = replays.request_everywhere(criteria=criteria, actor=user, organization_ids=chosen)
    except Refused as error:
        messages.error(request, error.message)
    else:
        deliveries = sum(run.total for run in made)
        told = f"{deliveries:,} deliveries are replayed in {len(made)} organizations."
        messages.success(request, told if made else "There was nothing to replay.")
    return redirect("webhooks_platform:webhooks")
