"""What the pages of plan templates show: the library, one template with its campaigns, and a campaign's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from campaigns.models import Campaign, PlanTemplate
from campaigns.plans.difference import difference
from campaigns.plans.naming import name_of
from campaigns.plans.outline import outline
from campaigns.plans.schema import Plan, SendNode
from campaigns.services import editing, plan_templates
from project.core.pagination import Page, keyset_page
from project.tenancy.access import Access


@dataclass(frozen=True, slots=True)
class TemplateStep:
    """A step that sends, in the order of the outline."""

    number: int
    name: str
    channel: str


def usable(access: Access) -> QuerySet[PlanTemplate]:
    """Templates that may be looked at and taken: those of clients within reach, and those for all clients."""
    found: QuerySet[PlanTemplate] = PlanTemplate.objects.select_related("client", "changed_by")
    # An empty condition joined by "or" would vanish and leave those for all clients only.
    return found if access.whole_organization else found.filter(Q(client=None) | access.client_filter())


def template_list(access: Access, *, cursor: str | None) -> Page[Any]:
    """The library, newest first, with how many campaigns within reach were made from each and have fallen behind."""
    made = Q(campaign__isnull=False) & access.client_filter("campaign__client_id")
    rows = usable(access).annotate(
        made=Count("campaign", filter=made),
        behind=Count("campaign", filter=made & Q(campaign__template_version__lt=F("version"))),
    )
    return keyset_page(rows, order=("-created_at", "-id"), cursor=cursor, limit=30)


def steps_of(template: PlanTemplate) -> list[TemplateStep]:
    """The steps that send."""
    plan = Plan.model_validate(template.plan)
    found = []
    for row in outline(plan):
        node = plan.index[row.node_id]
        if row.kind == "node" and isinstance(node, SendNode):
            found.append(TemplateStep(row.number, name_of(node), node.channel))
    return found


def campaigns_of(template: PlanTemplate, access: Access, *, cursor: str | None) -> Page[Any]:
    """Campaigns within reach that were made from it, newest first."""
    rows = Campaign.objects.filter(access.client_filter(), template=template).select_related(
        "client", "template"
    )
    return keyset_page(rows, order=("-created_at", "-id"), cursor=cursor, limit=30)


def of_campaign(campaign: Campaign, access: Access) -> dict[str, Any]:
    """A campaign's template: how the draft stands to it, what taking it over would change, and what else there is."""
    drift = plan_templates.drift_of(campaign)
    there = Q(client=None) | Q(client_id=campaign.client_id)
    others = usable(access).filter(there)
    if campaign.template_id is not None:
        others = others.exclude(id=campaign.template_id)
    changes = []
    if drift is not None:
        plan = Plan.model_validate(drift.template.plan).model_copy(update={"timezone": campaign.time_zone})
        changes = difference(editing.plan_of_draft(campaign), plan)
    return {
        "campaign": campaign,
        "drift": drift,
        "changes": changes,
        "others": list(others.order_by("name", "id")[:50]),
        "is_written": bool(campaign.draft_plan),
    }
