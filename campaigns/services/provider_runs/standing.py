"""Whether a provider-run campaign may run now: the switches and rules that hold our own engine up hold it up, too."""

from __future__ import annotations

from datetime import datetime

from campaigns.models import Campaign, CampaignMirror
from campaigns.scheduling import zone
from campaigns.services.points import CAPABILITY_OF_CHANNEL
from campaigns.services.settings import calendar_of
from integrations import registry
from integrations.models import Connection, SenderAccount
from integrations.services.switches import Stops
from project.core.clock import now
from project.tenancy.services.entitlements import provider_for


def held(mirror: CampaignMirror, stops: Stops, *, at: datetime | None = None) -> str:
    """Why an active campaign must not run at its provider now, ``""`` if it may.

    Needs ``campaign`` (with its organization) and ``connection`` of the mirror.
    """
    campaign = mirror.campaign
    if not campaign.organization.is_active:
        return "This organization is suspended; nothing leaves."
    stop = stops.of(client_id=campaign.client_id, campaign_id=campaign.id)
    if stop is not None:
        return stop.sentence
    return (
        _not_entitled(mirror)
        or _stopped_step(campaign, stops)
        or _stopped_sender(campaign, stops)
        or _day_off(campaign, at or now())
    )


def _not_entitled(mirror: CampaignMirror) -> str:
    provider = registry.get(mirror.connection.provider)
    capability = CAPABILITY_OF_CHANNEL[provider.channels[0]]
    if provider_for(capability, mirror.campaign.client_id) != provider.kind:
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


def _stopped_sender(campaign: Campaign, stops: Stops) -> str:
    """Taking a sender out there may end the sequences of its people, so that the campaign waits instead."""
    for sender in SenderAccount.objects.filter(campaign_links__campaign=campaign).order_by("name", "id"):
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
