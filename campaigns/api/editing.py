"""Operations: changing the draft of a plan step by step, and its history."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query

from campaigns.api import rows, schemas
from campaigns.api.routing import router
from campaigns.models import Campaign, DraftRevision
from campaigns.services import draft_history, editing
from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Plans"]


def _campaign(request: ApiRequest, campaign_id: UUID) -> Campaign:
    found: Campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    return found


def _shown(campaign: Campaign) -> dict[str, Any]:
    plan = editing.plan_of_draft(campaign)
    undoable, _ = draft_history.around(campaign)
    return {
        **rows.draft_shown(campaign),
        "label": undoable.label if undoable else "",
        "errors": [error.to_json() for error in editing.errors_of(campaign, plan)],
    }


@router.post("/campaigns/{campaign_id}/plan/edits", response=schemas.EditedOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def edit_plan(request: ApiRequest, campaign_id: UUID, payload: schemas.EditIn) -> Any:
    """Make one change of the draft: insert, move, remove, connect, write. Answers what still keeps it from running.

    Refused as `EDIT_REFUSED` (422) where the change makes no sense, as `DRAFT_MOVED` (409) with an older `version`.
    """
    campaign = _campaign(request, campaign_id)
    change = editing.parse_edit(payload.edit)
    return _shown(
        editing.edit(campaign=campaign, change=change, actor=request.access.user, version=payload.version)
    )


@router.post("/campaigns/{campaign_id}/plan/undo", response=schemas.EditedOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def undo_edit(request: ApiRequest, campaign_id: UUID, payload: schemas.DraftSeenIn) -> Any:
    """Take back the last change of the draft, whoever made it."""
    campaign = _campaign(request, campaign_id)
    return _shown(draft_history.undo(campaign=campaign, actor=request.access.user, version=payload.version))


@router.post("/campaigns/{campaign_id}/plan/redo", response=schemas.EditedOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def redo_edit(request: ApiRequest, campaign_id: UUID, payload: schemas.DraftSeenIn) -> Any:
    """Make the change again that was taken back last."""
    campaign = _campaign(request, campaign_id)
    return _shown(draft_history.redo(campaign=campaign, actor=request.access.user, version=payload.version))


@router.get("/campaigns/{campaign_id}/plan/history", response=PageOut[schemas.RevisionOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_revisions(request: ApiRequest, campaign_id: UUID, page: Query[PageIn]) -> Any:
    """The steps of the draft's history, newest first; what lies above the current one was undone."""
    campaign = _campaign(request, campaign_id)
    wanted = DraftRevision.objects.filter(campaign=campaign).select_related("actor").defer("plan")
    found = page_of(wanted, page, order=("-number", "-id"))
    return {
        **found,
        "items": [
            {
                "number": row.number,
                "label": row.label,
                "by": row.actor.display_name if row.actor else "",
                "current": row.number == campaign.draft_position,
                "created_at": row.created_at,
            }
            for row in found["items"]
        ],
    }
