"""Who may enter a campaign: who was approved, where that is needed; not while another running campaign of the client
has the lead to itself, and not too soon after the last one. Who has to wait enters by itself once the reason is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.models import Campaign, Enrollment, Lead
from campaigns.services import reviews
from campaigns.services.checklist import audience_leads
from project.core.clock import now

#: Campaigns whose leads are taken: they run, or will go on.
_HOLDING = (Campaign.Status.ACTIVE, Campaign.Status.PAUSED)
_UNAPPROVED = (
    "Nobody has approved the running version for them yet. Ask for approval; publish a changed draft first."
)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many leads of the audience have to wait, and why; ``until`` is when the first of them may enter."""

    count: int
    reason: str
    until: datetime | None = None


def lock_client(client_id: UUID) -> None:
    """Let one campaign of a client enroll at a time, until the transaction ends: two cannot take the same lead."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"enroll:{client_id}"])


def waiting_leads(campaign: Campaign) -> QuerySet[Lead]:
    """The leads of the audience that are not enrolled yet."""
    leads: QuerySet[Lead] = audience_leads(campaign).exclude(
        id__in=Enrollment.objects.filter(campaign=campaign).values("lead_id")
    )
    return leads


def admissible(campaign: Campaign, leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """Those of ``leads`` who may enter the campaign now."""
    return (
        reviews.approved_people(campaign, leads).exclude(_taken(campaign)).exclude(_too_soon(campaign, now()))
    )


def unapproved(campaign: Campaign, leads: Sequence[Lead]) -> set[UUID]:
    """Whom of ``leads`` nobody has approved for a campaign that needs it; none where it does not."""
    if not campaign.needs_approval:
        return set()
    approved = reviews.approved_people(campaign, Lead.objects.filter(id__in=[lead.id for lead in leads]))
    return {lead.id for lead in leads} - set(approved.values_list("id", flat=True))


def is_taken(campaign: Campaign, lead: Lead) -> bool:
    """Whether another running campaign, or this one, wants the lead to itself. A person may disregard the pause."""
    found: bool = Lead.objects.filter(_taken(campaign), id=lead.id).exists()
    return found


def left_out(campaign: Campaign) -> list[LeftOut]:
    """Why leads of the audience are not in a running campaign, for its page: two or three counts."""
    at = now()
    leads = waiting_leads(campaign)
    found = []
    if campaign.needs_approval:
        waiting = reviews.unapproved_people(campaign, leads).count()
        if waiting:
            found.append(LeftOut(waiting, _UNAPPROVED))
        leads = reviews.approved_people(campaign, leads)
    taken = leads.filter(_taken(campaign)).count()
    if taken:
        found.append(LeftOut(taken, "Another running campaign of this client has them to itself."))
    soon = leads.exclude(_taken(campaign)).filter(_too_soon(campaign, at))
    count = soon.count()
    if count:
        first = (
            _others(campaign).filter(ended_at__gt=_since(campaign, at), lead__in=soon).order_by("ended_at")
        )
        ended = first.values_list("ended_at", flat=True).first()
        until = ended + timedelta(days=campaign.reentry_days) if ended else None
        days = campaign.reentry_days
        reason = (
            f"Their last campaign of this client ended less than {days} day{'' if days == 1 else 's'} ago."
        )
        found.append(LeftOut(count, reason, until))
    return found


def _others(campaign: Campaign) -> QuerySet[Enrollment]:
    rows: QuerySet[Enrollment] = Enrollment.objects.filter(client_id=campaign.client_id).exclude(
        campaign=campaign
    )
    return rows


def _taken(campaign: Campaign) -> Exists | Q:
    """Leads in a running campaign, where this one or that one wants them to itself."""
    rows = _others(campaign).filter(lead=OuterRef("pk"), campaign__status__in=_HOLDING)
    if not campaign.exclusive:
        rows = rows.filter(campaign__exclusive=True)
    return Exists(rows.exclude(status=Enrollment.Status.ENDED))


def _since(campaign: Campaign, at: datetime) -> datetime:
    return at - timedelta(days=campaign.reentry_days)


def _too_soon(campaign: Campaign, at: datetime) -> Exists | Q:
    if not campaign.reentry_days:
        return Q(pk__in=[])
    return Exists(_others(campaign).filter(lead=OuterRef("pk"), ended_at__gt=_since(campaign, at)))


def with_waiting() -> list[Campaign]:
    """Running campaigns whose leads may have had to wait: those with a rule, and their clients' (platform scope)."""
    running = Campaign.objects.filter(status=Campaign.Status.ACTIVE, enrolling_since=None)
    ruled = Campaign.objects.filter(Q(exclusive=True) | Q(reentry_days__gt=0), status__in=_HOLDING)
    found: list[Campaign] = list(
        running.filter(client_id__in=ruled.values("client_id")).order_by("updated_at")[:200]
    )
    return found
