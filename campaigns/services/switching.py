"""Kill switches of campaigns and of single steps."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from campaigns.models import Campaign
from campaigns.plans.schema import Plan, SendNode
from campaigns.services import campaigns
from integrations.models import KillSwitch
from integrations.services import switches
from project.core.refusals import Invalid
from project.tenancy.models import User


@dataclass(frozen=True, slots=True)
class StepSwitch:
    """A step that sends, and the switch that stops it, if it is on."""

    node_id: str
    label: str
    row: KillSwitch | None


@transaction.atomic
def switch(*, campaign: Campaign, node_id: str, on: bool, reason: str, actor: User) -> bool:
    """Stop a campaign, or (with ``node_id``) one of its steps, from the next claim on, or let it go.

    Returns whether that changed anything. Raises ``Invalid`` for a step that the campaign does not have.
    """
    if node_id and node_id not in {node.id for node in _sends(campaign)}:
        raise Invalid(f"The campaign has no step {node_id!r} that sends.", field="node_id")
    changed = switches.switch(
        level=KillSwitch.Level.NODE if node_id else KillSwitch.Level.CAMPAIGN,
        target_id=campaign.id,
        node_id=node_id,
        on=on,
        reason=reason,
        actor=actor,
    )
    if changed:
        campaigns.changed(campaign.id)
    return changed


def of(campaign: Campaign) -> tuple[KillSwitch | None, list[StepSwitch]]:
    """The campaign's own switch, if it is on, and its steps with theirs. One query besides the plan."""
    rows = {row.node_id: row for row in KillSwitch.objects.filter(target_id=campaign.id)}
    steps = [StepSwitch(node.id, node.label or node.id, rows.get(node.id)) for node in _sends(campaign)]
    return rows.get(""), steps


def _sends(campaign: Campaign) -> list[SendNode]:
    version = campaign.current_version
    if version is None:
        return []
    plan = Plan.model_validate(version.plan)
    return [node for node in plan.nodes if isinstance(node, SendNode)]
