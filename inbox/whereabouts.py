"""Where the person of a conversation is, as far as their hours go."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from campaigns.scheduling.zones import UnknownZone, zone
from inbox.models import Conversation


@dataclass(frozen=True, slots=True)
class LeadClock:
    """The zone that a person's times are shown in. ``is_known``: theirs; else the campaign's, or UTC."""

    tz: ZoneInfo
    is_known: bool


def clock_of(conversation: Conversation) -> LeadClock:
    """The zone of a conversation's person. Reads ``lead`` and ``campaign``."""
    lead, campaign = conversation.lead, conversation.campaign
    names = [(lead.time_zone if lead else "", True), (campaign.time_zone if campaign else "", False)]
    for name, is_known in names:
        try:
            if name:
                return LeadClock(zone(name), is_known)
        except UnknownZone:
            continue
    return LeadClock(zone("UTC"), is_known=False)
