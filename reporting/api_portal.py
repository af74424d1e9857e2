"""Operations of the JSON API: the client's word on replies, what both sides say about them, and what its people see."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import File, Query, Router, Schema, Status, UploadedFile
from pydantic import Field

from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting import selectors_portal, selectors_replies
from reporting.services import portal
from reporting.views_portal import logo_response

router = Router()
TAGS = ["Analytics"]


class ReplyVerdictIn(Schema):
    """Whether whoever replied is qualified, and a note for the agency."""

    verdict: Literal["qualified", "disqualified"]
    comment: str = Field("", max_length=4000)


class ReplyVerdictOut(Schema):
    """The latest word on a reply."""

    conversation_id: UUID
    verdict: str
    decided_at: datetime


class CommentIn(Schema):
    """A comment on a reply, for the other side."""

    text: str = Field(min_length=1, max_length=4000)


class CommentOut(Schema):
    """What somebody of the client, or of the agency, said about a reply."""

    id: UUID
    author: str
    is_client: bool
    body: str
    written_at: datetime


class PortalApprovalOut(Schema):
    """A plan that the client was asked about; decide it at `POST /campaigns/{campaign_id}/review/decision`."""

    id: UUID
    campaign_id: UUID
    campaign: str
    client_id: UUID
    state: Literal["asked", "approved", "declined"]
    note: str
    asked_by_id: UUID | None
    asked_at: datetime
    decided_by_id: UUID | None
    decided_at: datetime | None


class PortalPolicyBody(Schema):
    """What a client's people see of replies and deals, and the colour of its pages.

    ``brand_colour`` is like ``#1f6feb``; empty is the colour of the client's mark. Texts on and beside it are chosen so
    that they can be read.
    """

    shows_replies: bool
    hides_addresses: bool
    shows_deals: bool | None = Field(None, description="Null: as it is.")
    brand_colour: str | None = Field(None, max_length=7, description="Null: as it is.")


@router.put("/conversations/{conversation_id}/verdict", response=ReplyVerdictOut, tags=TAGS)
@api_rule(Permission.REPORTS_JUDGE)
def judge_reply(request: ApiRequest, conversation_id: UUID, payload: ReplyVerdictIn) -> Any:
    """Call whoever replied qualified, or not; it corrects what the reply was read as."""
    conversation = get_or_404(selectors_replies.readable(request.access), conversation_id)
    return portal.judge(
        access=request.access, conversation=conversation, verdict=payload.verdict, text=payload.comment
    )


@router.get("/conversations/{conversation_id}/comments", response=list[CommentOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def list_comments(request: ApiRequest, conversation_id: UUID) -> Any:
    """What the client's people and the agency said to each other about a reply, oldest first."""
    conversation = get_or_404(selectors_replies.readable(request.access), conversation_id)
    covered = selectors_replies.covers(request.access, conversation.client)
    return selectors_replies.comments([conversation.id], covered=covered).get(conversation.id, [])


@router.post("/conversations/{conversation_id}/comments", response={201: CommentOut}, tags=TAGS)
@api_rule(Permission.REPORTS_JUDGE)
def add_comment(request: ApiRequest, conversation_id: UUID, payload: CommentIn) -> Any:
    """Say something about a reply that both sides read; it becomes a note in the thread."""
    conversation = get_or_404(selectors_replies.readable(request.access), conversation_id)
    note = portal.comment(access=request.access, conversation=conversation, text=payload.text)
    covered = selectors_replies.covers(request.access, conversation.client)
    said = selectors_replies.comments([conversation.id], covered=covered)[conversation.id]
    return Status(201, next(one for one in said if one["id"] == note.id))


@router.get("/approvals", response=PageOut[PortalApprovalOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def list_approvals(
    request: ApiRequest, page: Query[PageIn], state: Literal["asked", "approved", "declined"] | None = None
) -> Any:
    """Plans that the clients within reach were asked about, those that changed last first."""
    rows = selectors_portal.asked(request.access)
    found = page_of(rows.filter(state=state) if state else rows, page, order=selectors_portal.ORDER)
    found["items"] = [
        {
            "id": row.id, "campaign_id": row.campaign_id, "campaign": row.campaign.name,
            "client_id": row.campaign.client_id, "state": row.state, "note": row.note,
            "asked_by_id": row.asked_by_id,
            "asked_at": row.updated_at if row.state == "asked" else row.created_at, "decided_by_id": row.decided_by_id,
            "decided_at": row.decided_at,
        }
        for row in found["items"]
    ]  # fmt: skip
    return found


@router.get("/clients/{client_id}/logo", response={204: None}, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def get_logo(request: ApiRequest, client_id: UUID) -> Any:
    """The client's logo: PNG, JPEG or WebP; 204 where there is none."""
    return logo_response(get_or_404(request.access.clients(), client_id))


@router.post("/clients/{client_id}/logo", response={204: None}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def set_logo(request: ApiRequest, client_id: UUID, logo: File[UploadedFile]) -> Any:
    """Put the client's logo on its pages (multipart, at most 200 KiB): PNG, JPEG or WebP by what the bytes prove."""
    client = get_or_404(request.access.clients(), client_id)
    portal.set_logo(access=request.access, client=client, data=logo.read(portal.LOGO_BYTES + 1))
    return Status(204, None)


@router.delete("/clients/{client_id}/logo", response={204: None}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def remove_logo(request: ApiRequest, client_id: UUID) -> Any:
    """Show the client's initial instead. Harmless twice."""
    portal.remove_logo(access=request.access, client=get_or_404(request.access.clients(), client_id))
    return Status(204, None)


@router.get("/clients/{client_id}/portal-policy", response=PortalPolicyBody, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def get_portal_policy(request: ApiRequest, client_id: UUID) -> Any:
    """What the client's people see of replies."""
    return portal.policy_of(get_or_404(request.access.clients(), client_id))


@router.put("/clients/{client_id}/portal-policy", response=PortalPolicyBody, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def set_portal_policy(request: ApiRequest, client_id: UUID, payload: PortalPolicyBody) -> Any:
    """Say what the client's people see of replies."""
    client = get_or_404(request.access.clients(), client_id)
    return portal.set_policy(
        access=request.access,
        client=client,
        shows_replies=payload.shows_replies,
        hides_addresses=payload.hides_addresses,
        shows_deals=payload.shows_deals,
        brand_colour=payload.brand_colour,
    )
