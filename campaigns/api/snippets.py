"""Operations: pieces of text that steps use by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Query, Schema, Status
from pydantic import Field

from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.models import Snippet
from campaigns.services import snippets as service
from project.core.api_pages import OrderedPageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Snippets"]


class SnippetsIn(OrderedPageIn):
    """Which snippets, in which order of their making."""

    client: UUID | None = Field(None, alias="filter[client]", description="Only those of this client.")


class SnippetIn(Schema):
    """A piece of text, for one client or (without ``client_id``) for all. Writing a name again replaces its text."""

    client_id: UUID | None = None
    name: str = Field(min_length=1, max_length=40, description="What stands in `{{ snippet.name }}`.")
    text: str = Field(min_length=1, max_length=service.LONGEST)


class SnippetOut(Schema):
    """A snippet. ``client_id`` null: for all clients."""

    id: UUID
    client_id: UUID | None
    name: str
    text: str
    created_at: datetime
    updated_at: datetime


@router.get("/snippets", response=PageOut[SnippetOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_snippets(request: ApiRequest, page: Query[SnippetsIn]) -> Any:
    """Snippets within reach; those of no client are for members over all clients."""
    wanted = rows.narrowed(Snippet.objects.all(), request.access, page.client)
    return page_of(wanted, page, order=page.by("created_at", "id"))


@router.post("/snippets", response={201: SnippetOut}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def save_snippet(request: ApiRequest, payload: SnippetIn) -> Any:
    """Write a snippet. Campaigns that run keep the text that they were launched with."""
    access = request.access
    if payload.client_id is None:
        access.require_whole_organization()
    else:
        get_or_404(access.clients(), payload.client_id)
    return Status(201, service.save(**payload.dict(), actor=access.user))


@router.delete("/snippets/{snippet_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def delete_snippet(request: ApiRequest, snippet_id: UUID) -> Any:
    """Remove a snippet. Drafts that use it say so in their checklist."""
    found = get_or_404(Snippet.objects.filter(request.access.client_filter()), snippet_id)
    service.delete(snippet=found, actor=request.access.user)
    return Status(204, None)
