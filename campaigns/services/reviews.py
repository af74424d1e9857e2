"""Reviews: somebody else, or the client, says of one plan for one list that it may be launched.

A changed plan, or another list, needs a new word.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from pydantic import ValidationError

from campaigns.models import Campaign, PlanReview
from campaigns.plans.canonical import plan_hash
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import Plan
from campaigns.services import live, snippets
from campaigns.services.settings import Audience
from project.core.clock import now
from project.core.refusals import Invalid, Refused
from project.tenancy import audit
from project.tenancy.access import Access, Permission
from project.tenancy.models import Role, User

State = PlanReview.State


class NotReviewed(Refused):
    """This cannot be asked or decided now."""

    default_code = "REVIEW_REFUSED"


def plan_to_launch(campaign: Campaign) -> Plan | None:
    """The draft as it would be launched, snippets put in; ``None`` while it is not complete."""
    try:
        return Plan.model_validate(snippets.expanded(campaign.draft_plan, campaign.client_id))
    except (ValidationError, PlanInvalid):
        return None


def current(campaign: Campaign) -> PlanReview | None:
    """The review of just the plan that the draft is now, for the list it has now, if it was asked for."""
    plan = plan_to_launch(campaign)
    if plan is None:
        return None
    rows = PlanReview.objects.filter(
        campaign=campaign, plan_hash=plan_hash(plan), audience=audience_of(campaign)
    )
    found: PlanReview | None = rows.select_related("asked_by", "decided_by").first()
    return found


def audience_of(campaign: Campaign) -> dict[str, Any]:
    """Whom a campaign approaches, in the form that reviews are bound to."""
    return Audience.model_validate(campaign.audience or {}).model_dump(mode="json")


@transaction.atomic
def require(*, campaign: Campaign, needed: bool, actor: User) -> Campaign:
    """Settle whether versions of this campaign are launched only when approved."""
    Campaign.objects.filter(id=campaign.id).update(needs_approval=needed, updated_at=now())
    audit.record(actor=actor, action="campaign.approval_required", subject=campaign, needed=needed)
    live.campaign_changed(campaign.id)
    return campaign.refreshed()


@transaction.atomic
def ask(*, campaign: Campaign, actor: User, leads: int) -> PlanReview:
    """Ask for a decision on the draft as it is, for its list with so many ``leads`` now.

    Asked again, a declined plan waits for a decision anew.

    Raises ``NotReviewed`` for a draft that is not complete or approved already.
    """
    plan = plan_to_launch(campaign)
    if plan is None:
        raise NotReviewed("The plan is not complete yet: there is nothing to approve.")
    found: PlanReview = PlanReview.objects.get_or_create(
        campaign=campaign,
        plan_hash=plan_hash(plan),
        audience=audience_of(campaign),
        defaults={
            "plan": plan.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            "asked_by": actor,
        },
    )[0]
    if found.state == State.APPROVED:
        raise NotReviewed("Just this plan is approved already.")
    PlanReview.objects.filter(id=found.id).update(
        state=State.ASKED, asked_by=actor, decided_by=None, decided_at=None, note="", leads=leads,
        updated_at=now(),
    )  # fmt: skip
    audit.record(actor=actor, action="campaign.review_asked", subject=campaign, plan_hash=found.plan_hash)
    live.campaign_changed(campaign.id)
    return found.refreshed()


def may_decide(review: PlanReview, access: Access) -> bool:
    """Whether somebody may decide: people of the client, and editors other than the one who asked."""
    if access.role == Role.CLIENT:
        return True
    return access.can(Permission.CAMPAIGNS_EDIT) and review.asked_by_id != access.user.id


@transaction.atomic
def decide(*, review: PlanReview, approve: bool, note: str, access: Access) -> PlanReview:
    """Approve a plan, or say what has to change.

    Raises ``NotReviewed``, and ``Invalid`` where it is declined without a reason.
    """
    locked: PlanReview = PlanReview.objects.select_for_update(of=("self",)).get(id=review.id)
    if locked.state != State.ASKED:
        raise NotReviewed(f"This was decided already: {locked.get_state_display().lower()}.")
    if not may_decide(locked, access):
        raise NotReviewed("Somebody else than who asked has to look at it: an editor, or the client.")
    note = note.strip()
    if not approve and not note:
        raise Invalid("Say what has to change.", field="note")
    PlanReview.objects.filter(id=locked.id).update(
        state=State.APPROVED if approve else State.DECLINED,
        note=note[:500],
        decided_by=access.user,
        decided_at=now(),
        updated_at=now(),
    )
    audit.record(
        actor=access.user,
        action="campaign.review_approved" if approve else "campaign.review_declined",
        subject=locked.campaign,
        plan_hash=locked.plan_hash,
    )
    live.campaign_changed(locked.campaign_id)
    return locked.refreshed()
