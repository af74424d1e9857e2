"""Operations of the JSON API of this room: conversations, replies, notes, triage."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from ninja import Query, Router, Status
from pydantic import Field

from inbox import api_rows as rows
from inbox import api_schemas as schemas
from inbox import selectors_lists
from inbox.api_diagnostics import router as diagnostics_router
from inbox.filters import Filters
from inbox.models import Conversation, Message, Note
from inbox.services import moves, notes, replies, steering, triage
from project.core.api_pages import OrderedPageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

router = Router()
router.add_router("", diagnostics_router)

TAGS = ["Conversations"]


def _conversation(request: ApiRequest, conversation_id: UUID) -> Conversation:
    found: Conversation = get_or_404(rows.reachable(request.access), conversation_id)
    return found


def _fresh(request: ApiRequest, conversation_id: UUID) -> dict[str, Any]:
    return rows.shown(_conversation(request, conversation_id))


# --- Reading ----------------------------------------------------------------------------------------


@router.get("/conversations", response=PageOut[schemas.ConversationOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_conversations(request: ApiRequest, page: Query[schemas.ConversationsIn]) -> Any:
    """The conversations of a view, of all clients within reach or of one."""
    if page.query:
        filters = Filters.of(dict(parse_qsl(page.query)), request.access)
        wanted = rows.loaded(selectors_lists.chosen(request.access, filters))
    else:
        wanted = rows.listed(request.access, page.view)
    if page.client:
        wanted = wanted.filter(client_id=page.client)
    if page.lead:
        wanted = wanted.filter(lead_id=page.lead)
    found = page_of(wanted, page, order=page.by("last_message_at", "id"))
    return {**found, "items": [rows.shown(conversation) for conversation in found["items"]]}


@router.get("/conversation-views", response=list[schemas.ViewCountOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_views(request: ApiRequest) -> Any:
    """The views with how much is in each."""
    return selectors_lists.view_counts(request.access)


@router.get("/conversations/{conversation_id}", response=schemas.ConversationDetailOut, tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def get_conversation(request: ApiRequest, conversation_id: UUID) -> Any:
    """One thread with its last entries. Reading it here does not mark it read."""
    return rows.detail(_conversation(request, conversation_id))


@router.get("/conversations/{conversation_id}/messages", response=PageOut[schemas.MessageOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_messages(request: ApiRequest, conversation_id: UUID, page: Query[OrderedPageIn]) -> Any:
    """All messages of a thread."""
    wanted = Message.objects.filter(conversation=_conversation(request, conversation_id))
    return page_of(wanted, page, order=page.by("occurred_at", "id"))


# --- Writing ----------------------------------------------------------------------------------------


@router.post("/conversations/{conversation_id}/replies", response={201: schemas.MessageOut}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def send_reply(request: ApiRequest, conversation_id: UUID, payload: schemas.ReplyIn) -> Any:
    """Send a reply.

    Refused as `STALE_THREAD` (409) when messages came or went after `seen_revision`: nothing is sent,
    `details.new` are the messages and `details.revision` is the one to send after looking at them. Refused as
    `UNREAD_ELSEWHERE` (409) when it would leave in another thread with them (`sender_id`) that is unread:
    `details.conversation` is that thread.
    """
    found = _conversation(request, conversation_id)
    try:
        message = replies.send_reply(
            conversation_id=found.id,
            author=request.access.user,
            body=payload.body,
            client_token=payload.client_token,
            seen_revision=payload.seen_revision,
            options=payload.options(),
        )
    except replies.StaleThread as stale:
        stale.details["new"] = schemas.stale_details(stale.new)
        raise
    return Status(201, message)


@router.post("/conversations/{conversation_id}/notes", response={201: schemas.NoteOut}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def add_note(request: ApiRequest, conversation_id: UUID, payload: schemas.NoteIn) -> Any:
    """Add a note; it is never sent, and the client's people see it only with `show_to_client`."""
    found = _conversation(request, conversation_id)
    return Status(201, notes.add_note(conversation_id=found.id, author=request.access.user, **payload.dict()))


def _note(request: ApiRequest, note_id: UUID) -> Note:
    found: Note = get_or_404(
        Note.objects.filter(request.access.client_filter("conversation__client_id")), note_id
    )
    return found


@router.put("/notes/{note_id}/pin", response=schemas.NoteOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def pin_note(request: ApiRequest, note_id: UUID) -> Any:
    """Keep a note in sight beside its thread; at most five of a conversation are."""
    return notes.pin(note_id=_note(request, note_id).id, actor=request.access.user)


@router.delete("/notes/{note_id}/pin", response=schemas.NoteOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def unpin_note(request: ApiRequest, note_id: UUID) -> Any:
    """Let a note be one among the others again."""
    return notes.unpin(note_id=_note(request, note_id).id, actor=request.access.user)


@router.put("/notes/{note_id}/showing", response=schemas.NoteOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def show_note(request: ApiRequest, note_id: UUID) -> Any:
    """Show a note to the client's own people, beside the reply that they read."""
    return notes.show_to_client(note_id=_note(request, note_id).id, actor=request.access.user)


@router.delete("/notes/{note_id}/showing", response=schemas.NoteOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def hide_note(request: ApiRequest, note_id: UUID) -> Any:
    """Keep a note to the team again; what the client's people wrote themselves they go on seeing."""
    return notes.hide_from_client(note_id=_note(request, note_id).id, actor=request.access.user)


@router.post("/messages/{message_id}/retry", response=schemas.MessageOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def retry_message(request: ApiRequest, message_id: UUID) -> Any:
    """Send a failed reply again."""
    message: Message = get_or_404(rows.messages(request.access), message_id)
    return replies.retry(message_id=message.id, actor=request.access.user)


@router.post("/messages/{message_id}/give-up", response=schemas.MessageOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def give_up_message(request: ApiRequest, message_id: UUID) -> Any:
    """Leave a message that was not sent as it is: it is no failed send any more."""
    message: Message = get_or_404(rows.messages(request.access), message_id)
    return replies.give_up(message_id=message.id, actor=request.access.user)


# --- Triage -----------------------------------------------------------------------------------------


@router.post("/conversations/{conversation_id}/assign", response=schemas.ConversationOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def assign_conversation(request: ApiRequest, conversation_id: UUID, payload: schemas.AssignIn) -> Any:
    """Give it to a member who may answer (`assignee_id` is the user's id), or to nobody."""
    found = _conversation(request, conversation_id)
    triage.assign(
        conversation_id=found.id,
        assignee_id=payload.assignee_id,
        actor=request.access.user,
        despite_claim=payload.despite_claim,
    )
    return _fresh(request, conversation_id)


@router.post("/conversations/{conversation_id}/close", response=schemas.ConversationOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def close_conversation(
    request: ApiRequest,
    conversation_id: UUID,
    seen_revision: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None,
) -> Any:
    """Close it; a new message of theirs opens it again. With `seen_revision` it is refused where they wrote since."""
    found = _conversation(request, conversation_id)
    triage.close(conversation_id=found.id, actor=request.access.user, seen_revision=seen_revision)
    return _fresh(request, conversation_id)


@router.post("/conversations/{conversation_id}/reopen", response=schemas.ConversationOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def reopen_conversation(request: ApiRequest, conversation_id: UUID) -> Any:
    """Open a closed or snoozed one."""
    triage.reopen(conversation_id=_conversation(request, conversation_id).id, actor=request.access.user)
    return _fresh(request, conversation_id)


@router.post("/conversations/{conversation_id}/snooze", response=schemas.ConversationOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def snooze_conversation(request: ApiRequest, conversation_id: UUID, payload: schemas.SnoozeIn) -> Any:
    """Put it away until a time."""
    found = _conversation(request, conversation_id)
    triage.snooze(
        conversation_id=found.id,
        until=payload.until,
        actor=request.access.user,
        seen_revision=payload.seen_revision,
    )
    return _fresh(request, conversation_id)


@router.post("/conversations/{conversation_id}/read", response=schemas.ConversationOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def read_conversation(request: ApiRequest, conversation_id: UUID) -> Any:
    """Mark it read for the team."""
    triage.mark_read(conversation_id=_conversation(request, conversation_id).id)
    return _fresh(request, conversation_id)


@router.post("/conversations/{conversation_id}/unread", response=schemas.ConversationOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def unread_conversation(request: ApiRequest, conversation_id: UUID) -> Any:
    """Put it back among the unread."""
    triage.mark_unread(conversation_id=_conversation(request, conversation_id).id)
    return _fresh(request, conversation_id)


@router.post("/conversations/{conversation_id}/link-lead", response=schemas.ConversationOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def link_lead(request: ApiRequest, conversation_id: UUID, payload: schemas.LinkIn) -> Any:
    """Say who the counterpart of an unmatched conversation is: a lead of the same client."""
    found = _conversation(request, conversation_id)
    moves.rehome(conversation_id=found.id, lead_id=payload.lead_id, actor=request.access.user)
    return _fresh(request, conversation_id)


@router.post("/conversations/{conversation_id}/sequence", response=schemas.ConversationOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def act_on_sequence(request: ApiRequest, conversation_id: UUID, payload: schemas.SequenceIn) -> Any:
    """Pause, resume, stop or move (to `node_id`) the sequence that the thread belongs to, mark a meeting or take a
    wrong mark back (`no_meeting`), or put the lead into another campaign.
    """
    found = _conversation(request, conversation_id)
    steering.act_on_sequence(
        conversation_id=found.id,
        act=payload.act,
        node_id=payload.node_id,
        campaign_id=payload.campaign_id,
        actor=request.access.user,
    )
    return _fresh(request, conversation_id)
