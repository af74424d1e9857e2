"""Operations of the JSON API for macros. They are run as the act ``macro`` of ``POST /conversation-acts``."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from inbox import selectors, selectors_macros
from inbox.models import Conversation, Macro
from inbox.services import macros
from project.core.api_pages import OrderedPageIn, PageOut, page_of
from project.core.refusals import Invalid
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from project.tenancy.models import Client

router = Router()

TAGS = ["Macros"]
Snooze = Literal["", "3h", "tomorrow", "3d", "monday", "month", "reply"]


class MacroOut(Schema):
    """Several acts under one name: a reply, a label, a person, an end; what is empty is left out."""

    id: UUID
    name: str
    key: str = Field(description="The digit that runs it in the inbox.")
    client_id: UUID | None
    owner_id: UUID | None = Field(description="Whose it is alone; null: the team's.")
    canned_id: UUID | None
    label_id: UUID | None
    assign: Literal["", "me", "nobody", "person"]
    assignee_id: UUID | None
    end: Literal["", "close", "snooze"]
    snooze: str


class MacroIn(Schema):
    """A macro: for everybody, one client, or (``is_mine``) only for the caller."""

    name: str = Field(min_length=1, max_length=60)
    key: str = Field("", max_length=1, pattern="^[1-9]?$")
    client_id: UUID | None = None
    is_mine: bool = False
    canned_id: UUID | None = None
    label_id: UUID | None = None
    assign: Literal["", "me", "nobody", "person"] = ""
    assignee_id: UUID | None = Field(None, description="Of `person`.")
    end: Literal["", "close", "snooze"] = ""
    snooze: Snooze = Field("", description="Of `snooze`: for how long.")


class MacroPreviewIn(Schema):
    """The conversations that it would be run on."""

    conversation_ids: list[UUID] = Field(min_length=1, max_length=selectors_macros.SHOWN)


class MacroPreviewOut(Schema):
    """What a macro would do to one conversation: the reply as it leaves, or why nothing would be done."""

    conversation_id: UUID
    text: str
    why: str


@router.get("/macros", response=PageOut[MacroOut], tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def list_macros(request: ApiRequest, page: Query[OrderedPageIn]) -> Any:
    """The team's, those of clients within reach, and the caller's own."""
    return page_of(selectors_macros.macro_rows(request.access), page, order=page.by("created_at", "id"))


@router.post("/macros", response={201: MacroOut}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def create_macro(request: ApiRequest, payload: MacroIn) -> Any:
    """Make one."""
    return Status(201, _save(request, None, payload))


@router.put("/macros/{macro_id}", response=MacroOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def change_macro(request: ApiRequest, macro_id: UUID, payload: MacroIn) -> Any:
    """Change one."""
    return _save(request, _changeable(request, macro_id), payload)


@router.delete("/macros/{macro_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def delete_macro(request: ApiRequest, macro_id: UUID) -> Any:
    """Throw one away."""
    macros.delete(macro=_changeable(request, macro_id), actor=request.access.user)
    return Status(204, None)


@router.post("/macros/{macro_id}/preview", response=list[MacroPreviewOut], tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def preview_macro(request: ApiRequest, macro_id: UUID, payload: MacroPreviewIn) -> Any:
    """Show what it would do, without doing it."""
    found = _macro(request, macro_id)
    rows = Conversation.objects.filter(request.access.client_filter(), id__in=payload.conversation_ids)
    chosen = list(rows.select_related("lead__company", "client", "sender"))
    if len(chosen) != len(set(payload.conversation_ids)):
        raise Http404("One of these conversations is not there, or it is not yours to see.")
    return [
        {"conversation_id": one.conversation.id, "text": one.text, "why": one.why}
        for one in macros.preview(macro=found, conversations=chosen, actor=request.access.user)
    ]


def _macro(request: ApiRequest, macro_id: UUID) -> Macro:
    found: Macro = get_or_404(selectors_macros.macro_rows(request.access), macro_id)
    return found


def _changeable(request: ApiRequest, macro_id: UUID) -> Macro:
    rows = selectors.changeable(selectors_macros.macro_rows(request.access), request.access)
    found: Macro = get_or_404(rows, macro_id)
    return found


def _save(request: ApiRequest, row: Macro | None, payload: MacroIn) -> Macro:
    access = request.access
    client: Client | None = None
    if payload.client_id is not None:
        client = get_or_404(access.clients(), payload.client_id)
    elif not access.whole_organization:
        raise Invalid("Choose one of your clients.", field="client_id")
    return macros.save(
        macro=row,
        name=payload.name,
        key=payload.key,
        client=client,
        owner=access.user if payload.is_mine else None,
        parts=macros.Parts(
            canned_id=payload.canned_id,
            label_id=payload.label_id,
            assign=payload.assign,
            assignee_id=payload.assignee_id,
            end=payload.end,
            snooze=payload.snooze,
        ),
        actor=access.user,
    )
