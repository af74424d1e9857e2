"""Acts on conversations, one or many, and taking them back."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inbox import forms, presenters, selectors, selectors_lists, selectors_macros, snoozing
from inbox.filters import Filters
from inbox.models import Conversation, JournalEntry
from inbox.services import acts, macros, triage
from inbox.services.triage import TriageRefused
from project.core.clock import now
from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Invalid
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _refused(message: str, status: int = 422) -> HttpResponse:
    return HttpResponse(message, status=status, content_type="text/plain; charset=utf-8")


def _mine(request: OrganizationRequest, conversation_id: UUID) -> Conversation:
    found = selectors.visible_conversation(request.access, conversation_id)
    if found is None:
        raise Http404("There is no such conversation, or it is not yours to see.")
    return found


def _within_reach(request: OrganizationRequest, ids: list[UUID]) -> list[UUID]:
    """The ids in their order; 404 if one of them is not within reach."""
    rows = Conversation.objects.filter(request.access.client_filter(), id__in=ids)
    known = set(rows.values_list("id", flat=True))
    if set(ids) - known:
        raise Http404("There is no such conversation, or it is not yours to see.")
    return ids


@require_POST
@organization_view(Permission.INBOX_REPLY)
def perform(request: OrganizationRequest) -> HttpResponse:
    """Do an act on the named conversations, or (``all``) on all that the list shows."""
    form = forms.ActForm(request.POST)
    if not form.is_valid():
        return _refused(str(next(iter(form.errors.values()))[0]))
    if request.POST.get("all"):
        try:
            filters = Filters.strictly(form.choice, request.access)
        except Invalid as refusal:
            return _refused(refusal.message)
        rows = selectors_lists.chosen(request.access, filters).order_by(*filters.order)
        ids = list(rows.values_list("id", flat=True)[: acts.MOST + 1])
    else:
        ids = _within_reach(request, form.cleaned_data["ids"])
    given = form.given
    if form.cleaned_data["act"] == acts.MACRO:
        macro = get_or_404(selectors_macros.macro_rows(request.access), form.cleaned_data["macro"])
        given = macros.given_for(macro, timezone.get_current_timezone())
    return _act(request, form.cleaned_data["act"], ids, given, form.cleaned_data["seen"])


def _act(
    request: OrganizationRequest,
    act: str,
    ids: list[UUID],
    given: dict[str, Any],
    seen: dict[UUID, int] | None = None,
) -> HttpResponse:
    if "snooze" in given:
        try:
            until = snoozing.until(given.pop("snooze"), now(), timezone.get_current_timezone())
        except KeyError:
            return _refused("Choose until when.")
        given["until"] = until.isoformat() if until else ""
    try:
        entry = acts.perform(act=act, conversation_ids=ids, given=given, actor=request.access.user, seen=seen)
    except TriageRefused as refusal:
        return _refused(refusal.message)
    if entry.total == 1 and entry.failures:
        failure = entry.failures[0]
        if failure["code"] != triage.Claimed.default_code:
            return _refused(failure["why"])
        # The page says `despite_claim` where its person gives the conversation away a second time, and nowhere else.
        hint = " Do it once more to take it over." if act == "assign" else ""
        return _refused(f"{failure['why']}{hint}", 409)
    return _told(request, entry, ids)


def _told(request: OrganizationRequest, entry: JournalEntry, ids: list[UUID]) -> HttpResponse:
    """After an act: the head of the open thread if that was changed, else how far the act is; with a way back."""
    if not is_partial(request):
        return redirect_to(
            reverse("inbox:list", kwargs={"organization_slug": request.organization.slug}), request
        )
    shown = presenters.act(entry)
    head = (request.headers.get("HX-Target") or "").startswith("thread-state-")
    if head and len(ids) == 1:
        fresh = _mine(request, ids[0])
        context = {"head": selectors.thread_head(fresh), "organization_slug": request.organization.slug}
        response = render(request, "inbox/_head_state.html", context)
    else:
        response = render(
            request, "inbox/_act.html", {"entry": shown, "organization_slug": request.organization.slug}
        )
    if entry.state == JournalEntry.State.DONE and not entry.failures:
        url = reverse(
            "inbox:undo", kwargs={"organization_slug": request.organization.slug, "act_id": entry.id}
        )
        response["HX-Trigger"] = json.dumps({"toast": {"text": shown["text"], "undo_url": url}})
    return response


def _seen(request: OrganizationRequest, conversation: Conversation) -> dict[UUID, int]:
    """The revision that was on the screen, if it is told."""
    told = request.POST.get("seen_revision", "")
    return {conversation.id: int(told)} if told.isdecimal() and len(told) < 10 else {}


# --- one conversation: a change of state is a resource of its own -----------------------------------


@require_POST
@organization_view(Permission.INBOX_REPLY)
def assignment(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Give a conversation to somebody, to oneself, or to nobody."""
    found = _mine(request, conversation_id)
    form = forms.AssignmentForm(request.POST)
    if not form.is_valid():
        return _refused("This is not a person.")
    assignee = form.cleaned_data["assignee"]
    given = {
        "assignee": str(assignee) if assignee else "",
        "note": form.cleaned_data["note"],
        "despite_claim": form.cleaned_data["despite_claim"],
    }
    return _act(request, "assign", [found.id], given)


@require_http_methods(["POST", "DELETE"])
@organization_view(Permission.INBOX_REPLY)
def closure(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Close a conversation (POST) or open it again (DELETE)."""
    found = _mine(request, conversation_id)
    act = "close" if request.method == "POST" else "reopen"
    return _act(request, act, [found.id], {}, _seen(request, found))


@require_POST
@organization_view(Permission.INBOX_REPLY)
def snooze(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Put a conversation away until a preset or an exact time, or until the other side writes."""
    found = _mine(request, conversation_id)
    form = forms.SnoozeForm(request.POST)
    if not form.is_valid():
        return _refused("Choose until when.")
    until = form.cleaned_data["until"]
    given = {"until": until.isoformat()} if until else {"snooze": form.cleaned_data["snooze"]}
    return _act(request, "snooze", [found.id], given, _seen(request, found))


@require_http_methods(["POST", "DELETE"])
@organization_view(Permission.INBOX_REPLY)
def reading(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Mark a conversation read (POST) or unread (DELETE)."""
    found = _mine(request, conversation_id)
    act = "read" if request.method == "POST" else "unread"
    acts.perform(act=act, conversation_ids=[found.id], given={}, actor=request.access.user)
    return HttpResponse(status=204)


# --- the journal ------------------------------------------------------------------------------------


@require_GET
@organization_view(Permission.INBOX_REPLY)
def journal(request: OrganizationRequest) -> HttpResponse:
    """What the viewer did of late, what of it failed, and what can be taken back."""
    entries = JournalEntry.objects.filter(actor=request.access.user).order_by("-created_at")[:50]
    shown = [presenters.act(entry) for entry in entries]
    return render(request, "inbox/journal.html", {"entries": shown})


@require_POST
@organization_view(Permission.INBOX_REPLY)
def undo(request: OrganizationRequest, act_id: UUID) -> HttpResponse:
    """Take an act back."""
    entry = get_or_404(JournalEntry.objects.filter(actor=request.access.user), act_id)
    return _undo(request, entry)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def undo_last(request: OrganizationRequest) -> HttpResponse:
    """Take the viewer's last act back."""
    entry = acts.last_of(request.access.user)
    return _undo(request, entry) if entry else _refused("There is nothing to take back.")


def _undo(request: OrganizationRequest, entry: JournalEntry) -> HttpResponse:
    try:
        undone = acts.undo(entry_id=entry.id, actor=request.access.user)
    except TriageRefused as refusal:
        return _refused(refusal.message)
    if not is_partial(request):
        return redirect_to("../../", request)
    shown = presenters.act(undone)
    response = render(
        request, "inbox/_act.html", {"entry": shown, "organization_slug": request.organization.slug}
    )
    if undone.state == JournalEntry.State.UNDONE and not undone.kept:
        response["HX-Trigger"] = json.dumps({"toast": {"text": shown["text"]}})
    return response
