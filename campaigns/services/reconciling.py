"""Campaigns and leads as parts of reconciliation: what a provider that runs campaigns says against our mirrors.

A page is compared in a constant number of statements; what is unchanged costs no write, and what has changed is taken
over as it is when the campaign is read (``provider_runs.mirroring``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from campaigns.models import CampaignMirror, EnrollmentMirror
from campaigns.services.provider_runs import adopting, erased, mirroring, mirrors, people
from integrations import registry
from integrations.base import Capability, KeepsLeads, RunsCampaigns, require
from integrations.errors import ErrorKind, ProviderError
from integrations.running import ProviderCampaign, ProviderLead
from integrations.services.reconciliation import Part, Work
from project.core.clock import now


def _runs_campaigns(provider: str) -> bool:
    return registry.can(provider, Capability.RUNS_CAMPAIGNS)


def _label(work: Work) -> str:
    return registry.get(work.report.connection.provider).label


# --- campaigns ----------------------------------------------------------------------------------------


def compare_campaigns(work: Work) -> bool:
    """Compare the campaigns of a connection: those of ours that are gone there, and those that only are there."""
    runner = require(work.adapter, RunsCampaigns)
    seen: list[str] = list(work.place.get("seen", ()))
    cursor, is_cut = work.place.get("cursor"), bool(work.place.get("cut"))
    kept = CampaignMirror.objects.select_related("campaign", "connection").filter(
        connection_id=work.report.connection_id
    )
    while work.may_ask():
        asked_at = now()
        page = runner.list_campaigns(cursor=cursor)
        work.note(page.note)
        ids = [shown.campaign_id for shown in page.items]
        ours = {row.provider_campaign_id: row for row in kept.filter(provider_campaign_id__in=ids)}
        for shown in page.items:
            _campaign(work, shown, ours.get(shown.campaign_id), asked_at)
        seen += sorted(ours)
        cursor, is_cut = page.cursor, is_cut or bool(page.note)
        work.page_done(len(page.items), {"cursor": cursor, "seen": seen, "cut": is_cut})
        if cursor is None:
            # A list that was cut does not show what is gone.
            if is_cut:
                return True
            for gone in kept.exclude(provider_campaign_id="").exclude(provider_campaign_id__in=seen):
                work.found("missing", sample=f"“{gone.campaign}” is gone at {_label(work)}.")
            return True
    return False


def _campaign(work: Work, shown: ProviderCampaign, mirror: CampaignMirror | None, asked_at: datetime) -> None:
    if mirror is None:
        sentence = (
            f"“{shown.name}” was made at {_label(work)}, not here ({shown.raw_status}): it is left alone."
        )
        work.found("not_ours", sample=sentence)
        return
    if (mirror.status, mirror.raw_status) == (shown.status.value, shown.raw_status[:60]):
        work.found("unchanged")
        return
    was = mirror.raw_status or mirror.get_status_display()
    work.found(
        "updated", sample=f"“{mirror.campaign}” is {shown.raw_status} there; we had {was or 'nothing'}."
    )
    if work.apply:
        mirrors.note_campaign(mirror, shown, at=asked_at)


# --- leads --------------------------------------------------------------------------------------------


def compare_leads(work: Work) -> bool:
    """Compare the people of every campaign of a connection."""
    keeper = require(work.adapter, KeepsLeads)
    standing = work.place.get("mirror")
    related = ("campaign", "campaign__client", "campaign__current_version", "connection")
    rows = CampaignMirror.objects.select_related(*related).filter(connection_id=work.report.connection_id)
    rows = rows.exclude(provider_campaign_id="").order_by("id")
    if standing:
        rows = rows.filter(id__gte=UUID(standing))
    for mirror in rows.iterator(chunk_size=100):
        if str(mirror.id) != standing:
            work.place = {}
        if work.place.get("through"):
            continue
        try:
            if not _people(work, keeper, mirror):
                return False
        except ProviderError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            work.found("errors", sample=f"“{mirror.campaign}”: {error.message}")
    return True


def _people(work: Work, keeper: KeepsLeads, mirror: CampaignMirror) -> bool:
    cursor, matched = work.place.get("cursor"), int(work.place.get("matched", 0))
    while work.may_ask():
        page = keeper.list_leads(mirror.provider_campaign_id, cursor=cursor)
        matched += _page(work, mirror, page.items)
        cursor = page.cursor
        place: dict[str, Any] = {"mirror": str(mirror.id), "cursor": cursor, "matched": matched}
        if cursor is None:
            if page.note:
                work.note(f"“{mirror.campaign}”: {page.note}")
            else:
                _absent(work, keeper, mirror, matched)
            place["through"] = True
        work.page_done(len(page.items), place)
        if cursor is None:
            return True
    return False


def _absent(work: Work, keeper: KeepsLeads, mirror: CampaignMirror, matched: int) -> None:
    """Say how many people of ours a campaign's list did not have.

    Applied, those to whom nothing was sent count as not taken, if the list still lacks them when it is read again.
    """
    added = EnrollmentMirror.objects.filter(
        mirror=mirror, state__in=[people.State.ADDED, people.State.HELD]
    ).count()
    if added > matched:
        number = added - matched
        work.found("missing", number, sample=f"“{mirror.campaign}”: {number} of ours are not listed there.")
        if work.apply and people.unserved(mirror, before=now()).exists():
            mirroring.read_people(mirror, keeper)


def _page(work: Work, mirror: CampaignMirror, listed: Sequence[ProviderLead]) -> int:
    """Compare a page of people; return how many of ours that were handed over are on it."""
    rows = _rows(mirror, listed)
    matched = unchanged = 0
    strangers: list[ProviderLead] = []
    for shown in listed:
        row = rows.get(f"id:{shown.lead_id}") or next(
            (rows[key] for key in _keys(shown) if key in rows), None
        )
        if row is None:
            strangers.append(shown)
            continue
        matched += row.state in {people.State.ADDED, people.State.HELD, people.State.HANDING}
        changes = mirroring.changes_of(row, shown)
        if changes:
            if work.apply:
                # As when the campaign is read: what the provider has come to an end with ends here.
                mirroring.note_person(mirror, seen=shown, at=now())
            who = "Somebody who was erased" if erased.is_erased(row) else row.key
            work.found(
                "updated", sample=f"{who} in “{mirror.campaign}”: {_what_differs(row, shown, changes)}"
            )
        else:
            unchanged += 1
    if unchanged:
        work.found("unchanged", unchanged)
    _strangers(work, mirror, strangers)
    return matched


def _strangers(work: Work, mirror: CampaignMirror, strangers: Sequence[ProviderLead]) -> None:
    """People whom somebody put into the campaign there: those who are leads here are taken in, others left alone."""
    known = adopting.leads_of(mirror, strangers)
    channel = people.channel_of(mirror)
    for shown in strangers:
        lead = known.get(adopting.address_of(shown, channel))
        if lead is None:
            who = shown.email or shown.profile_url or shown.lead_id
            sentence = f"{who} was put into “{mirror.campaign}” there and is no lead of {mirror.campaign.client} here."
            work.found("not_ours", sample=sentence)
            continue
        work.found("created", sample=f"{lead} was put into “{mirror.campaign}” there.")
        if work.apply:
            adopting.take_in(mirror, lead=lead, seen=shown, at=now())


def _what_differs(row: EnrollmentMirror, shown: ProviderLead, changes: dict[str, Any]) -> str:
    """What of a person is another there, as the end of a sentence."""
    if {"status", "raw_status"} & set(changes):
        was = row.raw_status or row.get_status_display().lower()
        return f"{shown.raw_status or shown.status.value} there; we had {was}."
    if "category" in changes:
        return f"sorted as “{shown.category}” there; we had {row.category or 'nothing'}."
    if "state" in changes:
        return f"there after all; we had “{row.get_state_display()}”."
    return "known there by an id that we did not have."


def _rows(mirror: CampaignMirror, listed: Sequence[ProviderLead]) -> dict[str, EnrollmentMirror]:
    """Our rows of a page's people, by the provider's id and by the key that we handed them over with.

    Whoever was erased is found by the digests that stand for these.
    """
    ids = _with_marks(mirror, [shown.lead_id for shown in listed if shown.lead_id])
    keys = _with_marks(mirror, [key.removeprefix("key:") for shown in listed for key in _keys(shown)])
    ours = EnrollmentMirror.objects.filter(mirror=mirror)
    found: dict[str, EnrollmentMirror] = {}
    # Two statements: each has its index, and an OR over both has none.
    for condition in (Q(key__in=list(keys)), Q(provider_lead_id__in=list(ids)) & ~Q(provider_lead_id="")):
        for row in ours.filter(condition):
            found[f"key:{keys.get(row.key, row.key)}"] = row
            if row.provider_lead_id:
                found[f"id:{ids.get(row.provider_lead_id, row.provider_lead_id)}"] = row
    return found


def _with_marks(mirror: CampaignMirror, values: list[str]) -> dict[str, str]:
    """Values, and what stands for them where somebody was erased: each with the value."""
    marks = {erased.mark_of(mirror.organization_id, value): value for value in values}
    return {value: value for value in values} | marks


def _keys(shown: ProviderLead) -> list[str]:
    return [f"key:{key}" for key in (shown.email.lower(), shown.profile_url.rstrip("/").lower()) if key]


CAMPAIGNS: Final = Part(name="campaigns", order=10, offered=_runs_campaigns, compare=compare_campaigns)
LEADS: Final = Part(name="leads", order=20, offered=_runs_campaigns, compare=compare_leads)
