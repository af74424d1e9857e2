"""What a new version would mean for those who are under way, and what became of the last ones."""

from __future__ import annotations

from typing import Any

from campaigns.models import Campaign, PlanMigration
from campaigns.plans.difference import difference
from campaigns.plans.naming import name_of
from campaigns.plans.outline import outline
from campaigns.plans.schema import Plan, SendNode
from campaigns.services import checklist, plan_migrations, reviews
from campaigns.services.planning import plan_of_version

#: Migrations that the page shows.
SHOWN = 10


def publish_page(campaign: Campaign) -> dict[str, Any]:
    """The differences from what runs, who is at which step and what may be done with them, and the last versions."""
    plan = reviews.plan_to_launch(campaign)
    running = campaign.current_version
    current = plan_of_version(running.id) if running else None
    changes = difference(current, plan) if plan and current else []
    history = list(
        PlanMigration.objects.filter(campaign=campaign)
        .select_related("from_version", "to_version", "actor")
        .order_by("-created_at", "-id")[:SHOWN]
    )
    for one in history:
        one.campaign = campaign
        one.can_undo = plan_migrations.can_undo(one)
        one.said = said(one)
    return {
        "campaign": campaign,
        "is_native": campaign.kind == Campaign.Kind.NATIVE,
        "running": running,
        "changes": changes,
        "is_complete": plan is not None,
        "points": [point for point in checklist.check(campaign) if not point.ok],
        "groups": _groups(campaign, plan, current) if plan and current else [],
        "steps": _steps(plan) if plan else [],
        "history": history,
        **_under_way(history),
    }


def _under_way(history: list[PlanMigration]) -> dict[str, Any]:
    """The one that a worker does or rolls back, if there is one, and how far it is."""
    states = (PlanMigration.State.RUNNING, PlanMigration.State.BACKING)
    found = next((one for one in history if one.state in states), None)
    done, total = (plan_migrations.progress(found) if found else None) or (0, 0)
    return {"under_way": found, "done": done, "total": total}


def _groups(campaign: Campaign, plan: Plan, current: Plan) -> list[dict[str, Any]]:
    order = {row.node_id: at for at, row in enumerate(outline(current))}
    found = []
    for group in plan_migrations.groups(campaign, plan):
        node = plan.index.get(group.node_id) or current.index.get(group.node_id)
        found.append(
            {
                "id": group.node_id,
                "name": name_of(node) if node else group.node_id,
                "count": group.count,
                "can_go_on": group.can_go_on,
                "is_gone": group.node_id not in plan.index,
                "at": order.get(group.node_id, len(order)),
            }
        )
    return sorted(found, key=lambda one: (one["at"], one["id"]))


def _steps(plan: Plan) -> list[tuple[str, str]]:
    """The steps of the new version that somebody may be moved to, in its order."""
    rows = [row for row in outline(plan) if row.kind == "node"]
    return [
        (row.node_id, f"{row.number} {name_of(plan.index[row.node_id])}")
        for row in rows
        if isinstance(plan.index[row.node_id], SendNode)
    ]


_WORDS = (
    ("go_on", "went on with it"), ("move", "were moved"), ("finish", "were finished"), ("stay", "stay with theirs"),
    ("back", "went back"), ("kept", "were left as they are"),
)  # fmt: skip


def said(migration: PlanMigration) -> str:
    """What became of people, in words."""
    parts = [f"{migration.counts[key]:,} {words}" for key, words in _WORDS if migration.counts.get(key)]
    return ", ".join(parts) or "nobody was under way"
