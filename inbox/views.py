"""Pages and acts of the inbox. Views decide rights and call services; they write nothing themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from inbox import forms, presenters, selectors, views_lists
from inbox.models import Conversation, Message
from inbox.services import copies, moves, notes, notifications, replies, steering, threads, triage
from project.core.clock import now
from project.core.htmx import is_partial, redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import Access, OrganizationRequest, Permission, organization_view


def _conversation(access: Access, conversation_id: UUID) -> Conversation:
    found = selectors.visible_conversation(access, conversation_id)
    if found is None:
        raise Http404("There is no such conversation, or it is not yours to see.")
    return found


def _page(request: OrganizationRequest, conversation: Conversation) -> dict[str, Any]:
    access = request.access
    made = views_lists.page_context(request) | selectors.thread(access, conversation)
    made |= {"panel": selectors.context_panel(access, conversation)}
    for row in made["rows"]:
        row["open"] = row["conversation_id"] == conversation.id
    return made


def _address(request: OrganizationRequest, conversation_id: UUID) -> str:
    slug = request.organization.slug
    url = reverse(
        "inbox:conversation", kwargs={"organization_slug": slug, "conversation_id": conversation_id}
    )
    return f"{url}?{request.GET.urlencode()}" if request.GET else url


def _read(access: Access, conversation: Conversation) -> None:
    """Somebody has a thread before their eyes: it and its notices are read. Mostly they were, and nothing is asked."""
    if access.can(Permission.INBOX_REPLY) and conversation.unread:
        triage.mark_read(conversation_id=conversation.id)
        conversation.unread = 0
    if conversation.has_news:
        notifications.mark_read(user=access.user, conversation_id=conversation.id)


@require_GET
@organization_view(Permission.INBOX_VIEW)
def conversation(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """A thread with its context; as a fragment, without the list."""
    found = _conversation(request.access, conversation_id)
    home = threads.home_of(found)
    if home is not None:
        return redirect_to(_address(request, home), request)
    _read(request.access, found)
    if not is_partial(request):
        return render(request, "inbox/page.html", _page(request, found))
    context = {
        **selectors.thread(request.access, found),
        "panel": selectors.context_panel(request.access, found),
    }
    return render(request, "inbox/_open.html", context)


@require_GET
@organization_view(Permission.INBOX_VIEW)
def thread(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """The entries of a thread alone: what catching up and stale views fetch."""
    found = _conversation(request.access, conversation_id)
    wanted = request.GET.get("entries", "")
    shown = int(wanted) if wanted.isdecimal() and len(wanted) < 6 else selectors.THREAD_ENTRIES
    return render(request, "inbox/_entries.html", selectors.entries_of(found, shown))


@require_GET
@organization_view(Permission.INBOX_VIEW)
def context(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """The context panel alone."""
    found = _conversation(request.access, conversation_id)
    return render(request, "inbox/_context.html", {"panel": selectors.context_panel(request.access, found)})


@require_POST
@organization_view(Permission.INBOX_REPLY)
def reply(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Send a reply. A thread that has moved on answers 409 with what is new; the text stays in the composer."""
    found = _conversation(request.access, conversation_id)
    form = forms.ReplyForm(request.POST)
    if not form.is_valid():
        return _refused(
            request, found, "This reply came without its marks. Reload the page and send it again.", 422
        )
    try:
        message = replies.send_reply(
            conversation_id=found.id,
            author=request.access.user,
            body=form.cleaned_data["body"],
            client_token=form.cleaned_data["client_token"],
            seen_revision=form.cleaned_data["seen_revision"],
            options=_options(request, form.cleaned_data),
        )
    except replies.StaleThread as stale:
        return _refused(
            request,
            found,
            str(stale),
            409,
            new=[presenters.message(entry) for entry in stale.new],
            revision=stale.revision,
        )
    except replies.SomebodyWrites as other:
        told = {"name": other.draft.author.display_name, "body": other.draft.body}
        return _refused(request, found, other.message, 409, new=[told], despite_others=True)
    except Refused as refusal:
        return _refused(request, found, refusal.message, 409 if refusal.status == 409 else 422)
    if message.timing and is_partial(request):
        return _tell_undo(_composer(request, found, sent=presenters.message(message)), request, message)
    return _composer(request, found, sent=presenters.message(message))


def _options(request: OrganizationRequest, data: dict[str, Any]) -> replies.Options:
    return replies.Options(
        sender_id=data["sender"],
        confirm_sender=data["confirm_sender"],
        subject=data["subject"],
        cc=tuple(copies.addresses(data["cc"], field="cc")),
        bcc=tuple(copies.addresses(data["bcc"], field="bcc")),
        file_ids=tuple(found for value in request.POST.getlist("attached") if (found := parse_uuid(value))),
        leaves_at=data["leaves_at"],
        undo_seconds=settings.REPLY_UNDO_SECONDS,
        canned_id=data["canned"],
        despite_others=data["despite_others"],
    )


def _tell_undo(response: HttpResponse, request: OrganizationRequest, message: Message) -> HttpResponse:
    """Offer to take it back, for as long as that can be done."""
    assert message.leaves_at is not None
    to = message.conversation.title
    undo = reverse(
        "inbox:take_back", kwargs={"organization_slug": request.organization.slug, "message_id": message.id}
    )
    if message.timing == Message.Timing.SCHEDULED:
        text, seconds = f"Scheduled for {to}", 8
    else:
        left = (message.leaves_at - now()).total_seconds()
        text, seconds = f"Sending to {to}", max(1, int(left))
    return trigger_client_event(response, "toast", {"text": text, "undo_url": undo, "seconds": seconds})


def _composer(request: OrganizationRequest, conversation: Conversation, **more: Any) -> HttpResponse:
    fresh = _conversation(request.access, conversation.id)
    context = {
        "conversation": fresh,
        "composer": selectors.composer(fresh),
        "writing": selectors.writing(request.access, fresh),
        "can_reply": True,
        **more,
    }
    if not is_partial(request):
        return redirect_to(f"../?{request.GET.urlencode()}", request)
    return render(request, "inbox/_sent.html", context)


def _refused(
    request: OrganizationRequest, conversation: Conversation, message: str, status: int, **more: Any
) -> HttpResponse:
    context = {
        "conversation": conversation,
        "composer": {
            **selectors.composer(conversation),
            "revision": more.get("revision", conversation.revision),
        },
        "writing": selectors.writing(request.access, conversation),
        "draft": request.POST.get("body", ""),
        "posted": request.POST,
        "refusal": message,
        "organization_slug": request.organization.slug,
        **more,
    }
    return render(request, "inbox/_refused.html", context, status=status)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def add_note(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Add a note, for the team or (``show_to_client``) for the client's people, too."""
    found = _conversation(request.access, conversation_id)
    form = forms.NoteForm(request.POST)
    given = form.cleaned_data if form.is_valid() else {"body": ""}
    try:
        added = notes.add_note(
            conversation_id=found.id, author=request.access.user, from_composer=True, **given
        )
    except Refused as refusal:
        return _refused(request, found, refusal.message, 422, mode="note")
    # The composer stays what it is: what was meant for the team must not leave because it changed by itself.
    return _composer(request, found, sent=presenters.note(added), mode="note")


def _impossible(message: str) -> HttpResponse:
    return HttpResponse(message, status=422, content_type="text/plain; charset=utf-8")


@require_POST
@organization_view(Permission.INBOX_REPLY)
def link_lead(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Say who the counterpart of an unmatched conversation is."""
    found = _conversation(request.access, conversation_id)
    form = forms.LinkForm(request.POST)
    if not form.is_valid():
        return _impossible("This is not a lead.")
    try:
        moves.rehome(conversation_id=found.id, lead_id=form.cleaned_data["lead"], actor=request.access.user)
    except moves.MoveRefused as refusal:
        return _impossible(str(refusal))
    return _panel(request, found)


def _panel(request: OrganizationRequest, conversation: Conversation) -> HttpResponse:
    if not is_partial(request):
        return redirect_to("../", request)
    fresh = _conversation(request.access, conversation.id)
    return render(request, "inbox/_context.html", {"panel": selectors.context_panel(request.access, fresh)})


@require_POST
@organization_view(Permission.INBOX_REPLY)
def sequence(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Pause, resume, stop or move the sequence that the thread belongs to, mark a meeting or take it back."""
    found = _conversation(request.access, conversation_id)
    form = forms.SequenceForm(request.POST)
    if not form.is_valid():
        return _impossible("Choose what to do with the sequence.")
    try:
        steering.act_on_sequence(
            conversation_id=found.id,
            act=form.cleaned_data["act"],
            node_id=form.cleaned_data["node"],
            campaign_id=form.cleaned_data["campaign"],
            actor=request.access.user,
        )
    except Refused as refusal:
        return _impossible(refusal.message)
    return _panel(request, found)


def _on_message(request: OrganizationRequest, message_id: UUID, act: Callable[..., object]) -> HttpResponse:
    message = Message.objects.filter(id=message_id).select_related("conversation").first()
    if message is None or not request.access.sees_client(message.conversation.client_id):
        raise Http404("There is no such message, or it is not yours to see.")
    try:
        act(message_id=message.id, actor=request.access.user)
    except replies.ReplyRefused as refusal:
        return _impossible(str(refusal))
    return HttpResponse(status=204)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def retry(request: OrganizationRequest, message_id: UUID) -> HttpResponse:
    """Send a failed reply again."""
    return _on_message(request, message_id, replies.retry)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def give_up(request: OrganizationRequest, message_id: UUID) -> HttpResponse:
    """Leave a message that was not sent as it is."""
    return _on_message(request, message_id, replies.give_up)
