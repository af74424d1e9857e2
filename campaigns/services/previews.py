"""Previews: the texts of a draft as real leads would read them, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from campaigns.models import Campaign
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import Plan, SendNode
from campaigns.rendering import TemplateError, render
from campaigns.rendering.proofreading import proofread
from campaigns.services import snippets
from campaigns.services.checklist import audience_leads
from campaigns.services.messages import context_for_lead, field_of
from campaigns.services.outreach import policy_of
from campaigns.services.unsubscribes import SAMPLE_URL
from integrations.models import SenderAccount

LOOKED_AT = 200
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """One text for one lead; ``missing`` are variables without a value: this send would not leave."""

    lead: str
    step: str
    text: str
    missing: tuple[str, ...]
    #: What a careful reader objects to in the text as it stands.
    remarks: tuple[str, ...] = ()


def worst(campaign: Campaign) -> list[Preview]:
    """Render every text for up to 200 leads of the audience; those with problems first, at most 20."""
    try:
        plan = Plan.model_validate(snippets.expanded(campaign.draft_plan, campaign.client_id))
    except (ValidationError, PlanInvalid):
        return []
    sender = SenderAccount.objects.filter(campaign_links__campaign=campaign).first()
    rows = audience_leads(campaign).select_related("company", "client").prefetch_related("channels")
    leads = list(rows.order_by("id")[:LOOKED_AT])
    policy = policy_of(campaign.client_id)
    found = []
    for lead in leads:
        context = context_for_lead(lead, sender)
        context["client"]["postal_address"] = policy.postal_address
        for node in plan.nodes:
            if isinstance(node, SendNode) and node.content is not None:
                template = getattr(node.content, field_of(node.action))
                # Each message gets a link of its own when it leaves; network messages have none.
                link = {} if node.channel == "linkedin" else {"unsubscribe_url": SAMPLE_URL}
                try:
                    rendered = render(template, {**context, **link}, seed=str(lead.id), strict=False)
                except TemplateError as error:
                    found.append(Preview(str(lead), node.id, str(error), ("template",)))
                    continue
                remarks = tuple(
                    remark.message
                    for remark in proofread(rendered.text, action=node.action, field=field_of(node.action))
                )
                found.append(Preview(str(lead), node.id, rendered.text, rendered.missing, remarks))
    return sorted(found, key=_worth_looking)[:SHOWN]


def _worth_looking(preview: Preview) -> tuple[bool, int, int]:
    """What would not leave first, then what a reader objects to most, then the longest."""
    return not preview.missing, -len(preview.remarks), -len(preview.text)
