"""The history of a campaign's draft: every change is a revision, so that it can be undone, redone and read.

Two people who edit one draft share its history. Who changes it says which version they have seen; a change made upon an
older one is refused, so that nobody overwrites what they have not seen.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db import transaction

from campaigns.models import Campaign, DraftRevision
from campaigns.services import live
from project.core.clock import now
from project.core.refusals import Refused
from project.tenancy import audit
from project.tenancy.models import User

#: More changes than this are not kept.
KEPT: Final = 200
#: Typing that goes on within this time is one change.
TYPING: Final = timedelta(seconds=60)


class DraftMoved(Refused):
    """Somebody else has changed the draft since it was read; nothing was done.

    ``details`` has ``version`` (the present one), ``label`` and ``by``.
    """

    default_code = "DRAFT_MOVED"


def locked(campaign: Campaign, version: int | None) -> Campaign:
    """The campaign under lock, for a change upon ``version`` (``None``: upon whatever is there).

    Raises ``DraftMoved``.
    """
    found: Campaign = Campaign.objects.select_for_update(of=("self",)).get(id=campaign.id)
    if version is not None and version != found.draft_version:
        last = _at(found)
        by = last.actor.display_name if last and last.actor else "Somebody"
        label = last.label if last else "Changed the plan"
        raise DraftMoved(
            f"{by} has changed the plan in the meantime ({label[:1].lower()}{label[1:]}). Your change was not made.",
            version=found.draft_version,
            label=label,
            by=by,
        )
    return found


def record(
    *, campaign: Campaign, plan: dict[str, Any], label: str, actor: User, subject: str = ""
) -> Campaign:
    """Make ``plan`` the draft of a locked campaign, as one more revision. What was undone before is gone."""
    last = _at(campaign)
    if last is None:
        last = DraftRevision.objects.create(
            campaign=campaign, number=1, plan=campaign.draft_plan, label="As it was", actor=None
        )
    if _goes_on(campaign, last, subject, actor):
        DraftRevision.objects.filter(id=last.id).update(plan=plan, updated_at=now())
        return _set(campaign, plan, last.number)
    number = last.number + 1
    DraftRevision.objects.filter(campaign=campaign, number__gte=number).delete()
    DraftRevision.objects.filter(campaign=campaign, number__lte=number - KEPT).delete()
    DraftRevision.objects.create(
        campaign=campaign, number=number, plan=plan, label=label[:200], subject=subject, actor=actor
    )
    audit.record(actor=actor, action="campaign.plan_saved", subject=campaign, what=label[:200])
    return _set(campaign, plan, number)


@transaction.atomic
def undo(*, campaign: Campaign, actor: User, version: int | None = None) -> Campaign:
    """Go one revision back. Raises ``Refused`` at the first one, and ``DraftMoved``."""
    return _step(locked(campaign, version), -1, actor)


@transaction.atomic
def redo(*, campaign: Campaign, actor: User, version: int | None = None) -> Campaign:
    """Go one revision forward. Raises ``Refused`` at the last one, and ``DraftMoved``."""
    return _step(locked(campaign, version), 1, actor)


def around(campaign: Campaign) -> tuple[DraftRevision | None, DraftRevision | None]:
    """(what undo would take back, what redo would do again); ``None`` where there is nothing."""
    place = campaign.draft_position
    near = {
        row.number: row
        for row in DraftRevision.objects.filter(
            campaign=campaign, number__in=[place - 1, place, place + 1]
        ).select_related("actor")
    }
    return near.get(place) if place - 1 in near else None, near.get(place + 1)


def _at(campaign: Campaign) -> DraftRevision | None:
    rows = DraftRevision.objects.filter(campaign=campaign, number=campaign.draft_position)
    found: DraftRevision | None = rows.select_related("actor").first()
    return found


def _goes_on(campaign: Campaign, last: DraftRevision, subject: str, actor: User) -> bool:
    if not subject or last.subject != subject or last.actor_id != actor.id:
        return False
    later = DraftRevision.objects.filter(campaign=campaign, number__gt=last.number)
    return last.updated_at > now() - TYPING and not later.exists()


def _step(campaign: Campaign, by: int, actor: User) -> Campaign:
    row = DraftRevision.objects.filter(campaign=campaign, number=campaign.draft_position + by).first()
    if row is None or not campaign.draft_position:
        raise Refused(
            "There is nothing to undo." if by < 0 else "There is nothing to redo.", code="NOTHING_TO_UNDO"
        )
    audit.record(
        actor=actor, action="campaign.plan_undone" if by < 0 else "campaign.plan_redone", subject=campaign
    )
    return _set(campaign, row.plan, row.number)


def _set(campaign: Campaign, plan: dict[str, Any], position: int) -> Campaign:
    Campaign.objects.filter(id=campaign.id).update(
        draft_plan=plan,
        draft_position=position,
        draft_version=campaign.draft_version + 1,
        updated_at=now(),
    )
    live.campaign_changed(campaign.id)
    return campaign.refreshed()
