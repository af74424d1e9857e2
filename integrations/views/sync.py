"""Operations: how fresh accounts are, runs, back-fills of a window, and the zero-drop ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from integrations import selectors, streams, sync_selectors
from integrations.errors import ProviderError
from integrations.models import LedgerIncident, SenderAccount, SyncRun
from integrations.services import healing, rates
from integrations.services import sync as sync_service
from integrations.views.frame import render_page
from project.core.clock import now
from project.core.htmx import is_partial, redirect_to
from project.core.pagination import InvalidCursor
from project.core.refusals import Invalid, Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view

NOTHING_TO_COUNT = (
    "No account is free whose provider lists what there was; try again when what runs has ended."
)
BUSY = "Something of this account is being read already; try again when it has ended."


def _health(request: OrganizationRequest, **context: Any) -> HttpResponse:
    shown = sync_selectors.sync_page(request.access)
    return render_page(request, "sync", {**shown, "stream": streams.SYNC, **context})


@require_GET
@organization_view(Permission.OPS_VIEW)
def health(request: OrganizationRequest) -> HttpResponse:
    """Each account: fresh or not, how late, what is going on, the last error and the next try."""
    return _health(request)


@require_POST
@organization_view(Permission.OPS_ACT)
def start_stale(request: OrganizationRequest) -> HttpResponse:
    """Read every account that is not up to date now."""
    for row in sync_selectors.sync_page(request.access)["rows"]:
        if row["tone"] != "ok" and row["can_sync"] and row["run"] is None:
            sync_service.request(
                sender=row["sender"], resource="messages", trigger="person", actor=request.access.user
            )
    return _back(request, None)


def _sender(request: OrganizationRequest, sender_id: UUID) -> SenderAccount:
    found = selectors.visible_sender(request.access, sender_id)
    if found is None:
        raise Http404("There is no such account, or it is not yours to see.")
    return found


@require_GET
@organization_view(Permission.OPS_VIEW)
def account(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """One account: how far it is read, its runs and its ledger, and what can be asked for."""
    return _account(request, _sender(request, sender_id))


def _account(
    request: OrganizationRequest, sender: SenderAccount, *, status: int = 200, **context: Any
) -> HttpResponse:
    shown = sync_selectors.account_page(sender)
    context = {**shown, "stream": streams.SYNC, "today": shown["until"], **context}
    return render_page(request, "sync_account", context, status=status)


@require_POST
@organization_view(Permission.OPS_ACT)
def start(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Read something of one account now: messages, connections, ids of chats, or the count of a day."""
    sender = _sender(request, sender_id)
    resource, actor = request.POST.get("resource", "messages"), request.access.user
    try:
        if resource == sync_service.LEDGER:
            day = _day(request.POST.get("day", ""), "day")
            run = healing.count(sender=sender, day=day, trigger="person", actor=actor)
        else:
            run = sync_service.request(sender=sender, resource=resource, trigger="person", actor=actor)
    except Refused as error:
        return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")
    return _back(request, sender if request.POST.get("back") == "account" else None, busy=run is None)


def _back(request: OrganizationRequest, sender: SenderAccount | None, *, busy: bool = False) -> HttpResponse:
    problem = BUSY if busy else ""
    if not is_partial(request):
        rest = f"{sender.id}/" if sender else ""
        return redirect_to(f"/o/{request.organization.slug}/ops/sync/{rest}", request)
    return _account(request, sender, problem=problem) if sender else _health(request, problem=problem)


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("Say the day as YYYY-MM-DD.", field=field) from error


@require_POST
@organization_view(Permission.OPS_ACT)
def window(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Back-fill the messages of some days (UTC): count first, then read."""
    sender = _sender(request, sender_id)
    asked: dict[str, Any] = {"since": request.POST.get("since", ""), "until": request.POST.get("until", "")}
    try:
        since, until = _window(asked)
        if request.POST.get("act") != "fill":
            found = healing.preview(sender=sender, since=since, until=until)
            return _fill(request, sender, preview=found, **asked)
        run = sync_service.request(
            sender=sender,
            resource=sync_service.HISTORY,
            trigger="person",
            actor=request.access.user,
            since=since,
            until=until,
            expected=_number(request.POST.get("expected", "")),
        )
    except Refused as error:
        return _fill(request, sender, status=error.status, refusal=error.message, **asked)
    except ProviderError as error:
        status = 503 if error.transient else 502
        return _fill(request, sender, status=status, refusal=error.message, **asked)
    if run is None:
        return _fill(request, sender, status=409, refusal=BUSY, **asked)
    if not is_partial(request):
        return redirect_to(f"/o/{request.organization.slug}/ops/sync/{sender.id}/", request)
    return _fill(request, sender, started=True, **asked)


def _window(asked: dict[str, Any]) -> tuple[datetime, datetime]:
    """The chosen days (UTC), the last one included. Raises ``Invalid``."""
    since = datetime.combine(_day(asked["since"], "since"), time(), UTC)
    return since, datetime.combine(_day(asked["until"], "until"), time(), UTC) + timedelta(days=1)


@require_POST
@organization_view(Permission.OPS_ACT)
def usage(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Raise the account's daily use of its limits to what is known to have left on some days."""
    sender = _sender(request, sender_id)
    asked: dict[str, Any] = {"since": request.POST.get("since", ""), "until": request.POST.get("until", "")}
    told: dict[str, Any] = {}
    status = 200
    try:
        since, until = _window(asked)
        sync_service.check_window(since, until)
        told["raised"] = rates.backfill(sender=sender, since=since, until=until)
    except Refused as error:
        told["usage_refusal"], status = error.message, error.status
    context = {"sender": sender, "today": now().date().isoformat(), **asked, **told}
    if is_partial(request):
        return render(request, "integrations/_usage_fill.html", context, status=status)
    return _account(request, sender, status=status, **asked, **told)


def _number(text: str) -> int | None:
    return min(int(text), 2**31 - 1) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _fill(
    request: OrganizationRequest, sender: SenderAccount, *, status: int = 200, **context: Any
) -> HttpResponse:
    """The form for a window with what was said about it; the whole page where only that can be shown."""
    shown = {"sender": sender, "today": now().date().isoformat(), **context}
    if is_partial(request):
        return render(request, "integrations/_sync_fill.html", shown, status=status)
    return _account(request, sender, status=status, **context)


@require_POST
@organization_view(Permission.OPS_ACT)
def cancel(request: OrganizationRequest, run_id: UUID) -> HttpResponse:
    """Stop a run after its current page."""
    run = SyncRun.objects.filter(id=run_id).select_related("sender__client", "sender__connection").first()
    if run is None or not request.access.sees_client(run.sender.client_id):
        raise Http404("There is no such run, or it is not yours to see.")
    sync_service.cancel(run=run, actor=request.access.user)
    return _back(request, run.sender if request.POST.get("back") == "account" else None)


@require_GET
@organization_view(Permission.OPS_VIEW)
def ledger(request: OrganizationRequest) -> HttpResponse:
    """For each account and day: what the provider lists, what is stored here, and where it is."""
    return _ledger(request)


def _ledger(request: OrganizationRequest, **context: Any) -> HttpResponse:
    differing = request.GET.get("differing") == "1"
    try:
        shown = sync_selectors.ledger_page(
            request.access, differing=differing, cursor=request.GET.get("cursor")
        )
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    cursor = shown["next_cursor"]
    shown["next_url"] = f"?differing={int(differing)}&cursor={cursor}" if cursor else ""
    shown["can_act"] = request.access.can(Permission.OPS_ACT)
    if is_partial(request) and request.GET.get("cursor"):
        return render(request, "integrations/_ledger_rows.html", shown)
    return render_page(request, "ledger", {**shown, "stream": streams.SYNC, **context})


@require_POST
@organization_view(Permission.OPS_ACT)
def count_today(request: OrganizationRequest) -> HttpResponse:
    """Count the day so far of every account whose provider lists what there was."""
    senders = selectors.senders(request.access)
    counted = healing.count_all(senders=senders, day=now().astimezone(UTC).date(), actor=request.access.user)
    if not is_partial(request):
        return redirect_to(f"/o/{request.organization.slug}/ops/ledger/", request)
    return _ledger(request, problem="" if counted else NOTHING_TO_COUNT)


@require_POST
@organization_view(Permission.OPS_ACT)
def heal(request: OrganizationRequest, incident_id: UUID) -> HttpResponse:
    """Back-fill the day of an incident and count it again."""
    rows = sync_selectors.incidents(request.access).filter(id=incident_id)
    incident: LedgerIncident | None = rows.first()
    if incident is None:
        raise Http404("There is no such incident, or it is not yours to see.")
    run = None
    if incident.state == LedgerIncident.State.OPEN:
        try:
            run = healing.heal(incident=incident, actor=request.access.user)
        except Refused as error:
            return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")
    busy = run is None and incident.state == LedgerIncident.State.OPEN
    back = request.POST.get("back", "")
    if back == "ledger":
        if is_partial(request):
            return _ledger(request, problem=BUSY if busy else "")
        return redirect_to(f"/o/{request.organization.slug}/ops/ledger/", request)
    return _back(request, incident.sender if back == "account" else None, busy=busy)
