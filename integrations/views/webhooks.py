"""Operations: webhooks. Deliveries with filters, dry runs and replays, endpoints."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from integrations import registry, selectors, streams, webhook_selectors
from integrations.base import Capability
from integrations.errors import ProviderError
from integrations.models import ReplayRun, WebhookDelivery
from integrations.services import hygiene, rehearsals, replays
from integrations.services.webhook_passes import GOES_ON
from integrations.views import rehearsed
from integrations.views.frame import frame
from integrations.webhook_filters import Filter, is_replayable
from project.core.htmx import is_partial, redirect_to
from project.core.pagination import InvalidCursor
from project.core.refusals import Refused
from project.tenancy.access import Access, OrganizationRequest, Permission, get_or_404, organization_view

_FILTERS = (
    "provider", "connection_id", "sender_id", "client_id", "event_type", "state", "since", "until", "text", "reason",
)  # fmt: skip


def _page(
    request: OrganizationRequest, name: str, context: dict[str, Any], *, tab: str, status: int = 200
) -> HttpResponse:
    fragment = is_partial(request) and not request.GET.get("cursor")
    template = f"integrations/webhooks/_{name}.html" if fragment else f"integrations/webhooks/{name}.html"
    return render(request, template, {**context, **_frame(request, tab)}, status=status)


def _frame(request: OrganizationRequest, tab: str) -> dict[str, Any]:
    return {
        **frame(request, "integrations:webhooks"),
        "webhooks_tab": tab,
        "stream": streams.WEBHOOKS,
    }


def _filter(given: QueryDict) -> Filter:
    values: dict[str, Any] = {name: given.get(name, "") for name in _FILTERS}
    return Filter.parse({**values, "ids": given.getlist("ids")})


def _query(criteria: Filter, **more: str) -> str:
    """The filter as the query of an address."""
    made = QueryDict(mutable=True)
    for name, value in {**criteria.as_json(), **more}.items():
        made.setlist(name, value if isinstance(value, list) else [value])
    return made.urlencode()


# --- deliveries -------------------------------------------------------------------------------------


@require_GET
@organization_view(Permission.OPS_VIEW)
def webhooks(request: OrganizationRequest) -> HttpResponse:
    """The deliveries that the filter takes, newest first, with what became of them."""
    problem, criteria = "", Filter()
    try:
        criteria = _filter(request.GET)
    except Refused as error:
        problem = error.message
    try:
        page = webhook_selectors.deliveries(request.access, criteria, request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    next_url = f"?{_query(criteria, cursor=page.next_cursor)}" if page.next_cursor else ""
    context: dict[str, Any] = {
        **_frame(request, "deliveries"),
        "rows": page.items,
        "next_url": next_url,
        "more": bool(request.GET.get("cursor")),
    }
    if is_partial(request) and request.GET.get("cursor"):
        return render(request, "integrations/webhooks/_rows.html", context)
    context |= {
        "criteria": criteria,
        "typed": {name: request.GET.get(name, "") for name in _FILTERS},
        "query": _query(criteria),
        "told": webhook_selectors.in_words(criteria, request.access),
        "is_filtered": not criteria.is_empty,
        "narrowed": any(
            request.GET.get(name) for name in _FILTERS if name not in {"state", "provider", "text"}
        ),
        "problem": problem,
        "figures": webhook_selectors.figures(request.access),
        "choices": _choices(request.access),
        "groups": webhook_selectors.dead_letters(request.access) if criteria.state == "dead" else [],
    }
    return _page(request, "deliveries", context, tab="deliveries", status=400 if problem else 200)


def _choices(access: Access) -> dict[str, list[tuple[Any, str]]]:
    """What the filters offer."""
    told = [one for one in registry.providers() if Capability.RECEIVES_WEBHOOKS in one.capabilities]
    connections = [row for row in selectors.connections(access) if row.provider in {one.kind for one in told}]
    return {
        "states": list(WebhookDelivery.State.choices),
        "providers": [(one.kind, one.label) for one in told],
        "connections": [(row.id, row.name) for row in connections],
        "senders": [(row.id, row.name) for row in selectors.senders(access)],
        "clients": [
            (row.id, row.name) for row in access.clients().filter(is_archived=False).order_by("name")
        ],
    }


@require_GET
@organization_view(Permission.OPS_VIEW)
def webhook(request: OrganizationRequest, delivery_id: UUID) -> HttpResponse:
    """One delivery: raw payload, headers, attempts, the facts it told, what it changed."""
    delivery = webhook_selectors.visible_delivery(request.access, delivery_id)
    if delivery is None:
        raise Http404("There is no such delivery, or it is not yours to see.")
    outcomes = [entry.get("outcome", {}) for entry in delivery.outcome]
    connection = (
        selectors.visible_connection(request.access, delivery.connection_id)
        if delivery.connection_id
        else None
    )
    context = {
        "delivery": delivery,
        "label": registry.label_of(delivery.provider),
        "connection": connection,
        "payload": webhook_selectors.payload_text(delivery, connection),
        "events": webhook_selectors.events_of(delivery),
        "replay": webhook_selectors.replay_of(delivery),
        "replayable": is_replayable(delivery),
        "lead_ids": _distinct(one.get("lead_id", "") for one in outcomes),
        "conversation_ids": _distinct(one.get("conversation_id", "") for one in outcomes),
    }
    return _page(request, "delivery", context, tab="deliveries")


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))[:5]


# --- replays ----------------------------------------------------------------------------------------


@require_POST
@organization_view(Permission.OPS_ACT)
def preview(request: OrganizationRequest) -> HttpResponse:
    """What a replay of the selection or the filter would change."""
    try:
        criteria = _filter(request.POST)
    except Refused as error:
        return _refused(request, error)
    found = rehearsals.dry_run(criteria=criteria, client_ids=request.access.client_ids)
    context = {
        **rehearsed.shown(found),
        "told": webhook_selectors.in_words(criteria, request.access),
        "fields": rehearsed.fields_of(criteria),
    }
    return _page(request, "preview", context, tab="deliveries")


@require_POST
@organization_view(Permission.OPS_ACT)
def replay(request: OrganizationRequest) -> HttpResponse:
    """Replay the selection or the filter."""
    access = request.access
    try:
        criteria = _filter(request.POST)
        if criteria.is_empty and request.POST.get("all") != "1":
            raise Refused("Pick deliveries, or filter them first.", code="NOTHING_CHOSEN")
        run = replays.request(criteria=criteria, actor=access.user, client_ids=access.client_ids)
    except Refused as error:
        return _refused(request, error)
    if is_partial(request):
        return _shown(request, run.id)
    return redirect_to(_address(request, "webhook_replay", replay_id=run.id), request)


def _refused(request: OrganizationRequest, error: Refused) -> HttpResponse:
    return _page(request, "refused", {"problem": error.message}, tab="deliveries", status=error.status)


def _address(request: OrganizationRequest, name: str, **values: Any) -> str:
    return reverse(f"integrations:{name}", kwargs={"organization_slug": request.organization.slug, **values})


@require_GET
@organization_view(Permission.OPS_VIEW)
def replay_list(request: OrganizationRequest) -> HttpResponse:
    """Replays, newest first, with their progress."""
    try:
        page = webhook_selectors.replays(request.access, request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        "runs": _told(page.items, request.access),
        "next_url": f"?cursor={page.next_cursor}" if page.next_cursor else "",
    }
    return _page(request, "replays", context, tab="replays")


def _told(runs: list[ReplayRun], access: Access) -> list[dict[str, Any]]:
    told = webhook_selectors.all_in_words([Filter.parse(run.criteria) for run in runs], access)
    return [{"run": run, "told": words} for run, words in zip(runs, told, strict=True)]


@require_GET
@organization_view(Permission.OPS_VIEW)
def webhook_replay(request: OrganizationRequest, replay_id: UUID) -> HttpResponse:
    """One replay and how far it is, live."""
    return _shown(request, replay_id)


def _shown(request: OrganizationRequest, replay_id: UUID) -> HttpResponse:
    run = get_or_404(webhook_selectors.replay_runs(request.access), replay_id)
    return _page(request, "replay", _told([run], request.access)[0], tab="replays")


@require_POST
@organization_view(Permission.OPS_ACT)
def cancel_replay(request: OrganizationRequest, replay_id: UUID) -> HttpResponse:
    """Stop a replay after its current delivery; what is done stays."""
    run = get_or_404(webhook_selectors.replay_runs(request.access), replay_id)
    replays.cancel(run=run, actor=request.access.user)
    if is_partial(request):
        return _shown(request, run.id)
    return redirect_to(_address(request, "webhook_replay", replay_id=run.id), request)


# --- endpoints --------------------------------------------------------------------------------------


@require_GET
@organization_view(Permission.OPS_VIEW)
def endpoints(request: OrganizationRequest) -> HttpResponse:
    """Each connection: whether what is registered at the provider is right, and whether calls come in."""
    return _endpoints(request)


def _endpoints(
    request: OrganizationRequest, *, done: str = "", problem: str = "", status: int = 200
) -> HttpResponse:
    context = {"rows": webhook_selectors.endpoints(request.access), "done": done, "problem": problem}
    return _page(request, "endpoints", context, tab="endpoints", status=status)


@require_POST
@organization_view(Permission.OPS_ACT)
def check_endpoint(request: OrganizationRequest, connection_id: UUID) -> HttpResponse:
    """Look at what is registered at the provider now; with ``mend`` in the form, mend it too."""
    connection = selectors.visible_connection(request.access, connection_id)
    if connection is None:
        raise Http404("There is no such connection, or it is not yours to see.")
    if not hygiene.is_managed(connection):
        return _endpoints(
            request, problem=f"{connection}: webhooks of this provider are registered by hand.", status=409
        )
    if "mend" not in request.POST:
        checked = hygiene.check(connection=connection)
        if connection.webhooks_pass:
            return _endpoints(request, done=f"{connection}: {GOES_ON}")
        told = "everything is as it has to be" if checked.is_right else "see below"
        return _endpoints(request, done=f"{connection}: looked at, {told}.")
    try:
        mended = hygiene.mend(connection=connection, actor=request.access.user)
    except ProviderError as error:
        return _endpoints(request, problem=f"{connection}: {error.message}", status=409)
    if mended is None:
        return _endpoints(request, done=f"{connection}: {GOES_ON}")
    if not mended:
        return _endpoints(request, done=f"{connection}: nothing had to be mended.")
    was = " ".join(one.message for one in mended)
    return _endpoints(request, done=f"{connection} is mended. It was: {was}")
