"""Reads of campaigns: one function per screen or part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, Value
from django.db.models.functions import Concat

from campaigns.models import (
    Campaign,
    Enrollment,
    EnrollmentMirror,
    EnrollmentSender,
    Lead,
    LeadImport,
    LeadImportError,
    OwnHoliday,
    Relation,
    ScheduledAction,
    Snippet,
    Transition,
)
from campaigns.plans.schema import SendNode, StopNode, WaitNode
from campaigns.querysets import answers, with_senders
from campaigns.replies.intents import POSITIVE
from campaigns.services.planning import plan_of
from integrations.models import KillSwitch, OutboundMessage, SenderAccount
from integrations.services.switches import Target
from project.core.pagination import Page, keyset_page
from project.tenancy.access import Access

_ACTIONS = {"invite": "Invitation", "message": "Message", "inmail": "InMail", "profile_view": "Profile visit"}


def node_label(node: Any) -> str:
    """A plain name of a node."""
    if node.label:
        return str(node.label)
    if isinstance(node, SendNode):
        return _ACTIONS.get(node.action, node.action.capitalize())
    if isinstance(node, WaitNode):
        return "Wait"
    return "End" if isinstance(node, StopNode) else "Branch"


def next_action(enrollment: Enrollment) -> ScheduledAction | None:
    """What an enrollment waits for: the earliest due action."""
    return (
        ScheduledAction.objects.filter(enrollment=enrollment, state=ScheduledAction.State.DUE)
        .order_by("due_at", "id")
        .first()
    )


def next_actions(enrollment_ids: list[UUID]) -> dict[UUID, ScheduledAction]:
    """What each of many enrollments waits for; one query."""
    due = ScheduledAction.objects.filter(enrollment__in=enrollment_ids, state=ScheduledAction.State.DUE)
    # Latest first: the earliest of each enrollment is what stays.
    return {action.enrollment_id: action for action in due.order_by("-due_at", "-id")}


def lead_journey(lead: Lead) -> dict[str, Any] | None:
    """The lead's newest enrollment: its steps, what goes out next and why, and the newest entries of its history."""
    rows = Enrollment.objects.filter(lead=lead).select_related("campaign__client")
    enrollment = with_senders(rows).order_by("-created_at", "-id").first()
    if enrollment is None:
        return None
    # What was loaded with the lead serves whoever explains the next step.
    enrollment.lead = lead
    history = list(Transition.objects.filter(enrollment=enrollment).order_by("-occurred_at", "-id")[:12])
    waiting = next_action(enrollment)
    plan = plan_of(enrollment)
    reached = {entry.to_node for entry in history}
    return {
        "enrollment": enrollment,
        "campaign": enrollment.campaign,
        "waiting": waiting,
        "waiting_label": node_label(plan.node(waiting.node_id)) if waiting else "",
        "history": history,
        "steps": [
            {
                "label": node_label(node),
                "channel": node.channel,
                "current": node.id == enrollment.node_id,
                "reached": node.id in reached,
            }
            for node in plan.nodes
            if isinstance(node, SendNode)
        ],
        "can_pause": enrollment.status == Enrollment.Status.ACTIVE
        and enrollment.campaign.kind == Campaign.Kind.NATIVE,
        "can_resume": enrollment.status == Enrollment.Status.PAUSED,
    }


def lead_candidates(client_id: UUID, name: str) -> list[Lead]:
    """Leads of a client whose name resembles the one the network gives, for linking by hand."""
    words = [word for word in name.split() if len(word) > 1][:4]
    if not words:
        return []
    full = Concat("first_name", Value(" "), "last_name")
    condition = Q()
    for word in words:
        condition |= Q(full_name_text__icontains=word)
    return list(
        Lead.objects.filter(client_id=client_id, removed_at=None)
        .annotate(full_name_text=full)
        .filter(condition)
        .select_related("company")
        .order_by("last_name", "first_name", "id")[:5]
    )


def campaign_list(
    access: Access,
    *,
    client_id: UUID | None,
    cursor: str | None,
    status: str = "",
    folder: str = "",
    tag: str = "",
) -> Page[Any]:
    """Campaigns within reach, newest first; without a ``status`` those that are not archived, ``all`` for all."""
    rows = Campaign.objects.filter(access.client_filter()).select_related("client")
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    if status in Campaign.Status.values:
        rows = rows.filter(status=status)
    elif status != "all":
        rows = rows.exclude(status=Campaign.Status.ARCHIVED)
    if folder:
        rows = rows.filter(folder=folder)
    if tag:
        rows = rows.filter(tags__contains=[tag])
    return keyset_page(rows, order=("-created_at", "-id"), cursor=cursor, limit=50)


def shelves(access: Access) -> dict[str, list[str]]:
    """The folders and tags that campaigns within reach have; of the newest thousand that have any."""
    rows = Campaign.objects.filter(access.client_filter()).exclude(folder="", tags=[])
    found = list(rows.order_by("-created_at", "-id").values_list("folder", "tags")[:1000])
    return {
        "folders": sorted({folder for folder, _ in found if folder}),
        "tags": sorted({tag for _, tags in found for tag in tags}),
    }


def stage_counts(campaign_ids: list[UUID]) -> dict[UUID, dict[str, int]]:
    """Enrollments of each campaign by stage; one query for all of them."""
    counts: dict[UUID, dict[str, int]] = {campaign_id: {} for campaign_id in campaign_ids}
    rows = (
        Enrollment.objects.filter(campaign_id__in=campaign_ids)
        .values_list("campaign_id", "stage")
        .annotate(count=Count("id"))
    )
    for campaign_id, stage, count in rows:
        counts[campaign_id][stage] = count
    return counts


@dataclass(slots=True)
class Progress:
    """People of a campaign, each counted once: written to, connected on LinkedIn, replied, replied with interest."""

    contacted: int = 0
    connected: int = 0
    replied: int = 0
    positive: int = 0


def progress_of(campaign_ids: list[UUID]) -> dict[UUID, Progress]:
    """How far the people of each campaign got, whatever its channels; three queries for all of them."""
    found = {campaign_id: Progress() for campaign_id in campaign_ids}
    reached = Enrollment.objects.filter(campaign_id__in=campaign_ids).exclude(stage=Enrollment.Stage.PENDING)
    for campaign_id, count in reached.values_list("campaign_id").annotate(count=Count("id")):
        found[campaign_id].contacted = count
    known = Relation.objects.filter(lead=OuterRef("enrollment__lead"), sender=OuterRef("sender"))
    links = EnrollmentSender.objects.filter(
        Exists(known), enrollment__campaign_id__in=campaign_ids, channel="linkedin"
    ).exclude(enrollment__stage=Enrollment.Stage.PENDING)
    for campaign_id, count in links.values_list("enrollment__campaign_id").annotate(
        count=Count("enrollment_id", distinct=True)
    ):
        found[campaign_id].connected = count
    readings = answers().filter(campaign_id__in=campaign_ids)
    for campaign_id, replied, positive in readings.values_list("campaign_id").annotate(
        replied=Count("enrollment_id", distinct=True),
        positive=Count("enrollment_id", distinct=True, filter=Q(intent__in=POSITIVE)),
    ):
        found[campaign_id].replied, found[campaign_id].positive = replied, positive
    return found


def visible_campaign(access: Access, campaign_id: UUID) -> Campaign | None:
    """A campaign within reach, or ``None``."""
    found: Campaign | None = (
        Campaign.objects.filter(access.client_filter(), id=campaign_id)
        .select_related("client", "current_version")
        .first()
    )
    return found


def campaign_overview(campaign: Campaign) -> dict[str, Any]:
    """State and numbers of a campaign: stages, what is due next, what holds, what happened last."""
    counts = stage_counts([campaign.id])[campaign.id]
    due = ScheduledAction.objects.filter(campaign=campaign, state=ScheduledAction.State.DUE)
    held = list(
        due.exclude(held_by="")
        .values("held_by", "held_reason")
        .annotate(count=Count("id"))
        .order_by("-count")[:5]
    )
    return {
        "total": sum(counts.values()),
        "counts": counts,
        "stages": [(label, counts.get(value, 0)) for value, label in Enrollment.Stage.choices],
        "replied_elsewhere": _replied_elsewhere(campaign) if counts.get(Enrollment.Stage.REPLIED) else 0,
        "next": due.order_by("due_at", "id").select_related("enrollment__lead").first(),
        "due": due.count(),
        "held": held,
        "senders": list(SenderAccount.objects.filter(campaign_links__campaign=campaign)),
        "activity": list(
            Transition.objects.filter(enrollment__campaign=campaign)
            .select_related("enrollment__lead")
            .order_by("-occurred_at", "-id")[:20]
        ),
    }


def _replied_elsewhere(campaign: Campaign) -> int:
    """People whose stage is replied and who answered no message of this campaign: another's answer stopped it."""
    here = answers().filter(enrollment=OuterRef("id"))
    rows = Enrollment.objects.filter(campaign=campaign, stage=Enrollment.Stage.REPLIED)
    return int(rows.filter(~Exists(here)).count())


def switchable(access: Access) -> list[Target]:
    """The campaigns within reach whose sending can be stopped, for the page of kill switches."""
    rows = Campaign.objects.filter(
        access.client_filter(), status__in=[Campaign.Status.ACTIVE, Campaign.Status.PAUSED]
    ).order_by("name", "id")
    return [
        Target(KillSwitch.Level.CAMPAIGN, campaign.id, campaign.name, campaign.client_id)
        for campaign in rows[:500]
    ]


def enrollment_list(campaign: Campaign, *, stage: str, cursor: str | None) -> Page[Any]:
    """Leads of a campaign with what each waits for."""
    rows = with_senders(Enrollment.objects.filter(campaign=campaign).select_related("lead", "lead__company"))
    if stage in Enrollment.Stage.values:
        rows = rows.filter(stage=stage)
    page = keyset_page(rows, order=("-created_at", "-id"), cursor=cursor, limit=50)
    if campaign.kind == Campaign.Kind.PROVIDER:
        there = {
            row.enrollment_id: row
            for row in EnrollmentMirror.objects.filter(enrollment__in=[row.id for row in page.items])
        }
        for row in page.items:
            row.there = there.get(row.id)
        return page
    waiting = next_actions([row.id for row in page.items])
    for row in page.items:
        row.waiting = waiting.get(row.id)
    return page


def visible_lead(access: Access, lead_id: UUID) -> Lead | None:
    """A lead within reach, or ``None``."""
    found: Lead | None = (
        Lead.objects.filter(access.client_filter(), id=lead_id)
        .select_related("client", "company", "owner", "merged_into")
        .prefetch_related("channels", "labels")
        .first()
    )
    return found


def lead_profile(lead: Lead) -> dict[str, Any]:
    """A lead with its campaigns and one history over all of them."""
    rows = with_senders(Enrollment.objects.filter(lead=lead).select_related("campaign"))
    found: list[Any] = list(rows.order_by("-created_at"))
    waiting = next_actions([enrollment.id for enrollment in found])
    for enrollment in found:
        enrollment.waiting = waiting.get(enrollment.id)
    return {
        "lead": lead,
        "enrollments": found,
        "sends": list(
            OutboundMessage.objects.filter(lead_id=lead.id, origin=OutboundMessage.Origin.CAMPAIGN).order_by(
                "-created_at", "-id"
            )[:12]
        ),
        "history": list(
            Transition.objects.filter(enrollment__lead=lead)
            .select_related("enrollment__campaign")
            .order_by("-occurred_at", "-id")[:100]
        ),
    }


def snippet_list(access: Access, *, cursor: str | None) -> Page[Any]:
    """Snippets within reach, newest first."""
    rows = Snippet.objects.filter(access.client_filter()).select_related("client")
    return keyset_page(rows, order=("-created_at", "-id"), cursor=cursor, limit=50)


def holiday_list(access: Access, *, cursor: str | None) -> Page[Any]:
    """Own days off within reach, the latest day first."""
    rows = OwnHoliday.objects.filter(access.client_filter()).select_related("client", "campaign")
    return keyset_page(rows, order=("-day", "-id"), cursor=cursor, limit=50)


def import_list(access: Access) -> list[LeadImport]:
    """The latest imports within reach."""
    rows = LeadImport.objects.filter(access.client_filter()).select_related("client", "uploaded_by")
    return list(rows.order_by("-created_at")[:50])


def visible_import(access: Access, import_id: UUID) -> LeadImport | None:
    """An import within reach, or ``None``."""
    found: LeadImport | None = (
        LeadImport.objects.filter(access.client_filter(), id=import_id)
        .select_related("client", "undo_act")
        .first()
    )
    return found


def import_errors(lead_import: LeadImport, limit: int) -> list[LeadImportError]:
    """The first bad rows of an import, in order."""
    return list(LeadImportError.objects.filter(lead_import=lead_import).order_by("row_number")[:limit])
