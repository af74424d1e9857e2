"""Whether a provider-run campaign may run now: the switches and rules that hold our own engine up hold it up, too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from campaigns.models import Campaign, CampaignMirror, CampaignSender
from campaigns.scheduling import zone
from campaigns.services.points import CAPABILITY_OF_CHANNEL
from campaigns.services.settings import calendar_of
from integrations import registry
from integrations.models import Connection, SenderAccount
from integrations.services import switches
from integrations.services.switches import Stops
from project.core.clock import now
from project.tenancy.services import entitlements


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides about campaigns of one organization: switches, entitlements, and the senders of each campaign."""

    stops: Stops
    grants: entitlements.Grants
    senders: dict[UUID, list[SenderAccount]]


def circumstances(campaign_ids: Iterable[UUID]) -> Circumstances:
    """Read what decides about campaigns of the current organization; three statements for any number of them."""
    links = CampaignSender.objects.filter(campaign_id__in=list(campaign_ids)).select_related("sender")
    senders: dict[UUID, list[SenderAccount]] = {}
    for link in links.order_by("sender__name", "sender_id"):
        senders.setdefault(link.campaign_id, []).append(link.sender)
    return Circumstances(switches.load(), entitlements.grants(), senders)


def held(mirror: CampaignMirror, given: Circumstances, *, at: datetime | None = None) -> str:
    """Why an active campaign must not run at its provider now, ``""`` if it may. Asks the database nothing.

    Needs ``campaign`` (with its organization) and ``connection`` of the mirror.
    """
    campaign = mirror.campaign
    if not campaign.organization.is_active:
        return "This organization is suspended; nothing leaves."
    stop = given.stops.of(client_id=campaign.client_id, campaign_id=campaign.id)
    if stop is not None:
        return stop.sentence
    return (
        _not_entitled(mirror, given.grants)
        or _stopped_step(campaign, given.stops)
        or _stopped_sender(given.senders.get(campaign.id, ()), given.stops)
        or _day_off(campaign, at or now())
    )


def _not_entitled(mirror: CampaignMirror, grants: entitlements.Grants) -> str:
    provider = registry.get(mirror.connection.provider)
    capability = CAPABILITY_OF_CHANNEL[provider.channels[0]]
    if entitlements.granted(grants, capability, mirror.campaign.client_id) != provider.kind:
        return f"{capability.label} through {provider.label} is not enabled for this client any more."
    if mirror.connection.status == Connection.Status.DISABLED:
        return f"The connection {mirror.connection.name} is disabled."
    return ""


def _stopped_step(campaign: Campaign, stops: Stops) -> str:
    """A provider cannot leave one step out: it waits as a whole."""
    for level, target, node_id in stops.on:
        if node_id and target == campaign.id:
            return (
                f"The step {node_id} is switched off, and the provider cannot leave one step out ({level})."
            )
    return ""


def _stopped_sender(senders: Iterable[SenderAccount], stops: Stops) -> str:
    """Taking a sender out there may end the sequences of its people, so that the campaign waits instead."""
    for sender in senders:
        if sender.paused_at is not None:
            return f"{sender.name} is paused. Resume it, or take it out of this campaign."
        stop = stops.of(client_id=None, sender_id=sender.id)
        if stop is not None:
            return f"{sender.name}: {stop.sentence}"
    return ""


def _day_off(campaign: Campaign, at: datetime) -> str:
    """Providers keep no holidays; the campaign rests there on ours."""
    calendar = calendar_of(campaign)
    day = at.astimezone(zone(campaign.time_zone)).date()
    if day.weekday() in calendar.days_off or calendar.is_working_day(day):
        return ""  # its own schedule keeps weekends
    return f"{day:%d %B} is a day off."
