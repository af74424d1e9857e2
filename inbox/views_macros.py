"""Macros: making and changing them, and showing what one would do before it is run (``views_triage.perform``)."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from inbox import selectors_lists, selectors_macros
from inbox.filters import Filters
from inbox.forms import ActForm
from inbox.forms_macros import MacroForm
from inbox.models import Conversation, Macro
from inbox.selectors import changeable
from inbox.services import acts, macros
from project.core.htmx import redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


@require_http_methods(["GET", "POST"])
@organization_view(Permission.INBOX_REPLY)
def macro_list(request: OrganizationRequest) -> HttpResponse:
    """All macros within reach, and making one."""
    form = MacroForm(request.POST or None, access=request.access)
    if request.method == "POST" and form.is_valid() and _saved(request, None, form):
        return _done(request)
    context = {**selectors_macros.page(request.access), "form": form}
    return render(request, "inbox/macros.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@organization_view(Permission.INBOX_REPLY)
def macro(request: OrganizationRequest, macro_id: UUID) -> HttpResponse:
    """Change a macro, or throw it away (``act=delete``)."""
    row: Macro = get_or_404(changeable(selectors_macros.macro_rows(request.access), request.access), macro_id)
    if request.method == "POST" and request.POST.get("act") == "delete":
        macros.delete(macro=row, actor=request.access.user)
        return _done(request)
    form = MacroForm(request.POST or None, access=request.access, initial=MacroForm.initial_of(row))
    if request.method == "POST" and form.is_valid() and _saved(request, row, form):
        return _done(request)
    context = {**selectors_macros.page(request.access), "form": form, "row": row}
    return render(request, "inbox/macros.html", context, status=422 if form.errors else 200)


def _done(request: OrganizationRequest) -> HttpResponse:
    return redirect_to(
        reverse("inbox:macros", kwargs={"organization_slug": request.organization.slug}), request
    )


def _saved(request: OrganizationRequest, row: Macro | None, form: MacroForm) -> bool:
    """Keep it; say whether that was possible. If not, the reason is beside its field."""
    data = form.cleaned_data
    try:
        macros.save(
            macro=row,
            name=data["name"],
            key=data["key"],
            client=data["client"],
            owner=request.access.user if data["is_mine"] else None,
            parts=form.parts,
            actor=request.access.user,
        )
    except Refused as error:
        field = {"assignee": "assign", "snooze": "end"}.get(error.field, error.field)
        form.add_error(field if field in form.fields else None, error.message)
        return False
    return True


@require_POST
@organization_view(Permission.INBOX_REPLY)
def preview(request: OrganizationRequest, macro_id: UUID) -> HttpResponse:
    """What a macro would do to the named conversations, or (``all``) to all that the list shows."""
    row: Macro = get_or_404(selectors_macros.macro_rows(request.access), macro_id)
    form = ActForm({**request.POST.dict(), "act": "macro", "macro": str(row.id)})
    if not form.is_valid():
        return HttpResponse(
            str(next(iter(form.errors.values()))[0]), status=422, content_type="text/plain; charset=utf-8"
        )
    if request.POST.get("all"):
        try:
            filters = Filters.strictly(form.choice, request.access)
        except Refused as refusal:
            return HttpResponse(refusal.message, status=422, content_type="text/plain; charset=utf-8")
        rows = selectors_lists.chosen(request.access, filters).order_by(*filters.order)
        ids = list(rows.values_list("id", flat=True)[: acts.MOST + 1])
    else:
        ids = form.cleaned_data["ids"]
        known = Conversation.objects.filter(request.access.client_filter(), id__in=ids).count()
        if known != len(ids):
            raise Http404("There is no such conversation, or it is not yours to see.")
    context = selectors_macros.preview(request.access, row, ids, len(ids))
    return render(request, "inbox/_macro_preview.html", context)
