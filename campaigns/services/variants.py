"""Variants: what became of each wording, the stated test, and the choice that follows from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from campaigns.models import Campaign, ReplyReading, VariantChoice
from campaigns.plans.schema import SendNode
from campaigns.replies.intents import POSITIVE, Intent
from campaigns.services import campaigns
from campaigns.services.planning import plan_of_version
from campaigns.statistics import Tally, Verdict, judge
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
    counts = _counts(campaign, [node.id for node in nodes])
    found = []
    for node in nodes:
        tallies = tuple(
            _tally(variant.id, variant.weight, counts.get((node.id, variant.id), (0, 0, 0)))
            for variant in node.variants
        )
        found.append(Trial(node.id, tallies, judge(tallies), chosen.get(node.id)))
    return found


def _nodes(campaign: Campaign) -> list[SendNode]:
    if campaign.current_version_id is None:
        return []
    plan = plan_of_version(campaign.current_version_id)
    return [node for node in plan.nodes if isinstance(node, SendNode) and node.variants]


#: Enrollments by step and wording. The rows come in the order of their index, so that a million take no sorting.
_CONTACTED: Final = """
SELECT node_id, variant_id, count(*) FROM (
    SELECT DISTINCT node_id, variant_id, enrollment_id FROM integrations_outboundmessage
    WHERE organization_id = %(organization)s AND campaign_id = %(campaign)s AND node_id = ANY(%(nodes)s)
      AND state = 'sent' AND variant_id <> ''
) AS sent GROUP BY node_id, variant_id
"""
#: Of those, who answered well and who wants no more: each person once, and an opt-out outweighs a positive reply.
_SAID: Final = """
SELECT node_id, variant_id, count(*) FILTER (WHERE is_positive AND NOT is_out), count(*) FILTER (WHERE is_out)
FROM (
    SELECT node_id, variant_id, enrollment_id, bool_or(is_positive) AS is_positive, bool_or(is_out) AS is_out FROM (
        SELECT node_id, variant_id, enrollment_id, intent = ANY(%(positive)s) AS is_positive,
          intent = %(unsubscribe)s AS is_out
        FROM campaigns_replyreading
        WHERE organization_id = %(organization)s AND campaign_id = %(campaign)s AND node_id = ANY(%(nodes)s)
          AND variant_id <> ''
        UNION ALL
        SELECT sent.node_id, sent.variant_id, sent.enrollment_id, false, true
        FROM campaigns_sendoutcome AS outcome
        JOIN integrations_outboundmessage AS sent ON sent.id = outcome.outbound_id
        WHERE outcome.organization_id = %(organization)s AND outcome.campaign_id = %(campaign)s
          AND (outcome.unsubscribed_at IS NOT NULL OR outcome.complained_at IS NOT NULL)
          AND sent.node_id = ANY(%(nodes)s) AND sent.variant_id <> ''
    ) AS words GROUP BY node_id, variant_id, enrollment_id
) AS person
WHERE (is_positive OR is_out) AND EXISTS (
    SELECT 1 FROM integrations_outboundmessage AS sent
    WHERE sent.organization_id = %(organization)s AND sent.campaign_id = %(campaign)s AND sent.state = 'sent'
      AND sent.variant_id <> '' AND sent.node_id = person.node_id AND sent.variant_id = person.variant_id
      AND sent.enrollment_id = person.enrollment_id
)
GROUP BY node_id, variant_id
"""
#: (contacted, positive, opted out) by (step, wording).
_Counts = dict[tuple[str, str], tuple[int, int, int]]


def _counts(campaign: Campaign, node_ids: list[str]) -> _Counts:
    """Count people of steps with wordings in the database; two statements."""
    given: dict[str, Any] = {
        "organization": campaign.organization_id,
        "campaign": campaign.id,
        "nodes": node_ids,
        "positive": sorted(intent.value for intent in POSITIVE),
        "unsubscribe": Intent.UNSUBSCRIBE.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CONTACTED, given)
        contacted = cursor.fetchall()
        cursor.execute(_SAID, given)
        said = {(node, variant): (positive, out) for node, variant, positive, out in cursor.fetchall()}
    return {
        (node, variant): (reached, *said.get((node, variant), (0, 0))) for node, variant, reached in contacted
    }


def _tally(variant_id: str, weight: int, counted: tuple[int, int, int]) -> Tally:
    contacted, positive, opted_out = counted
    return Tally(
        variant=variant_id, contacted=contacted, positive=positive, opted_out=opted_out, weight=weight
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
