"""Giving people of a campaign from one of its accounts to another: only those whom the account has not written to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet

from campaigns.models import Campaign, CampaignSender, Enrollment, EnrollmentSender, Relation, ScheduledAction
from campaigns.plans.state import Cause
from campaigns.services import campaigns, waking
from campaigns.services.assignment import GONE
from campaigns.services.changes import Changes
from campaigns.services.enrollments import locked_many
from integrations.locks import in_lock_order
from integrations.models import OutboundMessage, SenderAccount
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

CHUNK: Final = 200
MOST: Final = 1000
#: What held a step back because of its account: with another one it is looked at again at once, at that one's pace.
OF_ACCOUNTS: Final = waking.OF_SENDERS | {"limit", "throttled", "stale_inbox", "pace", "sender_gone"}


def movable() -> QuerySet[EnrollmentSender]:
    """Assignments that may go to another account: nobody was written to, no connection is held, no step names it."""
    sent = OutboundMessage.objects.filter(
        lead_id=OuterRef("enrollment__lead_id"),
        sender_id=OuterRef("sender_id"),
        organization_id=OuterRef("organization_id"),
    ).exclude(state=OutboundMessage.State.CANCELLED)
    known = Relation.objects.filter(lead_id=OuterRef("enrollment__lead_id"), sender_id=OuterRef("sender_id"))
    rows: QuerySet[EnrollmentSender] = EnrollmentSender.objects.filter(
        ~Exists(sent),
        ~Exists(known),
        choice="",
        enrollment__status=Enrollment.Status.ACTIVE,
        enrollment__campaign__status=Campaign.Status.ACTIVE,
    )
    return rows


def movable_counts(senders: Sequence[SenderAccount]) -> dict[tuple[UUID, UUID], int]:
    """How many people could go elsewhere, by (campaign, account); one statement."""
    rows = movable().filter(sender__in=senders).order_by().values_list("enrollment__campaign_id", "sender_id")
    return {(campaign, sender): count for campaign, sender, count in rows.annotate(count=Count("id"))}


def move(
    *, campaign: Campaign, source: SenderAccount, target: SenderAccount, people: int, actor: User
) -> int:
    """Give up to ``people`` of a campaign from ``source`` to ``target``, those who are due last first; say how many.

    Raises ``Invalid`` for accounts that do not both send for the campaign on one channel.
    """
    if not 1 <= people <= MOST:
        raise Invalid(f"Between 1 and {MOST:,} people at once.", field="people")
    if source.id == target.id or source.channel != target.channel:
        raise Invalid("Choose another account of the same channel.", field="target")
    if target.status in GONE:
        raise Invalid(f"{target.name} cannot send: {target.get_status_display().lower()}.", field="target")
    working = set(CampaignSender.objects.filter(campaign=campaign).values_list("sender_id", flat=True))
    if not {source.id, target.id} <= working:
        raise Invalid("Both accounts have to send for the campaign.", field="target")
    rows = movable().filter(enrollment__campaign=campaign, sender=source)
    done = 0
    while done < people:
        ids = list(
            rows.order_by("-enrollment_id").values_list("enrollment_id", flat=True)[
                : min(CHUNK, people - done)
            ]
        )
        if not ids:
            break
        moved = in_lock_order({source.id, target.id}, lambda ids=ids: _move(ids, source, target, actor))  # type: ignore[misc]
        if not moved:
            break
        done += moved
    audit.record(
        actor=actor,
        action="campaign.people_moved",
        subject=campaign,
        client_id=campaign.client_id,
        people=done,
        source=source.name,
        target=target.name,
    )
    campaigns.changed(campaign.id)
    return done


def _move(enrollment_ids: list[UUID], source: SenderAccount, target: SenderAccount, actor: User) -> int:
    """Move one chunk under all locks; whoever was written to in the meantime stays."""
    found = {row.id: row for row in locked_many(enrollment_ids)}
    links = list(movable().filter(enrollment_id__in=list(found), sender=source))
    reason = f"Given from {source.name} to {target.name} by a person."
    ids = [link.id for link in links]
    EnrollmentSender.objects.filter(id__in=ids).update(
        sender=target, reason=reason[:200], assigned_at=now(), updated_at=now()
    )
    due = ScheduledAction.objects.filter(
        enrollment_id__in=[link.enrollment_id for link in links],
        sender=source,
        state=ScheduledAction.State.DUE,
    )
    due.filter(held_by__in=OF_ACCOUNTS, due_at__gt=now()).update(due_at=now())
    due.update(sender=target, updated_at=now())
    changes = Changes()
    for link in links:
        enrollment = found[link.enrollment_id]
        here = enrollment.node_id
        changes.log(enrollment, here, here, Cause("person", str(actor.id)), reason, now())
    changes.write()
    return len(links)
