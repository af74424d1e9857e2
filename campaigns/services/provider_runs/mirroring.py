"""Reading a campaign at its provider: how it is, its counters, and how far its people are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction

from campaigns.models import Campaign, CampaignMirror, Enrollment, EnrollmentMirror
from campaigns.plans.state import Cause
from campaigns.services.provider_runs import erased, mirrors, people
from integrations.base import CountsCampaigns, KeepsLeads, RunsCampaigns, require
from integrations.errors import ErrorKind, ProviderError
from integrations.running import CampaignStatus, LeadStatus, NewLead, ProviderLead
from integrations.services.adapters import adapter_of
from project.core.claims import compare_and_set
from project.core.clock import now

log = structlog.get_logger(__name__)

#: How often a campaign is read that runs, and one that does not.
EVERY: Final = timedelta(minutes=5)
EVERY_QUIET: Final = timedelta(hours=1)
#: When a reading goes on that was too long for one turn.
GOES_ON_AFTER: Final = timedelta(seconds=30)
#: Pages of people that one turn of a reading takes at most.
MOST_PAGES: Final = 200
BATCH: Final = 200


def read(campaign_id: UUID) -> str:
    """Read one campaign if that is due and nobody else does; say what became of it."""
    at = now()
    due = CampaignMirror.objects.filter(campaign_id=campaign_id, next_sync_at__lte=at)
    if not compare_and_set(due, next_sync_at=at + EVERY, updated_at=at):
        return ""
    mirror = mirrors.of_campaign(campaign_id)
    if not mirror.provider_campaign_id:
        return ""
    try:
        adapter = adapter_of(mirror.connection)
        asked_at = now()
        seen = require(adapter, RunsCampaigns).get_campaign(mirror.provider_campaign_id)
        mirrors.note_campaign(mirror, seen, at=asked_at)
        counted = require(adapter, CountsCampaigns).campaign_statistics(mirror.provider_campaign_id)
        mirrors.note_statistics(mirror, counted=counted, at=asked_at)
        read_people(mirror, require(adapter, KeepsLeads))
    except ProviderError as error:
        return _not_read(mirror, error)
    if mirror.lead_sync_cursor:
        CampaignMirror.objects.filter(id=mirror.id).update(
            next_sync_at=now() + GOES_ON_AFTER, last_lead_sync_error=""
        )
        return "partly"
    quiet = seen.status not in {CampaignStatus.RUNNING, CampaignStatus.STARTING}
    CampaignMirror.objects.filter(id=mirror.id).update(
        next_sync_at=at + (EVERY_QUIET if quiet else EVERY), last_lead_sync_error=""
    )
    return "read"


def _not_read(mirror: CampaignMirror, error: ProviderError) -> str:
    if error.kind is ErrorKind.NOT_FOUND:
        mirrors.note_status(mirror, status=CampaignStatus.ARCHIVED, raw_status="not found", at=now())
    values: dict[str, Any] = {"last_lead_sync_error": error.message[:400], "updated_at": now()}
    if error.kind in {ErrorKind.NOT_FOUND, ErrorKind.VALIDATION}:
        # A place in a list that is not there any more: the next reading begins anew.
        values["lead_sync_cursor"] = ""
    CampaignMirror.objects.filter(id=mirror.id).update(**values)
    log.info("provider_run.not_read", campaign=str(mirror.campaign_id), kind=error.kind)
    return "failed"


def read_people(mirror: CampaignMirror, keeper: KeepsLeads) -> int:
    """Read how far the campaign's people are; return how many changed. A list that there is not leaves its note.

    What is too long for one turn goes on in the next, from ``lead_sync_cursor``. Once the whole list was read, those
    whom it lacks count as not taken (``people.drop_unlisted``).
    """
    cursor = mirror.lead_sync_cursor or None
    began = mirror.lead_sync_began_at if cursor and mirror.lead_sync_began_at else now()
    changed, note, listed = 0, "", cursor is not None
    unknown = mirror.lead_sync_unknown if cursor else 0
    for _ in range(MOST_PAGES):
        page = keeper.list_leads(mirror.provider_campaign_id, cursor=cursor)
        note = page.note or note
        listed = listed or bool(page.items)
        noted = [note_person(mirror, seen=seen, at=now()) for seen in page.items]
        changed += noted.count(True)
        unknown += noted.count(None)
        cursor = page.cursor
        if cursor is None:
            break
    kept: dict[str, Any] = {"lead_sync_cursor": cursor or "", "lead_sync_began_at": began if cursor else None}
    if cursor is None:
        kept |= {
            "last_lead_sync_at": now(),
            "lead_sync_note": note[:300],
            "lead_sync_unknown": 0 if note else unknown,
        }
        if not note:
            changed += people.drop_unlisted(mirror, since=began, listed=listed, unknown=unknown)
            if not mirror.people.filter(added_at__gte=began - people.LISTED_AFTER).exists():
                kept["untaken"] = {}
    else:
        kept["lead_sync_unknown"] = unknown
        kept["lead_sync_note"] = "The list of its people is long; reading it goes on."
    CampaignMirror.objects.filter(id=mirror.id).update(**kept, updated_at=now())
    for name, value in kept.items():
        setattr(mirror, name, value)
    return changed


def find_person(
    mirror: CampaignMirror, *, lead_id: str = "", keys: tuple[str, ...] = ()
) -> EnrollmentMirror | None:
    """The row of somebody by the provider's id or by the key that we handed them over with."""
    rows = EnrollmentMirror.objects.filter(mirror=mirror).select_related("enrollment")
    found: EnrollmentMirror | None = rows.filter(provider_lead_id=lead_id).first() if lead_id else None
    wanted = [key for key in keys if key]
    if found is None and wanted:
        found = rows.filter(key__in=wanted).first()
    return found


@transaction.atomic
def note_person(mirror: CampaignMirror, *, seen: ProviderLead, at: datetime) -> bool | None:
    """Keep how the provider shows a person of ours; say whether that was new. ``None`` for others."""
    keys = (seen.email.lower(), seen.profile_url.rstrip("/").lower())
    row = find_person(mirror, lead_id=seen.lead_id, keys=keys) or erased.find_person(
        mirror, lead_id=seen.lead_id, keys=keys
    )
    if row is None:
        return None
    changed = changes_of(row, seen)
    enrollment = None
    if "status" in changed:
        # Facts that come by webhook lock the enrollment before its mirror: so do we, and look at the row again.
        enrollment = people.locked(row.enrollment_id)
        row.refresh_from_db()
        changed = changes_of(row, seen)
    if "state" in changed:
        changed["added_at"] = row.added_at or at
        if changed["state"] == EnrollmentMirror.State.STOPPING:
            changed |= {"attempts": 0, "not_before": at}
            mirrors.request(mirror.campaign_id)
    EnrollmentMirror.objects.filter(id=row.id).update(**changed, synced_at=at, updated_at=at)
    if enrollment is not None and "status" in changed:
        _follow(enrollment, seen, at)
    return bool(changed)


#: Statuses in which the provider writes to a person.
_ON: Final = frozenset({LeadStatus.PENDING, LeadStatus.IN_PROGRESS})


def changes_of(row: EnrollmentMirror, seen: ProviderLead) -> dict[str, Any]:
    """What of a person's row is not as the provider shows it."""
    if erased.is_erased(row):
        values = _of_erased(row, seen)
        return {name: value for name, value in values.items() if getattr(row, name) != value}
    values = {
        "provider_lead_id": seen.lead_id or row.provider_lead_id,
        "membership_id": seen.membership_id or row.membership_id,
        "status": _known(row, seen),
        "raw_status": seen.raw_status[:60],
        "category": seen.category[:80] or row.category,
    }
    if row.state == EnrollmentMirror.State.HANDING:
        # It is there: the answer that got lost was a yes.
        values["state"] = EnrollmentMirror.State.ADDED
    elif row.state == EnrollmentMirror.State.DROPPED or (
        row.state == EnrollmentMirror.State.STOPPED and seen.status in _ON
    ):
        # It shows up after all, or goes on; they are out here.
        values["state"] = EnrollmentMirror.State.STOPPING
    return {name: value for name, value in values.items() if getattr(row, name) != value}


def _of_erased(row: EnrollmentMirror, seen: ProviderLead) -> dict[str, Any]:
    """Nothing that names them, unless the provider has to be told by it to stop."""
    values: dict[str, Any] = {"status": _known(row, seen), "raw_status": seen.raw_status[:60]}
    if row.state == EnrollmentMirror.State.DROPPED or seen.status in _ON:
        values |= {
            "state": EnrollmentMirror.State.STOPPING,
            "key": NewLead(email=seen.email, profile_url=seen.profile_url).key[:300] or row.key,
            "provider_lead_id": seen.lead_id,
            "membership_id": seen.membership_id or row.membership_id,
        }
    return values


def _known(row: EnrollmentMirror, seen: ProviderLead) -> str:
    """The status to keep: some providers have one word for those who answered and those who got all steps."""
    answered = row.status == LeadStatus.REPLIED.value and seen.status is LeadStatus.COMPLETED
    return row.status if answered else seen.status.value


#: What an enrollment ends as where the provider has come to an end with a person.
_ENDS: Final = {
    LeadStatus.COMPLETED: ("completed", "The provider has done all steps."),
    LeadStatus.REPLIED: ("replied", "They replied, the provider says."),
    LeadStatus.STOPPED: ("stopped", "The provider was told to stop."),
    LeadStatus.BLOCKED: ("bounced", "The provider does not write to this address."),
    LeadStatus.FAILED: ("error", "The provider could not reach them."),
}


def _follow(enrollment: Enrollment, seen: ProviderLead, at: datetime) -> None:
    ends = _ENDS.get(seen.status)
    if ends is None or enrollment.status == Enrollment.Status.ENDED:
        return
    outcome, reason = ends
    if seen.is_unsubscribed:
        outcome, reason = "unsubscribed", "They unsubscribed at the provider."
    told = f"{reason} ({seen.reason})" if seen.reason else reason
    people.finish(enrollment, outcome=outcome, reason=told, cause=Cause("rule", "provider"), at=at)


def due() -> list[tuple[UUID, UUID]]:
    """(campaign, organization) of campaigns that are to be read (platform scope)."""
    rows = CampaignMirror.objects.filter(next_sync_at__lte=now()).exclude(
        campaign__status=Campaign.Status.ARCHIVED
    )
    return list(rows.order_by("next_sync_at").values_list("campaign_id", "organization_id")[:BATCH])
