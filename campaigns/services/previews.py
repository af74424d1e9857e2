"""Previews: the texts of a draft as real leads would read them, the worst first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from pydantic import ValidationError

from campaigns.models import Campaign, Lead
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import Content, Plan, SendNode
from campaigns.rendering import KNOWN_VARIABLES, TemplateError, render, sms_segments, text_length
from campaigns.rendering.proofreading import proofread
from campaigns.rendering.snippets import expand
from campaigns.services import snippets
from campaigns.services.checklist import audience_leads
from campaigns.services.messages import context_for_lead, field_of
from campaigns.services.outreach import policy_of
from campaigns.services.unsubscribes import SAMPLE_URL
from integrations.models import SenderAccount

LOOKED_AT = 200
#: Stands among the missing variables for a text that cannot be used at all.
BROKEN = "template"
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


@dataclass(frozen=True, slots=True)
class StepPreview:
    """One step for one lead, subject and text; ``missing`` keeps it from leaving."""

    lead: str
    company: str
    subject: str
    text: str
    missing: tuple[str, ...]
    length: int
    segments: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """A variable, how many of the leads that were looked at have a value for it, and one of the values."""

    name: str
    filled: int
    sample: str


@dataclass(frozen=True, slots=True)
class StepLook:
    """A step as the leads of the audience would read it, the worst first, and what its variables have."""

    previews: list[StepPreview]
    gaps: list[tuple[str, int]]
    variables: list[Coverage]
    looked_at: int


def of_step(campaign: Campaign, node: SendNode, content: Content, *, search: str = "") -> StepLook:
    """Render one wording of a step for up to 200 leads of the audience; with ``search`` for those of that name."""
    sender = SenderAccount.objects.filter(campaign_links__campaign=campaign, channel=node.channel).first()
    rows = audience_leads(campaign).select_related("company", "client").prefetch_related("channels")
    for word in search.split()[:4]:
        rows = rows.filter(Q(first_name__icontains=word) | Q(last_name__icontains=word))
    leads = list(rows.order_by("id")[:LOOKED_AT])
    postal_address = policy_of(campaign.client_id).postal_address
    known = snippets.texts_of(campaign.client_id)
    found: list[StepPreview] = []
    gaps: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    samples: dict[str, str] = {}
    for lead in leads:
        context = context_for_lead(lead, sender)
        context["client"]["postal_address"] = postal_address
        for name, value in _flat(context):
            filled[name] += bool(value.strip())
            if value.strip():
                samples.setdefault(name, value)
        link = {} if node.channel == "linkedin" else {"unsubscribe_url": SAMPLE_URL}
        one = _rendered(node, content, {**context, **link}, lead, known)
        gaps.update(name for name in one.missing if name != BROKEN)
        found.append(one)
    found.sort(key=lambda one: (not one.missing, -len(one.text)))
    names = dict.fromkeys([*(name for name in sorted(KNOWN_VARIABLES) if not name.endswith("*")), *filled])
    variables = [Coverage(name, filled[name], samples.get(name, "")) for name in names]
    return StepLook(found[:SHOWN], gaps.most_common(), variables, len(leads))


def _flat(context: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"{root}.{name}", str(value if value is not None else ""))
        for root, values in context.items()
        if isinstance(values, dict)
        for name, value in values.items()
    ]


def _rendered(
    node: SendNode, content: Content, context: dict[str, Any], lead: Lead, known: dict[str, str]
) -> StepPreview:
    texts: dict[str, str] = {}
    missing: list[str] = []
    for name in dict.fromkeys(("subject", field_of(node.action))):
        try:
            made = render(
                expand(str(getattr(content, name)), known), context, seed=f"{lead.id}:{node.id}", strict=False
            )
        except (TemplateError, KeyError, ValueError) as error:
            texts[name] = str(error)
            missing.append(BROKEN)
            continue
        texts[name] = made.text
        missing += made.missing
    text = texts[field_of(node.action)]
    return StepPreview(
        str(lead),
        str(lead.company or ""),
        texts.get("subject", "") if node.action in ("email", "inmail") else "",
        text,
        tuple(dict.fromkeys(missing)),
        text_length(text),
        sms_segments(text).count if node.action == "sms" else 0,
    )


def _worth_looking(preview: Preview) -> tuple[bool, int, int]:
    """What would not leave first, then what a reader objects to most, then the longest."""
    return not preview.missing, -len(preview.remarks), -len(preview.text)
