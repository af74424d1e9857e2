"""What the JSON API takes and gives about acts on many leads."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from project.core.api_pages import PageIn

LeadActName = Literal["assign", "label", "unlabel", "enroll", "suppress", "stop", "remove"]


class LeadActIn(Schema):
    """An act on leads: the named ones, or (``all``) all that the table shows with ``query``.

    ``owner_id`` (null: nobody) is for assign, ``label`` for label and unlabel, ``campaign_id`` (a running one) for
    enroll, ``reason`` for suppress. Stop cannot be undone; the others can, within 24 hours.
    """

    act: LeadActName
    lead_ids: list[UUID] = Field(default_factory=list, max_length=20_000)
    all: bool = False
    query: str = Field("", max_length=1_000, description="The query string of the table, such as label=fair.")
    owner_id: UUID | None = None
    label: str = Field("", max_length=40)
    campaign_id: UUID | None = None
    reason: str = Field("", max_length=200)


class LeadActOut(Schema):
    """An act: how far it is (``done`` of ``total``, with ``failed``), and how far taken back (``back``, ``kept``).

    Whom it concerned, and why not, is in ``GET /lead-acts/{id}/leads``.
    """

    id: UUID
    act: LeadActName | Literal["undo_import"]
    about: str
    state: Literal["running", "done", "undoing", "undone"]
    total: int
    done: int
    failed: int
    back: int
    kept: int
    created_at: datetime
    undone_at: datetime | None


class LeadActItemsIn(PageIn):
    """Which leads of an act."""

    state: Literal["waiting", "done", "failed", "undone", "kept"] | None = Field(None, alias="filter[state]")


class LeadActItemOut(Schema):
    """One lead of an act, and why it was not changed, or not changed back."""

    lead_id: UUID
    state: Literal["waiting", "done", "failed", "undone", "kept"]
    why: str
