"""What the JSON API takes and gives about reviews, plan files, test sends, copies and folders."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from campaigns.api.schemas import DraftSeenIn


class AgainstIn(Schema):
    """Which version the draft is compared with."""

    against: UUID | None = Field(None, description="A version; without it the live one.")


class PlanChangeOut(Schema):
    """One difference: ``+`` added, ``-`` removed, ``~`` changed; ``before`` and ``after`` are texts."""

    sign: Literal["+", "-", "~"]
    node: str
    kind: str
    text: str
    before: str
    after: str


class FormatIn(Schema):
    """How the plan is written."""

    format: Literal["json", "yaml"] = "json"


class PlanFileOut(Schema):
    """A plan as text."""

    format: Literal["json", "yaml"]
    text: str


class PlanFileIn(DraftSeenIn):
    """A plan as text, JSON or YAML."""

    text: str = Field(max_length=2_000_000)


class TestSendIn(Schema):
    """Which texts: of one step, or (without ``node``) of all; as a lead of a name would get them."""

    node: str = Field("", max_length=80)
    lead: str = Field("", max_length=120)


class TestSentOut(Schema):
    """How many texts are on the way, and to whom."""

    texts: int
    to: str


class ReviewOut(Schema):
    """Somebody's word on one plan and one list; it holds for just these. ``leads``: how many when it was asked for."""

    id: UUID
    plan_hash: str
    audience: dict[str, Any]
    leads: int | None
    state: Literal["asked", "approved", "declined"]
    note: str
    asked_by_id: UUID | None
    decided_by_id: UUID | None
    decided_at: datetime | None


class ApprovalOut(Schema):
    """Whether a launch asks for approval, and the review of the draft as it is (null: not asked for)."""

    needed: bool
    review: ReviewOut | None


class ApprovalIn(Schema):
    """Whether a launch asks for approval."""

    needed: bool


class ReviewDecisionIn(Schema):
    """A decision on a review; to decline needs a note that says what has to change."""

    review_id: UUID
    approve: bool
    note: str = Field("", max_length=500)


class CopyIn(Schema):
    """A copy: its name, its client (null: the same), and whether it is for the same leads."""

    name: str = Field(min_length=1, max_length=160)
    client_id: UUID | None = None
    with_audience: bool = False


class FilingOut(Schema):
    """Where the list shows a campaign, and by what it is found."""

    folder: str = Field("", max_length=80)
    tags: list[str] = Field(default_factory=list, max_length=20)
