"""Acts around a thread: what a reply means, merging and splitting, and the person over all channels."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.selectors import lead_candidates
from campaigns.services.steering import enterable
from inbox import forms, selectors, selectors_context
from inbox.models import Conversation, Note, ThreadMove
from inbox.services import moves, notes, steering
from inbox.views_composer import refusal
from project.core.htmx import is_partial, redirect_to
from project.core.ids import parse_uuid
from project.core.pagination import InvalidCursor
from project.core.refusals import Invalid, Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _conversation(request: OrganizationRequest, conversation_id: UUID) -> Conversation:
    found = selectors.visible_conversation(request.access, conversation_id)
    if found is None:
        raise Http404("There is no such conversation, or it is not yours to see.")
    return found


def _panel(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    if not is_partial(request):
        return redirect_to("../", request)
    fresh = _conversation(request, conversation_id)
    return render(request, "inbox/_context.html", {"panel": selectors.context_panel(request.access, fresh)})


@require_POST
@organization_view(Permission.INBOX_REPLY)
def intent(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Say what their last reply really means."""
    found = _conversation(request, conversation_id)
    form = forms.IntentForm(request.POST)
    if not form.is_valid():
        return refusal(Invalid("Choose what the reply means, and a day such as 2026-12-24."))
    try:
        steering.correct_intent(conversation_id=found.id, actor=request.access.user, **form.cleaned_data)
    except Refused as error:
        return refusal(error)
    return _panel(request, found.id)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def deal(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Say what stands with the lead of a thread (``act=remove``: nothing does)."""
    found = _conversation(request, conversation_id)
    form = forms.DealForm(request.POST)
    if not form.is_valid():
        return refusal(Invalid("Write the value as a number such as 12500, and the day such as 2026-12-24."))
    given = None if request.POST.get("act") == "remove" else form.cleaned_data
    try:
        steering.set_deal(conversation_id=found.id, actor=request.access.user, given=given)
    except Refused as error:
        return refusal(error)
    return _panel(request, found.id)


@require_GET
@organization_view(Permission.INBOX_REPLY)
def campaigns(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """The campaigns that the person of a thread can be put into, as items of a menu."""
    found = _conversation(request, conversation_id)
    offered = enterable(found.lead) if found.lead is not None else []
    return render(request, "inbox/_campaigns.html", {"conversation": found, "campaigns": offered})


@require_GET
@organization_view(Permission.INBOX_REPLY)
def leads(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Leads of the client whose names resemble ``q``, as items of a menu: whom a thread may really be with."""
    found = _conversation(request, conversation_id)
    text = request.GET.get("q", "")[:100]
    candidates = [row for row in lead_candidates(found.client_id, text) if row.id != found.lead_id]
    context = {"conversation": found, "leads": candidates, "text": text.strip()}
    return render(request, "inbox/_leads.html", context)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def merge(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Move all that is in this thread into another one (``into``), which is then shown."""
    source = _conversation(request, conversation_id)
    into = parse_uuid(request.POST.get("into", ""))
    if into is None:
        return HttpResponse("Choose the other thread.", status=422, content_type="text/plain; charset=utf-8")
    target = _conversation(request, into)
    try:
        moves.merge(source_id=source.id, target_id=target.id, actor=request.access.user)
    except Refused as error:
        return refusal(error)
    return _panel(request, target.id)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def split(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Begin a thread of its own with a message (``message``) and all that came after it."""
    found = _conversation(request, conversation_id)
    message_id = parse_uuid(request.POST.get("message", ""))
    if message_id is None:
        return HttpResponse("Choose a message.", status=422, content_type="text/plain; charset=utf-8")
    try:
        moves.split(conversation_id=found.id, message_id=message_id, actor=request.access.user)
    except Refused as error:
        return refusal(error)
    return _panel(request, found.id)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def rehome(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Say that a thread is with another lead (``lead``) of the same client."""
    found = _conversation(request, conversation_id)
    lead_id = parse_uuid(request.POST.get("lead", ""))
    if lead_id is None:
        return HttpResponse("This is not a lead.", status=422, content_type="text/plain; charset=utf-8")
    try:
        moves.rehome(conversation_id=found.id, lead_id=lead_id, actor=request.access.user)
    except Refused as error:
        return refusal(error)
    return _panel(request, found.id)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def undo_move(request: OrganizationRequest, move_id: UUID) -> HttpResponse:
    """Undo a merge, a split or a change of lead."""
    rows = ThreadMove.objects.filter(request.access.client_filter("target__client_id"))
    found: ThreadMove = get_or_404(rows, move_id)
    try:
        moves.undo(move_id=found.id, actor=request.access.user)
    except Refused as error:
        return refusal(error)
    if found.kind == ThreadMove.Kind.SPLIT:
        # All of it is in the first thread again, wherever it was undone from.
        kwargs = {"organization_slug": request.organization.slug, "conversation_id": found.source_id}
        url = reverse("inbox:conversation", kwargs=kwargs)
        # The list beside it stays what it was.
        query = request.headers.get("HX-Current-URL", "").partition("#")[0].partition("?")[2]
        return redirect_to(f"{url}?{query}" if query else url, request)
    return _panel(request, found.target_id)


@require_http_methods(["POST", "DELETE"])
@organization_view(Permission.INBOX_REPLY)
def pin(request: OrganizationRequest, note_id: UUID) -> HttpResponse:
    """Keep a note in sight beside its thread (POST), or let it be one among the others (DELETE)."""
    rows = Note.objects.filter(request.access.client_filter("conversation__client_id"))
    found: Note = get_or_404(rows, note_id)
    change = notes.pin if request.method == "POST" else notes.unpin
    try:
        change(note_id=found.id, actor=request.access.user)
    except Refused as error:
        return refusal(error)
    return HttpResponse(status=204)


@require_http_methods(["POST", "DELETE"])
@organization_view(Permission.INBOX_REPLY)
def show_note(request: OrganizationRequest, note_id: UUID) -> HttpResponse:
    """Show a note to the client's people (POST), or keep it to the team again (DELETE)."""
    rows = Note.objects.filter(request.access.client_filter("conversation__client_id"))
    found: Note = get_or_404(rows, note_id)
    change = notes.show_to_client if request.method == "POST" else notes.hide_from_client
    try:
        change(note_id=found.id, actor=request.access.user)
    except Refused as error:
        return refusal(error)
    return HttpResponse(status=204)


@require_GET
@organization_view(Permission.INBOX_VIEW)
def person(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """One timeline of a person over all channels and senders."""
    found = _conversation(request, conversation_id)
    cursor = request.GET.get("cursor", "")
    try:
        context = {"conversation": found, **selectors_context.everything(request.access, found, cursor)}
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    if is_partial(request) and cursor:
        return render(request, "campaigns/_lead_moments.html", context)
    return render(request, "inbox/person.html", context)
