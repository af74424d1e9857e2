"""Operations: why something waits, and why something left as it did."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema

from campaigns.api.routing import router
from campaigns.models import ScheduledAction
from campaigns.services import explanations
from integrations.models import OutboundMessage
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Explanations"]


class ConditionOut(Schema):
    """One condition of a send. ``until``: when it clears by itself; ``change``: what a person could do."""

    code: str
    label: str
    met: bool
    reason: str
    until: datetime | None
    final: bool
    change: str


class WhyNotOut(Schema):
    """What an action waits for. ``at`` null: nobody can say before somebody acts, or it never leaves."""

    action_id: UUID
    sentence: str
    at: datetime | None
    binding: ConditionOut | None
    conditions: list[ConditionOut]


class ReasonOut(Schema):
    """One decision that led to a message."""

    title: str
    text: str


class AttemptOut(Schema):
    """One try to hand a message to the provider."""

    number: int
    state: str
    started_at: datetime
    finished_at: datetime | None
    detail: str


class WhyOut(Schema):
    """Why a message left when, from whom and as it did."""

    outbound_id: UUID
    state: str
    reasons: list[ReasonOut]
    attempts: list[AttemptOut]


@router.get("/actions/{action_id}/why", response=WhyNotOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def why_action(request: ApiRequest, action_id: UUID) -> Any:
    """Every condition of a coming action, the one that binds, and the next instant at which it can happen."""
    rows = ScheduledAction.objects.filter(request.access.client_filter())
    answer = explanations.why_not(get_or_404(rows, action_id))
    return {
        "action_id": answer.action.id,
        "sentence": answer.sentence,
        "at": answer.at,
        "binding": answer.binding,
        "conditions": answer.conditions,
    }


@router.get("/sends/{outbound_id}/why", response=WhyOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def why_send(request: ApiRequest, outbound_id: UUID) -> Any:
    """What led to a message: step, sender, words, time, limits, attempts."""
    rows = OutboundMessage.objects.filter(request.access.client_filter())
    answer = explanations.why(get_or_404(rows.select_related("sender", "author"), outbound_id))
    return {
        "outbound_id": answer.outbound.id,
        "state": answer.outbound.state,
        "reasons": [{"title": title, "text": text} for title, text in answer.reasons],
        "attempts": answer.attempts,
    }
