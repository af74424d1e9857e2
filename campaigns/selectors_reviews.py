"""What the review of a draft shows: differences from a version, texts, versions, and who has decided what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from campaigns.models import Campaign, LeadImport, PlanReview, PlanVersion
from campaigns.plans.difference import difference
from campaigns.plans.naming import name_of
from campaigns.plans.outline import outline
from campaigns.plans.schema import Content, Plan, SendNode
from campaigns.plans.texts import FIELDS
from campaigns.services import checklist, editing, reviews
from project.tenancy.access import Access
from project.tenancy.models import Role


def version_of(campaign: Campaign, version_id: UUID) -> PlanVersion | None:
    """A version of the campaign, or ``None``."""
    found: PlanVersion | None = PlanVersion.objects.filter(campaign=campaign, id=version_id).first()
    return found


def asked(campaign: Campaign, review_id: UUID | None) -> PlanReview | None:
    """A review of the campaign, or ``None``."""
    found: PlanReview | None = PlanReview.objects.filter(campaign=campaign, id=review_id).first()
    return found


def review_page(campaign: Campaign, access: Access, *, against: UUID | None) -> dict[str, Any]:
    """The page: against the live version, or another one. A client sees what was asked about, not a later draft."""
    current = reviews.current(campaign)
    latest = current or _latest(campaign)
    plan = reviews.plan_to_launch(campaign)
    # People of the client see just what they were asked about.
    is_client = access.role == Role.CLIENT
    shown = (Plan.model_validate(latest.plan) if latest else None) if is_client else plan
    versions = list(PlanVersion.objects.filter(campaign=campaign).order_by("-number")[:30])
    base = next((one for one in versions if one.id == against), None) or campaign.current_version
    if base is None and versions:
        base = versions[0]
    changes = difference(Plan.model_validate(base.plan), shown) if base and shown else []
    return {
        "campaign": campaign,
        "review": latest if is_client else current,
        "may_decide": latest is not None and reviews.may_decide(latest, access),
        "audience": _audience(campaign, latest if is_client else None),
        "later": _later(campaign, current),
        "base": base,
        "versions": versions,
        "changes": changes,
        "texts": _texts(shown) if shown else [],
        "points": [point for point in checklist.check(campaign) if not point.ok],
        "errors": [] if plan or is_client else [error.message for error in _errors(campaign)],
        "past": list(
            PlanReview.objects.filter(campaign=campaign)
            .defer("plan")
            .select_related("asked_by", "decided_by")
            .order_by("-created_at", "-id")[:10]
        ),
    }


def _audience(campaign: Campaign, review: PlanReview | None) -> dict[str, Any]:
    """The list that the plan is for: as it was asked about, else as the campaign has it now."""
    told = review.audience if review is not None else reviews.audience_of(campaign)
    of_list = LeadImport.objects.filter(client_id=campaign.client_id, id=told.get("import_id")).first()
    return {
        "name": of_list.file_name if of_list else "All leads of the client",
        "is_gone": bool(told.get("import_id")) and of_list is None,
        "leads": review.leads if review is not None else checklist.audience_leads(campaign).count(),
    }


def _later(campaign: Campaign, review: PlanReview | None) -> str:
    """How many came into the list after the question, in words; nothing if nobody did."""
    if review is None:
        return ""
    rows = reviews.came_later(campaign, review, checklist.audience_leads(campaign))
    count = rows[: checklist.COUNTED + 1].count()
    return checklist.people(count) if count else ""


def _latest(campaign: Campaign) -> PlanReview | None:
    rows = PlanReview.objects.filter(campaign=campaign).select_related("asked_by", "decided_by")
    found: PlanReview | None = rows.order_by("-created_at", "-id").first()
    return found


def _errors(campaign: Campaign) -> list[Any]:
    return editing.errors_of(campaign, editing.plan_of_draft(campaign))


def _texts(plan: Plan) -> list[dict[str, Any]]:
    """Every text of a plan in the order of its outline."""
    found = []
    for row in outline(plan):
        node = plan.index[row.node_id]
        if row.kind != "node" or not isinstance(node, SendNode):
            continue
        contents: dict[str, Content | None] = {one.id: one.content for one in node.variants}
        contents = contents or {"": node.content}
        for variant, content in contents.items():
            texts = [text for field in FIELDS if content and (text := str(getattr(content, field)))]
            found.append(
                {
                    "name": f"{row.number} {name_of(node)}",
                    "channel": node.channel,
                    "variant": variant,
                    "subject": content.subject if content else "",
                    "text": texts[-1] if texts else "",
                }
            )
    return found
