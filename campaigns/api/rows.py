"""What the operations are made of: query sets narrowed to the clients within reach, and rows as they are shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from campaigns import selectors, selectors_provider
from campaigns.models import (
    Campaign,
    Enrollment,
    EnrollmentMirror,
    Lead,
    LeadImport,
    ScheduledAction,
    Suppression,
    Transition,
)
from campaigns.querysets import with_senders
from campaigns.services import deals, entry
from campaigns.services.planning import plan_of
from project.tenancy.access import Access

HISTORY = 100


def narrowed(rows: QuerySet[Any], access: Access, client_id: UUID | None) -> QuerySet[Any]:
    """Rows of the clients within reach; of one of them, if one is named."""
    found = rows.filter(access.client_filter())
    return found.filter(client_id=client_id) if client_id else found


def campaigns(access: Access) -> QuerySet[Campaign]:
    """Campaigns within reach."""
    found: QuerySet[Campaign] = Campaign.objects.filter(access.client_filter()).select_related(
        "client", "current_version"
    )
    return found


def leads(access: Access) -> QuerySet[Lead]:
    """Leads within reach, with company and addresses."""
    rows = Lead.objects.filter(access.client_filter())
    found: QuerySet[Lead] = rows.select_related("client", "company").prefetch_related("channels", "labels")
    return found


def imports(access: Access) -> QuerySet[LeadImport]:
    """Imports within reach."""
    found: QuerySet[LeadImport] = LeadImport.objects.filter(access.client_filter()).select_related("client")
    return found


def suppressions(access: Access) -> QuerySet[Suppression]:
    """Suppressions within reach; those of no client are for members over all clients."""
    found: QuerySet[Suppression] = Suppression.objects.filter(access.client_filter())
    return found


def enrollments(access: Access) -> QuerySet[Enrollment]:
    """Enrollments within reach, with campaign, lead and sender."""
    rows = Enrollment.objects.filter(access.client_filter())
    found: QuerySet[Enrollment] = with_senders(rows.select_related("campaign", "lead"))
    return found


def draft_shown(campaign: Campaign) -> dict[str, Any]:
    """The draft of a campaign with its version."""
    return {"campaign_id": campaign.id, "plan": campaign.draft_plan, "version": campaign.draft_version}


def campaigns_shown(found: list[Campaign]) -> list[dict[str, Any]]:
    """Campaigns with the counts of their leads by stage; one query for all."""
    counts = selectors.stage_counts([campaign.id for campaign in found])
    return [campaign_shown(campaign, counts[campaign.id]) for campaign in found]


def campaign_shown(campaign: Campaign, stages: dict[str, int]) -> dict[str, Any]:
    """One campaign."""
    names = (
        "id", "client_id", "name", "kind", "status", "current_version_id", "launched_at", "created_at", "updated_at",
    )  # fmt: skip
    return {**{name: getattr(campaign, name) for name in names}, "stages": stages}


def campaign_detail(campaign: Campaign) -> dict[str, Any]:
    """A campaign with its settings and what is due."""
    overview = selectors.campaign_overview(campaign)
    return {
        **campaign_shown(campaign, overview["counts"]),
        "settings": settings_of(campaign),
        "due": overview["due"],
        "next_due_at": overview["next"].due_at if overview["next"] else None,
        "held": overview["held"],
        "left_out": entry.left_out(campaign) if campaign.status == Campaign.Status.ACTIVE else [],
        "provider_run": selectors_provider.run_of(campaign),
    }


def settings_of(campaign: Campaign) -> dict[str, Any]:
    """The settings as they are put."""
    links = list(campaign.sender_links.order_by("id"))
    return {
        "name": campaign.name,
        "time_zone": campaign.time_zone,
        "use_lead_time_zone": campaign.use_lead_time_zone,
        **{name: campaign.window[name] for name in ("weekdays", "start", "end")},
        "holiday_country": campaign.holiday_country,
        "audience": campaign.audience,
        "sender_ids": [link.sender_id for link in links],
        "sender_pools": {
            name: [link.sender_id for link in links if name in link.pools]
            for name in sorted({name for link in links for name in link.pools})
        },
        "reply_stops": campaign.reply_stops,
        "exclusive": campaign.exclusive,
        "reentry_days": campaign.reentry_days,
    }


def enrollments_shown(found: list[Enrollment]) -> list[dict[str, Any]]:
    """Enrollments with what each waits for; one query for all."""
    actions = ScheduledAction.objects.filter(
        enrollment__in=[row.id for row in found], state=ScheduledAction.State.DUE
    ).order_by("-due_at", "-id")
    waiting = {action.enrollment_id: action for action in actions}
    there = selectors_provider.people_of(found)
    return [enrollment_shown(row, waiting.get(row.id), there.get(row.id)) for row in found]


def enrollment_shown(
    row: Enrollment, waiting: ScheduledAction | None, there: EnrollmentMirror | None = None
) -> dict[str, Any]:
    """One enrollment."""
    names = (
        "id", "campaign_id", "lead_id", "plan_version_id", "status", "stage", "node_id", "reason",
        "ended_at", "created_at",
    )  # fmt: skip
    return {
        **{name: getattr(row, name) for name in names},
        "campaign_name": row.campaign.name,
        "lead_name": row.lead.full_name,
        "senders": list(row.sender_links.all()),
        "waiting": waiting,
        "provider_lead": there,
    }


def enrollment_detail(row: Enrollment) -> dict[str, Any]:
    """An enrollment with its history."""
    history = Transition.objects.filter(enrollment=row).order_by("-occurred_at", "-id")[:HISTORY]
    return {**enrollments_shown([row])[0], "history": list(history)}


def lead_shown(lead: Lead) -> dict[str, Any]:
    """One lead."""
    names = (
        "id", "client_id", "first_name", "last_name", "full_name", "title", "country", "time_zone", "company",
        "fields", "owner_id", "suppressed_until", "removed_at", "created_at", "updated_at",
    )  # fmt: skip
    return {
        **{name: getattr(lead, name) for name in names},
        "addresses": list(lead.channels.all()),
        "labels": [label.name for label in lead.labels.all()],
    }


def lead_detail(lead: Lead) -> dict[str, Any]:
    """A lead with its campaigns, what is next and why, and its timeline."""
    profile = selectors.lead_profile(lead)
    for row in profile["enrollments"]:
        row.lead = lead
    there = selectors_provider.people_of(profile["enrollments"])
    return {
        **lead_shown(lead),
        "enrollments": [
            enrollment_shown(row, row.waiting, there.get(row.id)) for row in profile["enrollments"]
        ],
        "next": _next(profile["enrollments"]),
        "timeline": profile["history"],
        "deal": deals.deal_of(lead),
    }


def _next(found: list[Any]) -> dict[str, Any] | None:
    running = [row for row in found if row.waiting is not None]
    if not running:
        return None
    row = min(running, key=lambda one: (one.waiting.due_at, one.waiting.id))
    names = ("node_id", "kind", "due_at", "held_by", "held_reason")
    return {
        **{name: getattr(row.waiting, name) for name in names},
        "enrollment_id": row.id,
        "campaign_id": row.campaign_id,
        "campaign_name": row.campaign.name,
        "label": selectors.node_label(plan_of(row).node(row.waiting.node_id)),
    }
