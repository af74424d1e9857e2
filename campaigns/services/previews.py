"""Previews: the texts of a draft as real leads would read them, the worst first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q, QuerySet
from pydantic import ValidationError

from campaigns import lead_gaps
from campaigns.models import Campaign, Lead, OutreachPolicy
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import Content, Plan, SendNode
from campaigns.plans.texts import FIELDS
from campaigns.rendering import KNOWN_VARIABLES, TemplateError, render, sms_segments, text_length
from campaigns.rendering.mail import mail_body, reply_subject
from campaigns.rendering.proofreading import proofread
from campaigns.rendering.snippets import expand
from campaigns.services import snippets
from campaigns.services.checklist import audience_leads
from campaigns.services.messages import context_for_lead, field_of, footer_of, text_seed
from campaigns.services.outreach import policy_of
from campaigns.services.texting import noticed
from campaigns.services.unfilled import needed_by
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
    """Every text for the leads of the audience that have least for it, those with problems first; at most 20."""
    try:
        plan = Plan.model_validate(snippets.expanded(campaign.draft_plan, campaign.client_id))
    except (ValidationError, PlanInvalid):
        return []
    wordings = [
        (node, content)
        for node in plan.nodes
        if isinstance(node, SendNode) and node.action != "profile_view"
        for content in [variant.content for variant in node.variants] or [node.content or Content()]
    ]
    wanted = set[str]().union(*(needed_by(node, content) for node, content in wordings))
    leads = _worst_leads(audience_leads(campaign), wanted)
    parts = {channel: _Parts.of(campaign, channel) for channel in {node.channel for node, _ in wordings}}
    found = []
    for node, content in wordings:
        of_step = parts[node.channel].for_step(node, plan)
        for lead in leads:
            one = _rendered(node, content, lead, of_step)
            remarks = tuple(
                remark.message
                for remark in proofread(one.written, action=node.action, field=field_of(node.action))
            )
            found.append(Preview(one.lead, node.id, one.text, one.missing, remarks))
    return sorted(found, key=_worth_looking)[:SHOWN]


def _worst_leads(rows: QuerySet[Lead], wanted: set[str]) -> list[Lead]:
    """Of a whole audience those who lack most of these variables, then those with the longest names."""
    worst = lead_gaps.worst_first(rows, wanted)
    return list(worst.select_related("company", "client").prefetch_related("channels")[:SHOWN])


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a message has beside the step's own text, as it would leave: loaded once for many leads."""

    sender: SenderAccount | None
    policy: OutreachPolicy
    snippets: dict[str, str]
    #: Of an e-mail that goes on in a thread: the subject of the thread's first.
    thread_subject: str = ""
    #: Of a text message: whether the person got none before, as far as the plan says.
    is_first_text: bool = False

    @classmethod
    def of(cls, campaign: Campaign, channel: str) -> _Parts:
        """What all steps of a channel share."""
        senders = SenderAccount.objects.filter(campaign_links__campaign=campaign, channel=channel)
        return cls(
            sender=senders.order_by("id").first(),
            policy=policy_of(campaign.client_id),
            snippets=snippets.texts_of(campaign.client_id),
        )

    def for_step(self, node: SendNode, plan: Plan | None) -> _Parts:
        """The same with what one step of a plan has besides."""
        if plan is None:
            return self
        begins = plan.index.get(node.thread_with) if node.thread_with else None
        texts = [one.id for one in plan.nodes if isinstance(one, SendNode) and one.channel == "sms"]
        subject = ""
        if isinstance(begins, SendNode):
            first = begins.variants[0].content if begins.variants else begins.content
            subject = first.subject if first else ""
        return replace(self, thread_subject=subject, is_first_text=texts[:1] == [node.id])


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
    #: What the step's own text came to, without signature, footer and notice.
    written: str = ""


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


def of_step(
    campaign: Campaign, node: SendNode, content: Content, *, search: str = "", plan: Plan | None = None
) -> StepLook:
    """One wording of a step, whole, for the leads of the audience that have least for it; with ``search`` for those of
    that name. Gaps are counted over the audience; what variables have is told of its first 200.
    """
    rows = audience_leads(campaign)
    for word in search.split()[:4]:
        rows = rows.filter(Q(first_name__icontains=word) | Q(last_name__icontains=word))
    parts = _Parts.of(campaign, node.channel).for_step(node, plan)
    wanted = needed_by(node, _expanded(content, parts.snippets))
    everybody, missing = lead_gaps.missing_counts(rows, wanted)
    found = [_rendered(node, content, lead, parts) for lead in _worst_leads(rows, wanted)]
    found.sort(key=lambda one: (not one.missing, -len(one.text)))
    gaps = Counter({name: count for name, count in missing.items() if count})
    for name in {name for one in found for name in one.missing} - {BROKEN, *missing}:
        gaps[name] = everybody  # it is no matter of the lead: nobody has it
    first = rows.select_related("company", "client").prefetch_related("channels").order_by("id")[:LOOKED_AT]
    return StepLook(found, gaps.most_common(), _coverage(list(first), parts), everybody)


def _expanded(content: Content, known: dict[str, str]) -> Content:
    """A wording with its snippets put in, as far as they are known."""
    texts: dict[str, str] = {}
    for name in FIELDS:
        try:
            texts[name] = expand(str(getattr(content, name)), known)
        except (TemplateError, KeyError, ValueError):
            continue
    return content.model_copy(update=texts)


def _coverage(leads: list[Lead], parts: _Parts) -> list[Coverage]:
    filled: Counter[str] = Counter()
    samples: dict[str, str] = {}
    for lead in leads:
        for name, value in _flat(_context(lead, parts)):
            filled[name] += bool(value.strip())
            if value.strip():
                samples.setdefault(name, value)
    names = dict.fromkeys([*(name for name in sorted(KNOWN_VARIABLES) if not name.endswith("*")), *filled])
    return [Coverage(name, filled[name], samples.get(name, "")) for name in names]


def _context(lead: Lead, parts: _Parts) -> dict[str, Any]:
    context = context_for_lead(lead, parts.sender)
    context["client"]["postal_address"] = parts.policy.postal_address
    return context


def _flat(context: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"{root}.{name}", str(value if value is not None else ""))
        for root, values in context.items()
        if isinstance(values, dict)
        for name, value in values.items()
    ]


def _rendered(node: SendNode, content: Content, lead: Lead, parts: _Parts) -> StepPreview:
    # Each message gets a link of its own when it leaves; network messages have none.
    link = {} if node.channel == "linkedin" else {"unsubscribe_url": SAMPLE_URL}
    context = {**_context(lead, parts), **link}
    texts: dict[str, str] = {}
    missing: list[str] = []
    for name in dict.fromkeys(("subject", field_of(node.action))):
        try:
            template = expand(str(getattr(content, name)), parts.snippets)
            made = render(template, context, seed=text_seed(lead.id, node.id, 1), strict=False)
        except (TemplateError, KeyError, ValueError) as error:
            texts[name] = str(error)
            missing.append(BROKEN)
            continue
        texts[name] = made.text
        missing += made.missing
    written = texts[field_of(node.action)]
    text = _whole(node, written, lead, parts)
    return StepPreview(
        str(lead),
        str(lead.company or ""),
        _subject(node, texts.get("subject", ""), context, lead, parts),
        text,
        tuple(dict.fromkeys(missing)),
        text_length(text),
        sms_segments(text).count if node.action == "sms" else 0,
        written,
    )


def _whole(node: SendNode, text: str, lead: Lead, parts: _Parts) -> str:
    """The text with what is put to it when it leaves: signature and footer, or the notice of a first text message."""
    if node.channel == "email" and text:
        signature = parts.sender.signature if parts.sender else ""
        return mail_body(text, signature=signature, footer=footer_of(lead, parts.policy, SAMPLE_URL)).text
    if node.channel == "sms" and parts.is_first_text and text:
        return noticed(text, client_name=lead.client.name, policy=parts.policy)
    return text


def _subject(node: SendNode, subject: str, context: dict[str, Any], lead: Lead, parts: _Parts) -> str:
    if node.action not in ("email", "inmail"):
        return ""
    if subject or not parts.thread_subject or node.thread_with is None:
        return subject
    try:
        seed = text_seed(lead.id, node.thread_with, 1)
        began = render(expand(parts.thread_subject, parts.snippets), context, seed=seed, strict=False).text
    except (TemplateError, KeyError, ValueError):
        return ""
    return reply_subject(" ".join(began.split()))


def _worth_looking(preview: Preview) -> tuple[bool, int, int]:
    """What would not leave first, then what a reader objects to most, then the longest."""
    return not preview.missing, -len(preview.remarks), -len(preview.text)
