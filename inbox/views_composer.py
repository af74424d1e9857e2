"""What the composer asks for while somebody writes: drafts, files, canned replies, previews; and taking back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inbox import forms, selectors
from inbox.models import CannedReply, Conversation, Message
from inbox.services import canned, departures, drafts, files
from project.core.htmx import is_partial, redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Invalid, Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _conversation(request: OrganizationRequest, conversation_id: UUID) -> Conversation:
    found = selectors.visible_conversation(request.access, conversation_id)
    if found is None:
        raise Http404("There is no such conversation, or it is not yours to see.")
    return found


def _message(request: OrganizationRequest, message_id: UUID) -> Message:
    rows = Message.objects.filter(request.access.client_filter("conversation__client_id"))
    found: Message = get_or_404(rows.select_related("conversation"), message_id)
    return found


def refusal(error: Refused) -> HttpResponse:
    """A refused act, as the sentence that a toast shows."""
    status = error.status if error.status in {404, 409, 422} else 422
    return HttpResponse(error.message, status=status, content_type="text/plain; charset=utf-8")


def _draft(found: Any) -> dict[str, Any]:
    if found is None:
        return {
            "version": 0,
            "mode": "reply",
            "body": "",
            "sender_id": "",
            "cc": "",
            "bcc": "",
            "saved_at": None,
        }
    return {
        "version": found.version,
        "mode": found.mode,
        "body": found.body,
        "sender_id": str(found.sender_id or ""),
        "cc": found.cc,
        "bcc": found.bcc,
        "saved_at": found.updated_at.isoformat(),
    }


@require_http_methods(["GET", "POST", "DELETE"])
@organization_view(Permission.INBOX_REPLY)
def draft(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """One's own draft: read it, keep it (POST), or throw it away (DELETE). 409 with the newer one on a conflict."""
    found = _conversation(request, conversation_id)
    user = request.access.user
    if request.method == "DELETE":
        drafts.clear(conversation_id=found.id, author=user)
        return HttpResponse(status=204)
    if request.method == "GET":
        return JsonResponse(_draft(drafts.draft_of(conversation_id=found.id, author=user)))
    form = forms.DraftForm(request.POST)
    if not form.is_valid():
        return HttpResponse(
            "This draft cannot be kept.", status=422, content_type="text/plain; charset=utf-8"
        )
    try:
        kept = drafts.save(conversation_id=found.id, author=user, **form.cleaned_data)
    except drafts.DraftConflict as conflict:
        return JsonResponse({**_draft(conflict.draft), "message": conflict.message}, status=409)
    except Refused as error:
        return refusal(error)
    return JsonResponse(_draft(kept))


@require_POST
@organization_view(Permission.INBOX_REPLY)
def upload(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Keep files for the reply that is being written; answers with the list of them."""
    found = _conversation(request, conversation_id)
    problems = []
    for given in request.FILES.getlist("file")[: files.MAX_COUNT]:
        if (given.size or 0) > files.MAX_FILE:
            problems.append(f"{given.name} is too large; at most 10 MB can be attached. Send a link to it.")
            continue
        try:
            files.upload(
                conversation=found, author=request.access.user, name=given.name or "file", data=given.read()
            )
        except files.FileRefused as error:
            problems.append(error.message)
    return _files(request, found, problems)


@require_http_methods(["DELETE", "POST"])
@organization_view(Permission.INBOX_REPLY)
def discard_file(request: OrganizationRequest, conversation_id: UUID, file_id: UUID) -> HttpResponse:
    """Take a file off the reply that is being written."""
    found = _conversation(request, conversation_id)
    files.discard(file_id=file_id, author=request.access.user)
    return _files(request, found, [])


def _files(request: OrganizationRequest, conversation: Conversation, problems: list[str]) -> HttpResponse:
    if not is_partial(request):
        return redirect_to("../", request)
    rows = list(files.waiting(conversation_id=conversation.id, author=request.access.user))
    context = {"conversation": conversation, "files": rows, "problems": problems}
    return render(request, "inbox/_files.html", context)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def preview(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """A text, or a canned reply, as it would leave: variables filled in, and those named that have no value."""
    found = _conversation(request, conversation_id)
    text = request.POST.get("body", "")[: canned.MAX_LENGTH]
    chosen = parse_uuid(request.POST.get("canned", ""))
    if chosen is not None:
        offered = {row.id: row for row in canned.offered(conversation=found, user=request.access.user)}
        if chosen not in offered:
            raise Http404("There is no such canned reply, or it is not yours to use.")
        text = offered[chosen].body
    try:
        filled = canned.fill(text, conversation=found)
    except Refused as error:
        return refusal(error)
    return JsonResponse({"text": filled.text, "missing": list(filled.missing)})


@require_POST
@organization_view(Permission.INBOX_REPLY)
def take_back(request: OrganizationRequest, message_id: UUID) -> HttpResponse:
    """Take a reply back that has not left."""
    try:
        departures.take_back(message_id=_message(request, message_id).id, actor=request.access.user)
    except Refused as error:
        return refusal(error)
    return HttpResponse(status=204)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def leave_now(request: OrganizationRequest, message_id: UUID) -> HttpResponse:
    """Let a scheduled reply leave at once, or (``at``) at a time in the zone of whoever asks."""
    message = _message(request, message_id)
    form = forms.DepartureForm(request.POST)
    if not form.is_valid():
        return refusal(Invalid("Choose a day and a time."))
    try:
        if form.cleaned_data["at"] is None:
            departures.leave_now(message_id=message.id, actor=request.access.user)
        else:
            departures.move(
                message_id=message.id, leaves_at=form.cleaned_data["at"], actor=request.access.user
            )
    except Refused as error:
        return refusal(error)
    return HttpResponse(status=204)


# --- canned replies ---------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@organization_view(Permission.INBOX_REPLY)
def canned_list(request: OrganizationRequest) -> HttpResponse:
    """All canned replies within reach, and making one."""
    form = forms.CannedForm(request.POST or None, access=request.access)
    if request.method == "POST" and form.is_valid():
        problem = _save(request, None, form)
        if not problem:
            return redirect_to("./", request)
    context = {**selectors.canned_replies(request.access), "form": form}
    return render(request, "inbox/canned.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@organization_view(Permission.INBOX_REPLY)
def canned_reply(request: OrganizationRequest, canned_id: UUID) -> HttpResponse:
    """Change a canned reply, or throw it away (``act=delete``)."""
    row: CannedReply = get_or_404(
        selectors.changeable(selectors.canned_rows(request.access), request.access), canned_id
    )
    if request.method == "POST" and request.POST.get("act") == "delete":
        canned.delete(canned=row, actor=request.access.user)
        return redirect_to("../", request)
    initial = {
        "name": row.name,
        "body": row.body,
        "client": row.client_id or "",
        "channel": row.channel,
        "is_mine": row.owner_id is not None,
    }
    form = forms.CannedForm(request.POST or None, access=request.access, initial=initial)
    if request.method == "POST" and form.is_valid() and not _save(request, row, form):
        return redirect_to("../", request)
    context = {**selectors.canned_replies(request.access), "form": form, "row": row}
    return render(request, "inbox/canned.html", context, status=422 if form.errors else 200)


def _save(request: OrganizationRequest, row: CannedReply | None, form: forms.CannedForm) -> bool:
    """Keep it; say whether there was a problem, which is then beside its field."""
    data = form.cleaned_data
    try:
        canned.save(
            canned=row,
            name=data["name"],
            body=data["body"],
            client=data["client"],
            owner=request.access.user if data["is_mine"] else None,
            channel=data["channel"],
            actor=request.access.user,
        )
    except Refused as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return True
    return False


@require_GET
@organization_view(Permission.INBOX_REPLY)
def composer(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """The composer alone, as its writer's other device left it."""
    found = _conversation(request, conversation_id)
    context = {
        "conversation": found,
        "composer": selectors.composer(found),
        "writing": selectors.writing(request.access, found),
    }
    return render(request, "inbox/_composer.html", context)
