"""The import of leads: upload, map, preview, run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns import selectors, selectors_lead_acts, streams
from campaigns.forms import UploadForm, mapping_of
from campaigns.imports.mapping import FIELDS, suggest
from campaigns.models import LeadImport
from campaigns.services import addresses, import_errors, lead_acts
from campaigns.services import imports as service
from campaigns.views.lookups import import_or_404
from integrations import registry
from project.core.csv_safety import csv_line
from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Refused
from project.core.scoping import organization_scope
from project.tenancy.access import OrganizationRequest, Permission, organization_view

_KINDS = (
    ("create", "Create", "accent-text"),
    ("update", "Update", "info"),
    ("duplicate", "Duplicate", "mute"),
    ("suppressed", "Suppressed", "warn"),
    ("invalid", "Invalid", "bad"),
)


@require_http_methods(["GET", "POST"])
@organization_view(Permission.LEADS_EDIT)
def imports(request: OrganizationRequest) -> HttpResponse:
    """Upload a file; below, the imports so far."""
    form = UploadForm(request.POST or None, request.FILES or None, access=request.access)
    refusal = ""
    if request.method == "POST" and form.is_valid():
        try:
            made = service.upload(
                client=form.cleaned_data["client"],
                actor=request.access.user,
                upload=form.cleaned_data["file"],
            )
        except service.ImportRefused as error:
            refusal = str(error)
        else:
            return redirect_to(_url(request, made), request)
    context = {"form": form, "refusal": refusal, "imports": selectors.import_list(request.access)}
    status = 422 if request.method == "POST" else 200
    return render(request, "campaigns/imports.html", context, status=status)


def _url(request: OrganizationRequest, made: LeadImport) -> str:
    kwargs = {"organization_slug": request.organization.slug, "import_id": made.id}
    return reverse("campaigns:import", kwargs=kwargs)


def _context(lead_import: LeadImport, **more: Any) -> dict[str, Any]:
    counts = lead_import.counts
    order = {"uploaded": 1, "previewing": 2, "previewed": 2, "running": 3, "done": 3}
    reached = order.get(lead_import.state, 2 if lead_import.counts else 1)
    return {
        "lead_import": lead_import,
        "columns": [
            {
                "index": index,
                "header": header,
                "chosen": lead_import.mapping.get(str(index), "skip"),
                "example": _example(lead_import, index),
            }
            for index, header in enumerate(lead_import.headers)
        ],
        "is_remembered": lead_import.state == LeadImport.State.UPLOADED
        and lead_import.mapping != suggest(lead_import.headers),
        "fields": FIELDS.items(),
        "paid_by": _paid_by(lead_import),
        "most_paid": service.MOST_PAID,
        "kinds": _kinds(counts),
        "is_counted": any(counts.get(key) for key, _, _ in _KINDS),
        "is_mappable": service.is_mappable(lead_import),
        "is_file_gone": service.is_file_gone(lead_import),
        "gaps": _gaps(counts),
        "good": counts.get("create", 0) + counts.get("update", 0),
        "bad": counts.get("duplicate", 0) + counts.get("suppressed", 0) + counts.get("invalid", 0),
        "errors": selectors.import_errors(lead_import, 20),
        "stream": streams.lead_import(lead_import.id),
        "undoing": selectors_lead_acts.act_shown(lead_import.undo_act, names=True)
        if lead_import.undo_act and lead_import.undone_at
        else None,
        "can_undo": lead_import.undone_at is None
        and lead_import.state in {"done", "cancelled", "failed"}
        and bool(counts.get("create") or counts.get("update")),
        "is_working": lead_import.state in {"previewing", "running"},
        "steps": [
            {
                "label": label,
                "state": "done" if number < reached else "current" if number == reached else "todo",
            }
            for number, label in enumerate(("Upload", "Map", "Preview", "Run"))
        ],
        **more,
    }


def _paid_by(lead_import: LeadImport) -> str:
    """The name of the service that checks addresses for money, where columns are chosen and the client has one."""
    if not service.is_mappable(lead_import):
        return ""
    if "email" not in lead_import.mapping.values():
        return ""
    found = addresses.validating_connection(lead_import.client_id)
    return registry.get(found.provider).label if found else ""


def _gaps(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Variables that people of the file lack, the most frequent first."""
    found = [(key.removeprefix("gap:"), count) for key, count in counts.items() if key.startswith("gap:")]
    return sorted(found, key=lambda gap: (-gap[1], gap[0]))[:12]


def _kinds(counts: dict[str, int]) -> list[dict[str, Any]]:
    """What happens to how many rows; ``start`` and ``width`` place each on one bar, in percent."""
    total = sum(counts.get(key, 0) for key, _, _ in _KINDS)
    made: list[dict[str, Any]] = []
    before = 0
    for key, label, tone in _KINDS:
        count = counts.get(key, 0)
        start, width = (round(100 * share / total, 2) if total else 0 for share in (before, count))
        made.append(
            {"key": key, "label": label, "tone": tone, "count": count, "total": total}
            | {"start": start, "width": width}
        )
        before += count
    return made


def _example(lead_import: LeadImport, index: int) -> str:
    return next((row["values"][index] for row in lead_import.sample if index < len(row["values"])), "")


@require_GET
@organization_view(Permission.LEADS_EDIT)
def lead_import(request: OrganizationRequest, import_id: UUID) -> HttpResponse:
    """One import, at whatever step it is; live while it works."""
    found = import_or_404(request.access, import_id)
    template = "campaigns/_import.html" if is_partial(request) else "campaigns/import.html"
    return render(request, template, _context(found))


def _act(request: OrganizationRequest, found: LeadImport, problem: str = "") -> HttpResponse:
    if not is_partial(request) and not problem:
        return redirect_to(_url(request, found), request)
    fresh = import_or_404(request.access, found.id)
    context = _context(fresh, problem=problem)
    return render(request, "campaigns/_import.html", context, status=422 if problem else 200)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def mapping(request: OrganizationRequest, import_id: UUID) -> HttpResponse:
    """Choose what each column means and check all rows."""
    found = import_or_404(request.access, import_id)
    chosen = mapping_of(request.POST, found.headers)
    try:
        paid = request.POST.get("paid_checks", "")
        service.set_mapping(
            lead_import=found,
            mapping=chosen,
            actor=request.access.user,
            overwrites=request.POST.get("overwrites") == "1",
            paid_checks=int(paid) if paid.isascii() and paid.isdigit() and len(paid) < 9 else 0,
        )
    except service.ImportRefused as error:
        return _act(request, found, str(error))
    return _act(request, found)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def run(request: OrganizationRequest, import_id: UUID) -> HttpResponse:
    """Import the good rows."""
    found = import_or_404(request.access, import_id)
    try:
        service.confirm(lead_import=found, actor=request.access.user)
    except service.ImportRefused as error:
        return _act(request, found, str(error))
    return _act(request, found)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def cancel(request: OrganizationRequest, import_id: UUID) -> HttpResponse:
    """Stop after the current rows."""
    found = import_or_404(request.access, import_id)
    service.cancel(lead_import=found, actor=request.access.user)
    return _act(request, found)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def undo(request: OrganizationRequest, import_id: UUID) -> HttpResponse:
    """Take the import back, keeping those who have replied."""
    found = import_or_404(request.access, import_id)
    try:
        lead_acts.undo_import(lead_import=found, actor=request.access.user)
    except Refused as refusal:
        return _act(request, found, refusal.message)
    return _act(request, found)


@require_GET
@organization_view(Permission.LEADS_EDIT)
def error_file(request: OrganizationRequest, import_id: UUID) -> HttpResponseBase:
    """The rows that were left out, with their reasons, as CSV that spreadsheets cannot be tricked by."""
    found = import_or_404(request.access, import_id)
    return StreamingHttpResponse(
        _error_rows(found),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="not-imported-{found.id}.csv"'},
    )


def _error_rows(found: LeadImport) -> Iterator[str]:
    yield csv_line(["Row", "Reason", *found.headers], head=True)
    # The response is streamed after the request's scope has ended.
    rows = import_errors.rows_of(found)
    while True:
        with organization_scope(found.organization_id):
            chunk = list(islice(rows, 2_000))
        if not chunk:
            return
        for row in chunk:
            yield csv_line([str(row.row_number), row.reason, *row.values])
