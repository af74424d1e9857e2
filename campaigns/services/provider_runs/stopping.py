"""Stopping people at the provider who are out here, and what can be believed about those whom it does not find.

That a provider does not find somebody says little: the id may be wrong, the route missing, or the person on their way
into its list. Only a whole reading of the list that lacks them tells that they get nothing. Whoever can neither be
stopped nor shown to be gone is left to a person, and the campaign is paused until then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, QuerySet

from campaigns.models import CampaignMirror, EnrollmentMirror
from campaigns.services.provider_runs import mirroring, people
from campaigns.services.provider_runs.job import Work
from integrations.backoff import wait_after
from integrations.base import KeepsLeads, StopsLeads, require
from integrations.errors import Disposition, ErrorKind, ProviderError
from project.core.clock import now

MOST_AT_ONCE: Final = 200
#: Refusals about one person (over ten minutes) after which a person has to act.
MOST_TRIES: Final = 7
MOST_NAMED: Final = 3
#: ``CampaignMirror.step`` while people who could not be stopped wait for a person.
STEP: Final = "unstopped"
#: What a refusal about one person may be; anything else concerns all.
_ONE_PERSON: Final = frozenset({Disposition.SKIP_LEAD, Disposition.REPORT})
State = EnrollmentMirror.State


def carry_out(work: Work) -> str:
    """Stop whoever is to be stopped; say who could not be, ``""`` for nobody.

    Those whose id is known go first; for the others the list is read.
    """
    while rows := people.to_stop(work.mirror, MOST_AT_ONCE):
        clear = [row for row in rows if row.provider_lead_id and not row.attempts]
        since: datetime | None = None
        if not clear:
            since = _read(work)
            clear = people.to_stop(work.mirror, MOST_AT_ONCE)
        for row in clear:
            work.keep()
            if since is not None and _is_gone(row, work.mirror, since):
                people.note_stopped(row)
            else:
                _stop(work, row)
    return _told(work)


def _read(work: Work) -> datetime | None:
    """Read the list; return since when it has been read as a whole, ``None`` where it was not."""
    mirror = work.mirror
    began = mirror.lead_sync_began_at if mirror.lead_sync_cursor else None
    since = began or now()
    mirroring.read_people(mirror, require(work.adapter, KeepsLeads))
    return None if mirror.lead_sync_cursor or mirror.lead_sync_note else since


def _is_gone(row: EnrollmentMirror, mirror: CampaignMirror, since: datetime) -> bool:
    """Whether a whole list, read since then, shows that somebody is not in the campaign.

    Not of somebody without an id while the list has people who are none of ours: they may be there under another
    address; nor of somebody who was taken by an empty list.
    """
    told_at = row.added_at or row.enrollment.ended_at
    if told_at is None or since < told_at + people.LISTED_AFTER:
        return False
    if row.synced_at is not None and row.synced_at >= since:
        return False
    if row.provider_lead_id:
        return True
    is_filled = bool(mirror.people.filter(synced_at__gte=since).exists())
    return not mirror.lead_sync_unknown and (row.added_at is None or is_filled)


def _stop(work: Work, row: EnrollmentMirror) -> None:
    """Stop one person. A refusal about them puts off them alone; raises ``ProviderError`` for others."""
    try:
        if row.status not in people.OVER:
            lead = people.as_provider_lead(row, work.mirror)
            require(work.adapter, StopsLeads).stop_lead(work.campaign_id, lead)
    except ProviderError as error:
        is_theirs = error.disposition in _ONE_PERSON
        tries = row.attempts + 1 if is_theirs else work.mirror.attempts + 1
        pause = timedelta(seconds=wait_after(tries, first=5.0, cap=900.0))
        people.put_off([row], reason=error.message, wait=pause)
        if not is_theirs:
            raise
        # Without a list, or without the route, another try tells nothing more.
        has_list = work.mirror.lead_sync_cursor or not work.mirror.lead_sync_note
        is_hopeless = not has_list or error.kind is ErrorKind.UNSUPPORTED
        EnrollmentMirror.objects.filter(id=row.id).update(
            attempts=MOST_TRIES if is_hopeless else F("attempts") + 1
        )
    else:
        people.note_stopped(row)


def _told(work: Work) -> str:
    """What a person has to do about those who could not be stopped, ``""`` for nobody."""
    rows = _left(work.mirror).select_related("enrollment__lead")
    number = rows.count()
    if not number:
        return ""
    names = ", ".join(str(row.enrollment.lead) for row in rows.order_by("id")[:MOST_NAMED])
    others = f" and {number - MOST_NAMED} more" if number > MOST_NAMED else ""
    blind = ""
    if work.mirror.lead_sync_note and not work.mirror.lead_sync_cursor:
        blind = f" {work.label} gives out no list of the campaign's people in which to find them."
    return (
        f"{names[:120]}{others} must not be written to any more and could not be stopped, so the campaign is paused"
        f" there.{blind} Stop them at {work.label} by hand; “Try again now” then counts them as stopped."
    )


def _left(mirror: CampaignMirror) -> QuerySet[EnrollmentMirror]:
    rows: QuerySet[EnrollmentMirror] = EnrollmentMirror.objects.filter(
        mirror=mirror, state=State.STOPPING, attempts__gte=MOST_TRIES
    )
    return rows


def confirm(mirror: CampaignMirror) -> int:
    """Count those as stopped whom a person says they have stopped at the provider; return how many.

    Only where the page has asked them to. Whoever shows up as going on is stopped again (``mirroring.changes_of``).
    """
    if mirror.step != STEP or mirror.job != CampaignMirror.Job.BLOCKED:
        return 0
    rows = list(_left(mirror))
    for row in rows:
        people.note_stopped(row)
    return len(rows)


def overdue() -> QuerySet[CampaignMirror]:
    """Mirrors whose job rests although somebody is to be stopped by now (platform scope)."""
    rows: QuerySet[CampaignMirror] = (
        CampaignMirror.objects.filter(people__state=State.STOPPING, people__not_before__lte=now())
        .exclude(job=CampaignMirror.Job.DUE)
        .exclude(provider_campaign_id="")
        .exclude(job=CampaignMirror.Job.BLOCKED, error_kind__in=["auth", "config"])
        .distinct()
    )
    return rows
