"""Operations about accounts as campaigns use them: their queue, the budget board, giving people to another account."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from ninja import Query, Schema
from pydantic import Field

from campaigns import selectors_board, selectors_queue
from campaigns.api.routing import router
from campaigns.models import Campaign
from campaigns.services import reallocation
from integrations.models import SenderAccount
from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Access, Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule


class QueuedOut(Schema):
    """A step that goes out through an account, when, and what it waits for."""

    action_id: UUID
    campaign_id: UUID
    lead_id: UUID
    step: str
    due_at: datetime
    held_by: str
    held_reason: str


class BudgetLeftOut(Schema):
    """What is left of one action's budget in a window."""

    action: str
    window: str
    key: str
    limit: int
    used: int
    remaining: int


class UseOut(Schema):
    """One running campaign that uses an account: people under way, how many could go to another account, and when
    it would be done (null: not within years, or nobody waits).
    """

    campaign_id: UUID
    people: int
    movable: int
    finish: date | None


class BoardLineOut(Schema):
    """One account on the budget board."""

    sender_id: UUID
    name: str
    sentence: str
    budgets: list[BudgetLeftOut]
    uses: list[UseOut]


class PeopleMoveIn(Schema):
    """How many people of a campaign go from one of its accounts to another."""

    source: UUID
    target: UUID
    people: int = Field(ge=1, le=reallocation.MOST)


class EffectOut(Schema):
    """When a campaign would be done with an account before and after."""

    campaign_id: UUID
    sender: str
    before: date | None
    after: date | None
    days: int | None


class PeopleMovedOut(Schema):
    """How many people went; those whom the account had written to stay."""

    moved: int


def _sender(access: Access, sender_id: UUID) -> SenderAccount:
    rows = SenderAccount.objects.filter(access.client_filter()).select_related("client", "connection")
    found: SenderAccount = get_or_404(rows, sender_id)
    return found


@router.get("/senders/{sender_id}/queue", response=PageOut[QueuedOut], tags=["Senders"])
@api_rule(Permission.CAMPAIGNS_VIEW)
def sender_queue(request: ApiRequest, sender_id: UUID, page: Query[PageIn]) -> Any:
    """What goes out next through an account, next first."""
    rows = selectors_queue.queued(request.access, _sender(request.access, sender_id))
    found = page_of(rows, page, order=("due_at", "id"))
    return {
        **found,
        "items": [
            {
                "action_id": row["action"].id,
                "campaign_id": row["action"].campaign_id,
                "lead_id": row["action"].enrollment.lead_id,
                "step": row["step"],
                "due_at": row["action"].due_at,
                "held_by": row["action"].held_by,
                "held_reason": row["action"].held_reason,
            }
            for row in selectors_queue.queue_rows(found["items"])
        ],
    }


@router.get("/senders-board", response=list[BoardLineOut], tags=["Senders"])
@api_rule(Permission.SENDERS_VIEW)
def budget_board(request: ApiRequest, client_id: UUID | None = None) -> Any:
    """What every account may still do, which campaigns use it, and when these would be done."""
    return [
        {
            "sender_id": line.sender.id,
            "name": line.sender.name,
            "sentence": line.sentence,
            "budgets": [cell["cap"] for cell in [*line.today, *line.week, *line.growth]],
            "uses": [
                {
                    "campaign_id": use.campaign.id,
                    "people": use.people,
                    "movable": use.movable,
                    "finish": use.finish,
                }
                for use in line.uses
            ],
        }
        for line in selectors_board.board(request.access, client_id)
    ]


def _shift(
    access: Access, campaign_id: UUID, payload: PeopleMoveIn
) -> tuple[Campaign, SenderAccount, SenderAccount]:
    campaign: Campaign = get_or_404(Campaign.objects.filter(access.client_filter()), campaign_id)
    return campaign, _sender(access, payload.source), _sender(access, payload.target)


@router.post("/campaigns/{campaign_id}/people/move/effect", response=list[EffectOut], tags=["Senders"])
@api_rule(Permission.SENDERS_VIEW)
def people_move_effect(request: ApiRequest, campaign_id: UUID, payload: PeopleMoveIn) -> Any:
    """What a move would do to finish dates; nothing is changed."""
    campaign, source, target = _shift(request.access, campaign_id, payload)
    shift = selectors_board.Shift(campaign.id, source.id, target.id, payload.people)
    return [
        {**row, "campaign_id": row["campaign"].id} for row in selectors_board.effect(request.access, shift)
    ]


@router.post("/campaigns/{campaign_id}/people/move", response=PeopleMovedOut, tags=["Senders"])
@api_rule(Permission.CAMPAIGNS_EDIT)
def move_people(request: ApiRequest, campaign_id: UUID, payload: PeopleMoveIn) -> Any:
    """Give people of a campaign, whom the account has not written to, from one account to another."""
    campaign, source, target = _shift(request.access, campaign_id, payload)
    moved = reallocation.move(
        campaign=campaign, source=source, target=target, people=payload.people, actor=request.access.user
    )
    return {"moved": moved}
