"""Campaigns: writing, checking, launching, pausing."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max

from campaigns.models import Campaign, CampaignSender, Enrollment, LeadImport, PlanVersion
from campaigns.plans.canonical import plan_hash
from campaigns.plans.schema import Plan
from campaigns.services import audiences, checklist, draft_history, holidays, live, reviews, snippets
from campaigns.services.provider_runs import creating, mirrors, stopping
from campaigns.services.settings import CampaignSettings
from integrations.models import SenderAccount
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.refusals import Refused
from project.tenancy import audit
from project.tenancy.models import Client, User


class CampaignRefused(Refused):
    """The campaign cannot be changed or started as asked; ``problems`` says why, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems), code="CAMPAIGN_NOT_READY", problems=problems)


@transaction.atomic
def create(*, client: Client, name: str, actor: User, run_on: str = "") -> Campaign:
    """Make an empty draft in the client's time zone.

    ``run_on`` (``email``, ``linkedin``) makes one that a provider runs: the one that the client's entitlement names.
    Raises ``CapabilityNotEnabled`` and ``Invalid`` where there is none.
    """
    connection = creating.connection_for(client.id, run_on) if run_on else None
    campaign: Campaign = Campaign.objects.create(
        client=client,
        name=name,
        time_zone=client.time_zone,
        created_by=actor,
        draft_plan={},
        kind=Campaign.Kind.PROVIDER if connection else Campaign.Kind.NATIVE,
    )
    if connection is not None:
        creating.attach(campaign, connection)
    holidays.refresh([campaign])
    audit.record(actor=actor, action="campaign.created", subject=campaign)
    return campaign


@transaction.atomic
def update_settings(*, campaign: Campaign, settings: CampaignSettings, actor: User) -> Campaign:
    """Change name, window, time zone, holidays, audience and senders. Senders must belong to the same client.

    Raises ``CampaignRefused`` for senders and imports that are not the client's.
    """
    senders = list(SenderAccount.objects.filter(id__in=settings.sender_ids, client_id=campaign.client_id))
    if len(senders) != len(set(settings.sender_ids)):
        raise CampaignRefused(["A chosen sender does not belong to this client."])
    audience = settings.audience
    imports = LeadImport.objects.filter(id=audience.import_id, client_id=campaign.client_id)
    if audience.kind == "import" and not imports.exists():
        raise CampaignRefused(["The chosen import does not belong to this client."])
    Campaign.objects.filter(id=campaign.id).update(
        updated_at=now(), draft_plan=_in_zone(campaign, settings.time_zone), **settings.columns()
    )
    CampaignSender.objects.filter(campaign=campaign).exclude(sender__in=senders).delete()
    CampaignSender.objects.bulk_create(
        [CampaignSender(campaign=campaign, sender=sender) for sender in senders], ignore_conflicts=True
    )
    if settings.sender_pools is not None:
        for link in CampaignSender.objects.filter(campaign=campaign):
            link.pools = settings.pools_of(link.sender_id)
            link.save(update_fields=["pools", "updated_at"])
    audit.record(actor=actor, action="campaign.changed", subject=campaign)
    changed(campaign.id)
    if campaign.launched_at is not None:
        _tell_provider(campaign)
    return campaign.refreshed()


def _in_zone(campaign: Campaign, time_zone: str) -> dict[str, Any]:
    """The draft with its times in another zone, if they were in the campaign's."""
    plan: dict[str, Any] = campaign.refreshed().draft_plan
    return {**plan, "timezone": time_zone} if plan.get("timezone") == campaign.time_zone else plan


@transaction.atomic
def save_plan(
    *,
    campaign: Campaign,
    plan: dict[str, Any],
    actor: User,
    label: str = "Replaced the plan",
    version: int | None = None,
) -> Campaign:
    """Keep a draft plan, valid or not; launching checks it. A running campaign keeps its version until relaunched.

    It is one more step of the draft's history. Raises ``DraftMoved`` when ``version`` is given and not the present one.
    """
    found = draft_history.locked(campaign, version)
    return draft_history.record(campaign=found, plan=plan, label=label, actor=actor)


@transaction.atomic
def launch(*, campaign: Campaign, actor: User, accept_unfilled: bool = False) -> Campaign:
    """Freeze the draft into a version, start, and enroll the audience in the background.

    ``accept_unfilled``: also where some people have no value for a variable; they are given up at that step.

    Raises ``CampaignRefused`` with every open point of the checklist.
    """
    campaign = Campaign.objects.select_for_update(of=("self",)).get(id=campaign.id)
    if campaign.status not in {Campaign.Status.DRAFT, Campaign.Status.PAUSED}:
        raise CampaignRefused([f"The campaign is {campaign.get_status_display().lower()} already."])
    open_points = checklist.open_points(campaign, accept_unfilled=accept_unfilled)
    if open_points:
        raise CampaignRefused(open_points)
    version = freeze(campaign=campaign)
    Campaign.objects.filter(id=campaign.id).update(
        status=Campaign.Status.ACTIVE,
        current_version=version,
        launched_at=campaign.launched_at or now(),
        updated_at=now(),
    )
    accepted: dict[str, Any] = {"unfilled_accepted": True} if accept_unfilled else {}
    audit.record(
        actor=actor, action="campaign.launched", subject=campaign, version=version.number, **accepted
    )
    audiences.ask_to_enroll(campaign.id)
    if campaign.kind == Campaign.Kind.PROVIDER:
        # A provider has one sequence for everybody: people go on with the new one.
        Enrollment.objects.filter(campaign=campaign).exclude(status=Enrollment.Status.ENDED).update(
            plan_version=version, updated_at=now()
        )
    _tell_provider(campaign)
    changed(campaign.id)
    return campaign.refreshed()


def freeze(*, campaign: Campaign) -> PlanVersion:
    """Return the version of the draft plan, snippets put in; the same hash is the same version."""
    plan = Plan.model_validate(snippets.expanded(campaign.draft_plan, campaign.client_id))
    digest = plan_hash(plan)
    found: PlanVersion | None = PlanVersion.objects.filter(campaign=campaign, plan_hash=digest).first()
    if found is not None:
        return found
    last = PlanVersion.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"] or 0
    made: PlanVersion = PlanVersion.objects.create(
        campaign=campaign, number=last + 1, plan=plan.model_dump(mode="json", by_alias=True), plan_hash=digest
    )
    return made


@transaction.atomic
def pause(*, campaign: Campaign, actor: User) -> Campaign:
    """Stop claiming this campaign's actions; what is in the outbox is held by the gate, too."""
    return _switch(campaign, Campaign.Status.ACTIVE, Campaign.Status.PAUSED, "campaign.paused", actor)


@transaction.atomic
def resume(*, campaign: Campaign, actor: User) -> Campaign:
    """Go on. Overdue actions are spread by the engine, not sent in one burst.

    Raises ``CampaignRefused`` where approval is needed and the version that people enter has none for the present list.
    """
    review = reviews.of_running(campaign.refreshed())
    if campaign.needs_approval and (review is None or review.approved_until is None):
        why = "Nobody has approved the version that runs for the list that the campaign has now."
        raise CampaignRefused([f"{why} Ask for approval, or choose the list that was approved."])
    resumed = _switch(campaign, Campaign.Status.PAUSED, Campaign.Status.ACTIVE, "campaign.resumed", actor)
    audiences.ask_to_enroll(campaign.id)
    return resumed


@transaction.atomic
def archive(*, campaign: Campaign, actor: User) -> Campaign:
    """Put a campaign away that is not running."""
    if campaign.status == Campaign.Status.ACTIVE:
        raise CampaignRefused(["Pause the campaign before archiving it."])
    return _switch(campaign, campaign.status, Campaign.Status.ARCHIVED, "campaign.archived", actor)


def _switch(campaign: Campaign, before: str, after: str, action: str, actor: User) -> Campaign:
    rows = Campaign.objects.filter(id=campaign.id, status=before)
    if not compare_and_set(rows, status=after, updated_at=now()):
        current = campaign.refreshed().get_status_display().lower()
        raise CampaignRefused([f"The campaign is {current}; this was not done."])
    audit.record(actor=actor, action=action, subject=campaign)
    changed(campaign.id)
    _tell_provider(campaign)
    return campaign.refreshed()


def _tell_provider(campaign: Campaign) -> None:
    """A provider that runs the campaign has to hear of the change."""
    if campaign.kind == Campaign.Kind.PROVIDER:
        mirrors.request(campaign.id)


@transaction.atomic
def push_again(*, campaign: Campaign, actor: User) -> Campaign:
    """Try once more to bring the provider in line, as a person asks for. Raises ``CampaignRefused`` for others.

    Where the page has asked somebody to stop people there by hand, this says that they did.
    """
    if campaign.kind != Campaign.Kind.PROVIDER or campaign.launched_at is None:
        raise CampaignRefused(["Only a launched campaign that a provider runs is pushed."])
    confirmed = stopping.confirm(mirrors.of_campaign(campaign.id))
    mirrors.request(campaign.id)
    facts: dict[str, Any] = {"stopped_by_hand": confirmed} if confirmed else {}
    audit.record(actor=actor, action="campaign.pushed_again", subject=campaign, **facts)
    changed(campaign.id)
    return campaign.refreshed()


#: Tell open screens that a campaign changed.
changed = live.campaign_changed
