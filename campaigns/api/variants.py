"""Operations: what became of each wording of a step, and what replies mean."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Query, Schema, Status
from pydantic import Field

from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.models import ReplyReading
from campaigns.replies.intents import Intent
from campaigns.services import readings as reading_service
from campaigns.services import variants as service
from project.core.api_pages import OrderedPageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Variants"]
IntentName = Literal[
    "interested", "question", "referral", "not_now", "not_interested", "wrong_person", "out_of_office",
    "unsubscribe", "automatic", "unclear",
]  # fmt: skip


class TallyOut(Schema):
    """Counts of one wording; each person counts once, and an opt-out outweighs a positive reply."""

    variant: str
    weight: int
    contacted: int
    positive: int
    opted_out: int
    rate: float = Field(description="Positive replies minus opt-outs, per contacted lead.")


class ComparisonOut(Schema):
    """The best wording against another one: the evidence so far, and how much decides."""

    other: str
    signals: int
    evidence: float
    needed: float
    p_value: float


class ChoiceOut(Schema):
    """The wording that everybody gets from now on, and why."""

    variant_id: str
    reason: str
    decided_at: datetime
    by_person: bool


class TrialOut(Schema):
    """One step with variants. ``state``: `too_early`, `open` or `decided`; the test may be looked at any time."""

    node_id: str
    state: str
    sentence: str
    leader: str
    winner: str
    tallies: list[TallyOut]
    comparisons: list[ComparisonOut]
    choice: ChoiceOut | None


class WinnerIn(Schema):
    """The wording to use."""

    variant_id: str = Field(min_length=1, max_length=80)


class ReadingsIn(OrderedPageIn):
    """Which readings, in which order of their making."""

    client: UUID | None = Field(None, alias="filter[client]", description="Only of this client.")
    campaign: UUID | None = Field(None, alias="filter[campaign]", description="Only of this campaign.")
    intent: IntentName | None = Field(None, alias="filter[intent]")


class ReadingOut(Schema):
    """What one reply means. ``first_intent`` is what the rules said."""

    id: UUID
    campaign_id: UUID
    enrollment_id: UUID
    event_id: UUID
    channel: str
    node_id: str
    variant_id: str
    intent: str
    first_intent: str
    because: str
    rules: str
    source: str
    occurred_at: datetime


class ReadingIn(Schema):
    """What the reply really means."""

    intent: IntentName


def _trial(trial: service.Trial) -> dict[str, Any]:
    choice = trial.choice
    return {
        "node_id": trial.node_id,
        "state": trial.verdict.state,
        "sentence": trial.verdict.sentence,
        "leader": trial.verdict.leader,
        "winner": trial.verdict.winner,
        "tallies": [
            {
                "variant": tally.variant,
                "weight": tally.weight,
                "contacted": tally.contacted,
                "positive": tally.positive,
                "opted_out": tally.opted_out,
                "rate": tally.rate,
            }
            for tally in trial.tallies
        ],
        "comparisons": [
            {
                "other": one.other,
                "signals": one.signals,
                "evidence": one.evidence,
                "needed": one.needed,
                "p_value": one.p_value,
            }
            for one in trial.verdict.comparisons
        ],
        "choice": choice
        and {
            "variant_id": choice.variant_id,
            "reason": choice.reason,
            "decided_at": choice.decided_at,
            "by_person": choice.decided_by_id is not None,
        },
    }


@router.get("/campaigns/{campaign_id}/variants", response=list[TrialOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_variants(request: ApiRequest, campaign_id: UUID) -> Any:
    """The steps with variants of the version that runs: counts, the stated test, and the choice."""
    campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    return [_trial(trial) for trial in service.trials(campaign)]


@router.put("/campaigns/{campaign_id}/variants/{node_id}", response=list[TrialOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def choose_variant(request: ApiRequest, campaign_id: UUID, node_id: str, payload: WinnerIn) -> Any:
    """Give everybody from now on one wording of a step."""
    campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    service.choose(
        campaign=campaign, node_id=node_id, variant_id=payload.variant_id, actor=request.access.user
    )
    return [_trial(trial) for trial in service.trials(campaign)]


@router.delete("/campaigns/{campaign_id}/variants/{node_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def reopen_variants(request: ApiRequest, campaign_id: UUID, node_id: str) -> Any:
    """Take a choice back: wordings are given by their weights again."""
    campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    service.reopen(campaign=campaign, node_id=node_id, actor=request.access.user)
    return Status(204, None)


@router.get("/replies/readings", response=PageOut[ReadingOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_readings(request: ApiRequest, page: Query[ReadingsIn]) -> Any:
    """What replies mean, with the words that the rules rest on."""
    wanted = rows.narrowed(ReplyReading.objects.all(), request.access, page.client)
    if page.campaign:
        wanted = wanted.filter(campaign_id=page.campaign)
    if page.intent:
        wanted = wanted.filter(intent=Intent(page.intent))
    return page_of(wanted, page, order=page.by("created_at", "id"))


@router.put("/replies/readings/{reading_id}", response=ReadingOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def correct_reading(request: ApiRequest, reading_id: UUID, payload: ReadingIn) -> Any:
    """Say what a reply really means; the counts of variants follow."""
    found = get_or_404(ReplyReading.objects.filter(request.access.client_filter()), reading_id)
    return reading_service.correct(reading=found, intent=payload.intent, actor=request.access.user)
