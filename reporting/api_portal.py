"""Operations of the JSON API: the client's word on replies, and what its people see."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Router, Schema
from pydantic import Field

from inbox.models import Conversation
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting.services import portal

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


class PortalPolicyBody(Schema):
    """What a client's people see of replies, whether addresses in them are covered, and whether deals are shown."""

    shows_replies: bool
    hides_addresses: bool
    shows_deals: bool | None = Field(None, description="Null: as it is.")


@router.put("/conversations/{conversation_id}/verdict", response=ReplyVerdictOut, tags=TAGS)
@api_rule(Permission.REPORTS_JUDGE)
def judge_reply(request: ApiRequest, conversation_id: UUID, payload: ReplyVerdictIn) -> Any:
    """Call whoever replied qualified, or not; it corrects what the reply was read as."""
    rows = Conversation.objects.filter(request.access.client_filter())
    conversation = get_or_404(rows, conversation_id)
    return portal.judge(
        access=request.access, conversation=conversation, verdict=payload.verdict, comment=payload.comment
    )


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
    )
