"""Reviews: somebody else, or the client, says of one plan that it may approach certain people.

A changed plan, another list, and people who came into the list after the question need a new word. Every way into a
campaign that needs approval asks ``approved_people``: launch, resume, what the sweepers let in, acts on leads.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from pydantic import ValidationError

from campaigns.models import Campaign, Lead, LeadImportLead, PlanReview
from campaigns.plans.canonical import plan_hash
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import Plan
from campaigns.services import audiences, live, snippets
from campaigns.services.audiences import listed
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
    return _of(campaign, plan_hash(plan))


def of_running(campaign: Campaign) -> PlanReview | None:
    """The review of the version that people enter, for the list that the campaign has now, if it was asked for."""
    return _of(campaign, campaign.current_version.plan_hash) if campaign.current_version else None


def _of(campaign: Campaign, digest: str) -> PlanReview | None:
    rows = PlanReview.objects.filter(campaign=campaign, plan_hash=digest, audience=audience_of(campaign))
    found: PlanReview | None = rows.select_related("asked_by", "decided_by").first()
    return found


def approved_people(campaign: Campaign, leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """Those of ``leads`` who may enter a campaign as far as approval goes: all, where it needs none.

    Where it does: who was in the approved list, for the version that people enter, by the time that it was asked about.
    """
    if not campaign.needs_approval:
        return leads
    review = of_running(campaign)
    if review is None or review.approved_until is None:
        return leads.none()
    return _of_time(campaign, leads, Q(created_at__lte=review.approved_until))


def unapproved_people(campaign: Campaign, leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """Those of ``leads`` in the campaign's list who wait for a word."""
    if not campaign.needs_approval:
        return leads.none()
    review = of_running(campaign)
    if review is None or review.approved_until is None:
        return leads
    return _of_time(campaign, leads, Q(created_at__gt=review.approved_until))


def came_later(campaign: Campaign, review: PlanReview, leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """Those of ``leads`` whom the question did not mean: they came into the list afterwards."""
    return _of_time(campaign, leads, Q(created_at__gt=review.asked_until))


def _of_time(campaign: Campaign, leads: QuerySet[Lead], when: Q) -> QuerySet[Lead]:
    """Those of ``leads`` who came into the campaign's list at a time: by an import, or as the client's lead."""
    audience = Audience.model_validate(campaign.audience or {})
    if audience.kind == "import":
        links = LeadImportLead.objects.filter(when, lead_import_id=audience.import_id)
        return leads.filter(id__in=links.values("lead_id"))
    return leads.filter(when)


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

    Asked again, a declined plan waits for a decision anew, and so does an approved one for people who came later; those
    whom the word was about stay approved meanwhile.

    Raises ``NotReviewed`` for a draft that is not complete, and for one that waits or is approved for everybody.
    """
    plan = plan_to_launch(campaign)
    if plan is None:
        raise NotReviewed("The plan is not complete yet: there is nothing to approve.")
    found: PlanReview
    found, created = PlanReview.objects.get_or_create(
        campaign=campaign,
        plan_hash=plan_hash(plan),
        audience=audience_of(campaign),
        defaults={
            "plan": plan.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            "asked_by": actor,
            "leads": leads,
            "asked_until": now(),
        },
    )
    if not created:
        _ask_again(found, campaign, actor, leads)
    audit.record(actor=actor, action="campaign.review_asked", subject=campaign, plan_hash=found.plan_hash)
    live.campaign_changed(campaign.id)
    return found.refreshed()


def _ask_again(review: PlanReview, campaign: Campaign, actor: User, leads: int) -> None:
    locked: PlanReview = PlanReview.objects.select_for_update(of=("self",)).get(id=review.id)
    if locked.state == State.ASKED:
        # The people that somebody is looking at do not become others under their eyes.
        raise NotReviewed("This waits for a decision already.")
    own = Lead.objects.filter(client_id=campaign.client_id, removed_at=None)
    if locked.state == State.APPROVED and not came_later(campaign, locked, listed(campaign, own)).exists():
        raise NotReviewed("Just this plan is approved already, for everybody in the list.")
    PlanReview.objects.filter(id=locked.id).update(
        state=State.ASKED, asked_by=actor, decided_by=None, decided_at=None, note="", leads=leads,
        asked_until=now(), updated_at=now(),
    )  # fmt: skip


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
    # A no to those who came later takes back nothing that was said of the others.
    word = {"approved_until": locked.asked_until} if approve else {}
    PlanReview.objects.filter(id=locked.id).update(
        state=State.APPROVED if approve else State.DECLINED,
        note=note[:500],
        decided_by=access.user,
        decided_at=now(),
        updated_at=now(),
        **word,
    )
    audit.record(
        actor=access.user,
        action="campaign.review_approved" if approve else "campaign.review_declined",
        subject=locked.campaign,
        plan_hash=locked.plan_hash,
    )
    live.campaign_changed(locked.campaign_id)
    decided = locked.refreshed()
    if approve and locked.campaign.status == Campaign.Status.ACTIVE:
        audiences.ask_to_enroll(locked.campaign_id)  # whoever waited for just this word
    return decided
