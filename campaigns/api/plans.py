"""Operations: the schema of plans, and checking one before it is put into a campaign."""

from __future__ import annotations

from typing import Any

from ninja import Body

from campaigns.api import schemas
from campaigns.api.routing import router
from campaigns.plans import library
from campaigns.plans.canonical import plan_hash
from campaigns.plans.schema import plan_json_schema
from campaigns.services import drafts
from project.tenancy.access import Permission
from project.tenancy.api_auth import ApiRequest, api_public, api_rule

TAGS = ["Plans"]


@router.get("/plans/schema", response=dict[str, Any], tags=TAGS)
@api_public("describes plans, holds no data")
def plan_schema(request: ApiRequest) -> Any:
    """The JSON Schema (draft 2020-12) of a plan graph."""
    return plan_json_schema()


@router.post("/plans/validate", response=schemas.PlanCheckOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def validate_plan(request: ApiRequest, payload: Body[schemas.PlanJson]) -> Any:
    """Say everything that is wrong with a plan graph, by node and field. Nothing is kept."""
    return _verdict(drafts.checked_plan, payload)


@router.post("/plans/validate-sequence", response=schemas.PlanCheckOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def validate_sequence(request: ApiRequest, payload: Body[schemas.SequenceJson]) -> Any:
    """Say everything that is wrong with a linear sequence, by step and field. Nothing is kept."""
    return _verdict(drafts.checked_sequence, payload)


@router.get("/plans/library", response=list[schemas.BeginningOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_beginnings(request: ApiRequest) -> Any:
    """Plans to begin with: proven shapes whose texts say what belongs there. Put one into a campaign as its plan."""
    return [
        {
            "key": one.key,
            "title": one.title,
            "text": one.text,
            "plan": library.plan_of(one.key, "UTC").model_dump(
                mode="json", by_alias=True, exclude_defaults=True
            ),
        }
        for one in library.BEGINNINGS
    ]


def _verdict(read: Any, payload: dict[str, Any]) -> dict[str, Any]:
    try:
        plan = read(payload)
    except drafts.PlanRefused as refusal:
        return {"valid": False, "errors": refusal.details["errors"]}
    return {"valid": True, "errors": [], "plan_hash": plan_hash(plan)}
