"""Operations of the JSON API for writing: drafts, files, canned replies, previews, and replies that have not left."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpResponse
from ninja import File, Query, Router, Schema, Status, UploadedFile
from pydantic import Field

from inbox import api_rows as rows
from inbox import querysets, selectors
from inbox.api_schemas import MessageOut
from inbox.file_types import DOWNLOAD
from inbox.models import CannedReply, Conversation, Message, MessageFile
from inbox.services import canned, channels, departures, drafts, files
from project.core.api_pages import OrderedPageIn, PageIn, PageOut, page_of
from project.core.api_values import Instant
from project.core.refusals import Invalid
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from project.tenancy.models import Client

router = Router()

TAGS = ["Writing"]
ChannelName = Literal["linkedin", "email", "sms"]


class DraftOut(Schema):
    """What one person is writing in a conversation; ``version`` rises with every save."""

    conversation_id: UUID
    mode: Literal["reply", "note"]
    body: str
    sender_id: UUID | None
    cc: str
    bcc: str
    version: int
    updated_at: datetime


class DraftIn(Schema):
    """What to keep. With ``version`` (the one you have seen, 0 for none) a newer one is not overwritten."""

    body: str = Field(max_length=20_000)
    mode: Literal["reply", "note"] = "reply"
    sender_id: UUID | None = None
    cc: str = Field("", max_length=2000)
    bcc: str = Field("", max_length=2000)
    version: int | None = Field(None, ge=0, le=2_147_483_647)


class FileOut(Schema):
    """A file of a message, or one that waits for a reply."""

    id: UUID
    conversation_id: UUID
    message_id: UUID | None
    name: str
    mime_type: str
    size: int | None
    state: Literal["remote", "stored", "gone"]
    problem: str


class WayOut(Schema):
    """One way to the person. ``off`` says why nothing can leave by it now."""

    sender_id: UUID
    name: str
    channel: ChannelName
    to: str
    is_own: bool
    off: str


class CannedOut(Schema):
    """A text to use again. ``answers``: how often they wrote again after it, of ``uses``."""

    id: UUID
    name: str
    body: str
    client_id: UUID | None
    owner_id: UUID | None
    channel: str
    uses: int
    answers: int
    updated_at: datetime


class CannedIn(Schema):
    """A canned reply: for everybody, one client, or (``is_mine``) only for the caller."""

    name: str = Field(min_length=1, max_length=60)
    body: str = Field(min_length=1, max_length=8000)
    client_id: UUID | None = None
    channel: Literal["", "linkedin", "email", "sms"] = ""
    is_mine: bool = False


class PreviewIn(Schema):
    """A text with variables."""

    body: str = Field(max_length=8000)


class WordsPreviewOut(Schema):
    """The text as it would leave; ``missing`` are variables without a value: with them nothing leaves."""

    text: str
    missing: list[str]


class DepartureIn(Schema):
    """When a scheduled reply leaves; null: at once."""

    leaves_at: Instant | None = None


def _conversation(request: ApiRequest, conversation_id: UUID) -> Conversation:
    found: Conversation = get_or_404(rows.reachable(request.access), conversation_id)
    return found


def _message(request: ApiRequest, message_id: UUID) -> Message:
    found: Message = get_or_404(rows.messages(request.access), message_id)
    return found


@router.get("/conversations/{conversation_id}/draft", response={200: DraftOut, 204: None}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def get_draft(request: ApiRequest, conversation_id: UUID) -> Any:
    """The caller's own draft; 204 if there is none."""
    found = drafts.draft_of(
        conversation_id=_conversation(request, conversation_id).id, author=request.access.user
    )
    return found if found is not None else Status(204, None)


@router.put("/conversations/{conversation_id}/draft", response={200: DraftOut, 204: None}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def save_draft(request: ApiRequest, conversation_id: UUID, payload: DraftIn) -> Any:
    """Keep it; an empty text throws it away (204). `DRAFT_CHANGED` (409) if another device has a newer one."""
    found = _conversation(request, conversation_id)
    kept = drafts.save(conversation_id=found.id, author=request.access.user, **payload.dict())
    return kept if kept is not None else Status(204, None)


@router.get("/conversations/{conversation_id}/ways", response=list[WayOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_ways(request: ApiRequest, conversation_id: UUID) -> Any:
    """The accounts of the same client by which this person can be answered, the thread's own first."""
    return [
        {
            "sender_id": way.sender.id,
            "name": way.sender.name,
            "channel": way.sender.channel,
            "to": way.to,
            "is_own": way.is_own,
            "off": way.off,
        }
        for way in channels.ways(_conversation(request, conversation_id))
    ]


@router.post("/conversations/{conversation_id}/preview", response=WordsPreviewOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def preview_reply(request: ApiRequest, conversation_id: UUID, payload: PreviewIn) -> Any:
    """Fill in a text's variables for this person."""
    filled = canned.fill(payload.body, conversation=_conversation(request, conversation_id))
    return {"text": filled.text, "missing": list(filled.missing)}


# --- files ------------------------------------------------------------------------------------------


@router.post("/conversations/{conversation_id}/files", response={201: FileOut}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def upload_file(request: ApiRequest, conversation_id: UUID, file: File[UploadedFile]) -> Any:
    """Upload a file for a reply (`file_ids`): at most 10 MB, no programs."""
    found = _conversation(request, conversation_id)
    if (file.size or 0) > files.MAX_FILE:
        raise Invalid("At most 10 MB can be attached.", field="file")
    made = files.upload(
        conversation=found, author=request.access.user, name=file.name or "file", data=file.read()
    )
    return Status(201, made)


@router.get("/files/{file_id}", tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def download_file(request: ApiRequest, file_id: UUID) -> Any:
    """The bytes of a file, fetched from the provider the first time (502 `FILE_UNAVAILABLE` if it has it no more)."""
    wanted = querysets.files(request.access)
    found: MessageFile = get_or_404(
        wanted.select_related("message__conversation__sender__connection"), file_id
    )
    shown = files.load(file=found)
    return HttpResponse(
        shown.data,
        content_type=DOWNLOAD,
        headers={"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"},
    )


@router.delete("/files/{file_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def delete_file(request: ApiRequest, file_id: UUID) -> Any:
    """Throw an uploaded file away that has not been sent; harmless for any other."""
    found: MessageFile = get_or_404(querysets.files(request.access), file_id)
    files.discard(file_id=found.id, author=request.access.user)
    return Status(204, None)


# --- replies that have not left ---------------------------------------------------------------------


@router.post("/messages/{message_id}/take-back", response=MessageOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def take_back(request: ApiRequest, message_id: UUID) -> Any:
    """Take a reply back that has not left; its text is a draft again. `ALREADY_LEFT` (409) if it has."""
    return departures.take_back(message_id=_message(request, message_id).id, actor=request.access.user)


@router.post("/messages/{message_id}/departure", response=MessageOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def change_departure(request: ApiRequest, message_id: UUID, payload: DepartureIn) -> Any:
    """Let a scheduled reply leave at another time, or at once."""
    found = _message(request, message_id)
    if payload.leaves_at is None:
        return departures.leave_now(message_id=found.id, actor=request.access.user)
    return departures.move(message_id=found.id, leaves_at=payload.leaves_at, actor=request.access.user)


@router.get("/scheduled-replies", response=PageOut[MessageOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_scheduled(request: ApiRequest, page: Query[PageIn], mine: bool = False) -> Any:
    """Replies that wait for their time, those that leave first on top: of everybody, or (`mine`) the caller's own."""
    rows = querysets.scheduled(request.access, mine=mine)
    return page_of(rows, page, order=("leaves_at", "id"))


# --- canned replies ---------------------------------------------------------------------------------


@router.get("/canned-replies", response=PageOut[CannedOut], tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def list_canned_replies(request: ApiRequest, page: Query[OrderedPageIn]) -> Any:
    """The team's, those of clients within reach, and the caller's own."""
    return page_of(selectors.canned_rows(request.access), page, order=page.by("created_at", "id"))


@router.post("/canned-replies", response={201: CannedOut}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def create_canned_reply(request: ApiRequest, payload: CannedIn) -> Any:
    """Make one."""
    return Status(201, _save(request, None, payload))


@router.put("/canned-replies/{canned_id}", response=CannedOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def change_canned_reply(request: ApiRequest, canned_id: UUID, payload: CannedIn) -> Any:
    """Change one."""
    return _save(request, _changeable(request, canned_id), payload)


@router.delete("/canned-replies/{canned_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def delete_canned_reply(request: ApiRequest, canned_id: UUID) -> Any:
    """Throw one away."""
    canned.delete(canned=_changeable(request, canned_id), actor=request.access.user)
    return Status(204, None)


def _changeable(request: ApiRequest, canned_id: UUID) -> CannedReply:
    own = selectors.changeable(selectors.canned_rows(request.access), request.access)
    found: CannedReply = get_or_404(own, canned_id)
    return found


def _save(request: ApiRequest, row: CannedReply | None, payload: CannedIn) -> CannedReply:
    access = request.access
    client: Client | None = None
    if payload.client_id is not None:
        client = get_or_404(access.clients(), payload.client_id)
    elif not access.whole_organization:
        raise Invalid("Choose one of your clients.", field="client_id")
    return canned.save(
        canned=row,
        name=payload.name,
        body=payload.body,
        client=client,
        owner=access.user if payload.is_mine else None,
        channel=payload.channel,
        actor=access.user,
    )
