"""Before a launch: for how many people a variable of the texts has no value. They would be given up at that step."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db.models import QuerySet

from campaigns import lead_gaps
from campaigns.models import Campaign, Lead
from campaigns.plans.schema import Content, Plan, SendNode
from campaigns.rendering import TemplateError, needed
from campaigns.services.messages import field_of
from campaigns.services.points import Point
from campaigns.services.settings import Audience


def points(campaign: Campaign, plan: Plan, audience: QuerySet[Lead]) -> list[Point]:
    """A point for each variable that somebody has no value for: one statement for all of them.

    Whoever launches may accept it (``Point.can_be_accepted``), and says so.
    """
    steps = _steps(plan)
    if not steps:
        return []
    everybody, missing = lead_gaps.missing_counts(audience, steps)
    found = [
        _point(campaign, name, steps[name], count, everybody) for name, count in missing.items() if count
    ]
    return found or [
        Point("unfilled", True, "Everybody has a value for every variable of the texts.", "plan")
    ]


def needed_by(node: SendNode, content: Content) -> set[str]:
    """The variables that a wording of a step cannot leave without; what cannot be read has none."""
    fields = {field_of(node.action), *(["subject"] if node.action in ("email", "inmail") else [])}
    found: set[str] = set()
    for field in fields:
        try:
            found |= needed(str(getattr(content, field)))
        except TemplateError:
            continue  # a point of the plan's own says so
    return found


def _steps(plan: Plan) -> dict[str, str]:
    """The variables that texts cannot leave without, each with the first step that needs it."""
    found: dict[str, str] = {}
    for node in plan.nodes:
        if not isinstance(node, SendNode) or node.action == "profile_view":
            continue
        contents = [variant.content for variant in node.variants] or [node.content or Content()]
        for name in set[str]().union(*(needed_by(node, content) for content in contents)):
            found.setdefault(name, node.id)
    return dict(sorted(found.items()))


def _point(campaign: Campaign, name: str, node: str, missing: int, everybody: int) -> Point:
    of = f"the first {everybody:,}" if everybody == lead_gaps.LOOKED_AT else f"{everybody:,}"
    who = "Nobody in the list has" if missing == everybody else f"{missing:,} of {of} people have no"
    said = "a value" if missing == everybody else "value"
    return Point(
        "unfilled",
        False,
        f"{node}: {who} {said} for {name}: the step may be given up for them. Add a fallback, or the values.",
        "plan",
        node,
        leads=urlencode(_query(campaign, name)),
        can_be_accepted=True,
    )


def _query(campaign: Campaign, name: str) -> dict[str, str]:
    """The table of leads narrowed to them."""
    audience = Audience.model_validate(campaign.audience or {})
    narrowed = {"list": str(audience.import_id)} if audience.kind == "import" else {}
    return {"client": str(campaign.client_id), **narrowed, "lacks": name}
