"""Webhooks in the JSON API: deliveries, dead letters, replays and their dry runs, endpoints."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query, Router, Status

from integrations import api_rows, webhook_selectors
from integrations import api_webhook_schemas as shapes
from integrations.api_schemas import DeliveryDetailOut, DeliveryOut
from integrations.models import ReplayRun
from integrations.services import hygiene, rehearsals, replays
from project.core.api_pages import PageIn, PageOut, page_of
from project.core.refusals import Refused
from project.tenancy.access import Access, Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule, api_superadmin

router = Router()


@router.get("/webhook-deliveries", response=PageOut[DeliveryOut], tags=["Webhooks"])
@api_rule(Permission.OPS_VIEW)
def list_deliveries(request: ApiRequest, page: Query[PageIn], criteria: Query[shapes.FilterIn]) -> Any:
    """Webhook calls, newest first."""
    rows = criteria.filter().rows(request.access.client_ids)
    return page_of(rows.defer("body", "headers"), page, order=("-received_at", "-id"))


@router.get("/webhook-deliveries/{delivery_id}", response=DeliveryDetailOut, tags=["Webhooks"])
@api_rule(Permission.OPS_VIEW)
def get_delivery(request: ApiRequest, delivery_id: UUID) -> Any:
    """One webhook call as it came in (secrets masked), and what became of it."""
    row = get_or_404(api_rows.deliveries(request.access), delivery_id)
    shown = DeliveryOut.from_orm(row).model_dump()
    body = webhook_selectors.body_shown(row)
    return {**shown, "headers": row.headers, "body": body, "payload_hash": row.payload_hash}


@router.get("/webhook-dead-letters", response=list[shapes.DeadLettersOut], tags=["Webhooks"])
@api_rule(Permission.OPS_VIEW)
def dead_letters(request: ApiRequest) -> Any:
    """Calls that failed for good, by reason. Replay a group with its ``provider``, ``event_type`` and ``why``."""
    return webhook_selectors.dead_letters(request.access)


@router.post("/webhook-replays/dry-run", response=shapes.DryRunOut, tags=["Webhooks"])
@api_rule(Permission.OPS_ACT)
def dry_run(request: ApiRequest, payload: shapes.DryRunIn) -> Any:
    """What a replay would change, found out in a transaction that is rolled back."""
    found = rehearsals.dry_run(
        criteria=payload.filter(), client_ids=request.access.client_ids, limit=payload.limit
    )
    return found.as_json()


@router.post("/webhook-replays", response={202: shapes.ReplayOut}, tags=["Webhooks"])
@api_rule(Permission.OPS_ACT)
def replay(request: ApiRequest, payload: shapes.ReplayIn) -> Any:
    """Apply stored calls once more, in the order in which they came in. What is known already changes nothing."""
    access = request.access
    made = replays.request(criteria=payload.filter(), actor=access.user, client_ids=access.client_ids)
    return Status(202, made)


@router.get("/webhook-replays", response=PageOut[shapes.ReplayOut], tags=["Webhooks"])
@api_rule(Permission.OPS_VIEW)
def list_replays(request: ApiRequest, page: Query[PageIn]) -> Any:
    """Replays, newest first."""
    return page_of(webhook_selectors.replay_runs(request.access), page, order=("-created_at", "-id"))


@router.get("/webhook-replays/{replay_id}", response=shapes.ReplayOut, tags=["Webhooks"])
@api_rule(Permission.OPS_VIEW)
def get_replay(request: ApiRequest, replay_id: UUID) -> Any:
    """One replay and how far it is."""
    return _run(request.access, replay_id)


@router.post("/webhook-replays/{replay_id}/cancel", response=shapes.ReplayOut, tags=["Webhooks"])
@api_rule(Permission.OPS_ACT)
def cancel_replay(request: ApiRequest, replay_id: UUID) -> Any:
    """Stop a replay: a waiting one at once, a running one after its delivery. What is done stays."""
    run = _run(request.access, replay_id)
    if not replays.cancel(run=run, actor=request.access.user):
        raise Refused("This replay has ended.", code="REPLAY_ENDED")
    return _run(request.access, replay_id)


def _run(access: Access, replay_id: UUID) -> ReplayRun:
    found: ReplayRun = get_or_404(webhook_selectors.replay_runs(access), replay_id)
    return found


@router.get("/analytics/webhook-health", response=list[shapes.EndpointOut], tags=["Webhooks"])
@api_rule(Permission.OPS_VIEW)
def webhook_health(request: ApiRequest) -> Any:
    """Each connection: whether what is registered at the provider is right, and whether calls come in."""
    return [_endpoint(one) for one in webhook_selectors.endpoints(request.access)]


@router.post("/connections/{connection_id}/webhooks/check", response=shapes.EndpointOut, tags=["Webhooks"])
@api_rule(Permission.OPS_ACT)
def check_endpoint(request: ApiRequest, connection_id: UUID) -> Any:
    """Look at what is registered at the provider now, and keep what is wrong."""
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    if not hygiene.is_managed(connection):
        raise Refused("Webhooks of this provider are registered by hand.", code="NOT_MANAGED")
    hygiene.check(connection=connection)
    found = webhook_selectors.endpoints(request.access)
    return next(_endpoint(one) for one in found if one.connection.id == connection.id)


def _endpoint(one: webhook_selectors.Endpoint) -> dict[str, Any]:
    connection = one.connection
    return {
        "connection_id": connection.id,
        "name": connection.name,
        "provider": connection.provider,
        "url": one.url,
        "status": one.status,
        "problems": list(one.problems),
        "error": one.error,
        "checked_at": connection.webhooks_checked_at,
        "last_webhook_at": connection.last_webhook_at,
        "silent_senders": [sender.name for sender in one.silent],
        "dead": one.dead,
        "refused": connection.refused_webhooks,
        "limited": connection.limited_webhooks,
        "last_limited_at": connection.last_limited_at,
        "per_minute_limit": one.per_minute_limit,
        "under_way": connection.webhooks_pass or None,
    }


# --- platform staff ---------------------------------------------------------------------------------


@router.post("/platform/webhook-replays/dry-run", response=shapes.PlatformDryRunOut, tags=["Platform"])
@api_superadmin
def dry_run_everywhere(request: ApiRequest, payload: shapes.PlatformDryRunIn) -> Any:
    """What a replay over organizations would change in each of them, rolled back, for platform staff."""
    made = rehearsals.dry_run_everywhere(
        criteria=payload.filter(), organization_ids=payload.organization_ids, limit=payload.limit
    )
    return {
        "organizations": [
            {"organization_id": one.id, "organization": one.slug, **found.as_json()}
            for one, found in made.found
        ],
        "not_reached": [one.id for one in made.not_reached],
    }


@router.post("/platform/webhook-replays", response={202: list[shapes.PlatformReplayOut]}, tags=["Platform"])
@api_superadmin
def replay_everywhere(request: ApiRequest, payload: shapes.PlatformReplayIn) -> Any:
    """Replay in every organization that has something to replay, for platform staff."""
    made = replays.request_everywhere(
        criteria=payload.filter(), actor=request.caller.user, organization_ids=payload.organization_ids
    )
    return Status(202, made)
