"""Draft plans as programs send them: checked in full, with every error at its node and field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from campaigns.models import Campaign
from campaigns.plans import linear, validate
from campaigns.plans.errors import PlanError, PlanInvalid
from campaigns.plans.schema import Plan
from campaigns.services import campaigns, snippets
from project.core.refusals import Invalid, Refused
from project.tenancy.models import User


class PlanRefused(Invalid):
    """The plan may not run; ``details["errors"]`` has every error with its node and field."""

    default_code = "PLAN_INVALID"

    def __init__(self, errors: Sequence[PlanError]) -> None:
        super().__init__(str(PlanInvalid(errors)), errors=[error.to_json() for error in errors])


class NotSequential(Refused):
    """The draft is no linear sequence; read it as a graph."""

    default_code = "NOT_LINEAR"


def checked_plan(data: dict[str, Any], client_id: UUID | None = None) -> Plan:
    """Read a plan graph; snippets are those of the client. Raises ``PlanRefused``."""
    try:
        if client_id is not None:
            # What is checked is what would leave; what is kept names its snippets.
            validate.check(snippets.expanded(data, client_id))
            return validate.parse_plan(data)
        return validate.check(data)
    except PlanInvalid as invalid:
        raise PlanRefused(invalid.errors) from invalid


def checked_sequence(data: dict[str, Any], client_id: UUID | None = None) -> Plan:
    """Read a linear sequence and return its graph; snippets are those of the client. Raises ``PlanRefused``."""
    try:
        return checked_plan(_as_json(linear.to_plan(linear.parse_sequence(data))), client_id)
    except PlanInvalid as invalid:
        raise PlanRefused(invalid.errors) from invalid
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = str(problem["loc"][0]) if problem["loc"] else ""
        message = str(problem["msg"]).removeprefix("Value error, ")
        raise PlanRefused([PlanError("", place, "shape", message)]) from error


def save(*, campaign: Campaign, plan: Plan, actor: User, version: int | None = None) -> Campaign:
    """Keep a checked plan as the draft of a campaign. Raises ``DraftMoved`` when ``version`` is an older one."""
    return campaigns.save_plan(campaign=campaign, plan=_as_json(plan), actor=actor, version=version)


def sequence_of(campaign: Campaign) -> linear.Sequence:
    """The draft as a linear sequence. Raises ``NotSequential``."""
    try:
        return linear.from_plan(Plan.model_validate(campaign.draft_plan))
    except ValidationError as error:
        raise NotSequential("Nothing was written yet, or the draft is not complete.") from error
    except linear.NotLinear as error:
        raise NotSequential(f"The draft is not a linear sequence. {error}") from error


def _as_json(plan: Plan) -> dict[str, Any]:
    return plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)
