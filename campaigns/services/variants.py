"""Variants: what became of each wording, the stated test, and the choice that follows from it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from campaigns.models import Campaign, ReplyReading, SendOutcome, VariantChoice
from campaigns.plans.schema import SendNode
from campaigns.replies.intents import POSITIVE, Intent
from campaigns.services import campaigns
from campaigns.services.planning import plan_of_version
from campaigns.statistics import Tally, Verdict, judge
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.refusals import Invalid, NotFound
from project.tenancy import audit
from project.tenancy.models import User

#: The test is asked again where a reply was read or corrected this lately.
LOOKED_BACK: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Trial:
    """One step with variants: counts, what can be said of them, and the choice if there is one."""

    node_id: str
    tallies: tuple[Tally, ...]
    verdict: Verdict
    choice: VariantChoice | None


def trials(campaign: Campaign) -> list[Trial]:
    """Return the trials of a campaign's current version, in the order of its steps; a fixed number of queries."""
    nodes = _nodes(campaign)
    if not nodes:
        return []
    chosen = {choice.node_id: choice for choice in VariantChoice.objects.filter(campaign=campaign)}
    counts = _counts(campaign.id, [node.id for node in nodes])
    found = []
    for node in nodes:
        tallies = tuple(_tally(node.id, variant.id, variant.weight, counts) for variant in node.variants)
        found.append(Trial(node.id, tallies, judge(tallies), chosen.get(node.id)))
    return found


def _nodes(campaign: Campaign) -> list[SendNode]:
    if campaign.current_version_id is None:
        return []
    plan = plan_of_version(campaign.current_version_id)
    return [node for node in plan.nodes if isinstance(node, SendNode) and node.variants]


@dataclass(slots=True)
class _Counts:
    """Enrollments by (step, variant): each person once, and an opt-out outweighs a positive reply."""

    contacted: dict[tuple[str, str], set[UUID]]
    positive: dict[tuple[str, str], set[UUID]]
    opted_out: dict[tuple[str, str], set[UUID]]


def _counts(campaign_id: UUID, node_ids: list[str]) -> _Counts:
    contacted: dict[tuple[str, str], set[UUID]] = defaultdict(set)
    positive: dict[tuple[str, str], set[UUID]] = defaultdict(set)
    opted_out: dict[tuple[str, str], set[UUID]] = defaultdict(set)
    sent = OutboundMessage.objects.filter(
        campaign_id=campaign_id, node_id__in=node_ids, state=OutboundMessage.State.SENT
    ).exclude(variant_id="")
    by_id = {}
    for row_id, enrollment_id, node_id, variant_id in sent.values_list(
        "id", "enrollment_id", "node_id", "variant_id"
    ).iterator():
        contacted[node_id, variant_id].add(enrollment_id)
        by_id[row_id] = (node_id, variant_id, enrollment_id)
    readings = ReplyReading.objects.filter(campaign_id=campaign_id, node_id__in=node_ids).exclude(
        variant_id=""
    )
    for node_id, variant_id, enrollment_id, intent in readings.values_list(
        "node_id", "variant_id", "enrollment_id", "intent"
    ):
        if intent == Intent.UNSUBSCRIBE:
            opted_out[node_id, variant_id].add(enrollment_id)
        elif intent in POSITIVE:
            positive[node_id, variant_id].add(enrollment_id)
    gone = SendOutcome.objects.filter(
        Q(unsubscribed_at__isnull=False) | Q(complained_at__isnull=False), campaign_id=campaign_id
    )
    for outbound_id in gone.values_list("outbound_id", flat=True):
        if outbound_id in by_id:
            node_id, variant_id, enrollment_id = by_id[outbound_id]
            opted_out[node_id, variant_id].add(enrollment_id)
    return _Counts(contacted, positive, opted_out)


def _tally(node_id: str, variant_id: str, weight: int, counts: _Counts) -> Tally:
    key = (node_id, variant_id)
    reached = counts.contacted[key]
    left = counts.opted_out[key] & reached
    return Tally(
        variant=variant_id,
        contacted=len(reached),
        positive=len((counts.positive[key] & reached) - left),
        opted_out=len(left),
        weight=weight,
    )


def winners() -> dict[tuple[UUID, str], str]:
    """Return the chosen wording of each (running campaign, step) of the organization that has one; one query."""
    rows = VariantChoice.objects.filter(campaign__status=Campaign.Status.ACTIVE)
    return {
        (campaign_id, node_id): variant_id
        for campaign_id, node_id, variant_id in rows.values_list("campaign_id", "node_id", "variant_id")
    }


def on_trial() -> list[Campaign]:
    """Running campaigns in which a winner may have been found since the last look (platform scope)."""
    lately = now() - LOOKED_BACK
    told = ReplyReading.objects.filter(campaign=OuterRef("pk"), updated_at__gte=lately).exclude(variant_id="")
    rows = Campaign.objects.filter(Exists(told), status=Campaign.Status.ACTIVE, auto_winner=True)
    return list(rows.order_by("id"))


def settle(campaign: Campaign) -> list[VariantChoice]:
    """Choose the winners that the test has found since the last look, if the campaign wants that."""
    if not campaign.auto_winner:
        return []
    return [
        _choose(campaign, trial, trial.verdict.winner, trial.verdict.sentence, None)
        for trial in trials(campaign)
        if trial.choice is None and trial.verdict.winner
    ]


def choose(*, campaign: Campaign, node_id: str, variant_id: str, actor: User) -> VariantChoice:
    """Give everybody from now on one wording of a step, because a person says so.

    Raises ``NotFound`` for a step without variants and ``Invalid`` for a variant that it has not.
    """
    trial = next((one for one in trials(campaign) if one.node_id == node_id), None)
    if trial is None:
        raise NotFound(f"The campaign has no step {node_id} with variants.")
    if variant_id not in {tally.variant for tally in trial.tallies}:
        raise Invalid(f"The step has no variant {variant_id!r}.", field="variant_id")
    return _choose(campaign, trial, variant_id, f"Chosen by {actor.display_name}.", actor)


@transaction.atomic
def reopen(*, campaign: Campaign, node_id: str, actor: User) -> None:
    """Take a choice back: people are given the wordings by their weights again."""
    gone, _ = VariantChoice.objects.filter(campaign=campaign, node_id=node_id).delete()
    if gone:
        audit.record(actor=actor, action="variant.reopened", subject=campaign, node=node_id)
        campaigns.changed(campaign.id)


@transaction.atomic
def _choose(
    campaign: Campaign, trial: Trial, variant_id: str, reason: str, actor: User | None
) -> VariantChoice:
    counted: list[dict[str, Any]] = [asdict(tally) for tally in trial.tallies]
    row: VariantChoice = VariantChoice.objects.update_or_create(
        campaign=campaign,
        node_id=trial.node_id,
        defaults={
            "variant_id": variant_id,
            "reason": reason[:400],
            "tallies": counted,
            "decided_by": actor,
        },
    )[0]
    audit.record(
        actor=actor, action="variant.chosen", subject=campaign, node=trial.node_id, variant=variant_id
    )
    campaigns.changed(campaign.id)
    return row
