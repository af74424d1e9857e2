"""People whom somebody has put into a campaign of ours at its provider, past us (docs/decisions/0024).

Who is a lead of the client here is taken in: the provider writes to them for this campaign, so that what it tells, and
the do-not-contact list, hold for them as for everybody. Nobody else is made up: they are told as not ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from campaigns import identity
from campaigns.models import Campaign, CampaignMirror, Enrollment, EnrollmentMirror, Lead, LeadChannel
from campaigns.plans.state import Cause
from campaigns.services.provider_runs import mirroring, people
from campaigns.services.suppressed import suppressed_leads
from integrations.running import NewLead, ProviderLead

State = EnrollmentMirror.State
#: Statuses of a campaign that people may still come into.
_OPEN: Final = frozenset({Campaign.Status.ACTIVE, Campaign.Status.PAUSED})


def leads_of(mirror: CampaignMirror, strangers: Sequence[ProviderLead]) -> dict[str, Lead]:
    """Leads of the campaign's client who have the address of a stranger, by that address; one statement."""
    channel = people.channel_of(mirror)
    wanted = {address_of(seen, channel) for seen in strangers} - {""}
    if not wanted or mirror.campaign.status not in _OPEN:
        return {}
    rows = LeadChannel.objects.filter(
        client_id=mirror.campaign.client_id, kind=channel, normalized__in=wanted
    ).filter(lead__removed_at=None, lead__merged_into=None, lead__erased_at=None)
    return {row.normalized: row.lead for row in rows.select_related("lead").order_by("created_at")}


def address_of(seen: ProviderLead, channel: str) -> str:
    """The address of a provider's person as ours are kept, ``""`` for none that can be read."""
    try:
        if channel == "email":
            return identity.email_address(seen.email)
        return identity.linkedin_identifier(seen.profile_url)
    except identity.InvalidAddress:
        return ""


@transaction.atomic
def take_in(mirror: CampaignMirror, *, lead: Lead, seen: ProviderLead, at: datetime) -> None:
    """Make somebody of whom the provider told, and who is a lead here, one of the campaign's people.

    Whoever is in it already under another address keeps their row, which learns the provider's id. Whoever must not be
    written to is stopped there.
    """
    made = people.enroll(campaign=mirror.campaign, lead=lead)
    rows = EnrollmentMirror.objects.filter(mirror=mirror, enrollment__lead=lead)
    if made is None:
        rows.filter(provider_lead_id="").update(provider_lead_id=seen.lead_id, updated_at=at)
        return
    key = NewLead(email=seen.email, profile_url=seen.profile_url).key[:300]
    rows.filter(state=State.WAITING).update(
        key=key, state=State.ADDED, provider_lead_id=seen.lead_id, added_at=at, updated_at=at
    )
    mirroring.note_person(mirror, seen=seen, at=at)
    channel = people.channel_of(mirror)
    source = suppressed_leads([lead], channels={channel}).get((lead.id, channel))
    enrollment = people.locked(made.id)
    if source is not None and enrollment.status != Enrollment.Status.ENDED:
        reason = f"{lead} is on the do-not-contact list ({people.how_listed(source)})."
        people.finish(enrollment, outcome="stopped", reason=reason, cause=Cause("rule", "suppressed"), at=at)
