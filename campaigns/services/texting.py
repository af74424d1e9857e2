"""Text messages: the notice on the first one, their parts, and the hours of the recipient's day."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.models import Enrollment, OutreachPolicy
from campaigns.plans.schema import SendNode
from campaigns.rendering import sms_segments
from campaigns.scheduling import CalendarNeverOpens, UnknownZone, send_seed, zone
from campaigns.scheduling.phones import spread_over_common_hours, zones_of_number
from campaigns.services.outreach import policy_for
from campaigns.services.planning import context_of
from integrations.models import OutboundMessage
from integrations.services.holds import Hold

STOP_NOTICE = "Reply STOP to opt out."


def with_notice(text: str, *, enrollment: Enrollment, phone: str, policy: OutreachPolicy) -> str:
    """Add who writes and how to stop it to the first text that a person gets from a client."""
    if _has_written(enrollment, phone):
        return text
    return noticed(text, client_name=enrollment.lead.client.name, policy=policy)


def noticed(text: str, *, client_name: str, policy: OutreachPolicy) -> str:
    """A first text with what the client's rule adds to it."""
    if not policy.sms_stop_notice:
        return text
    name = policy.legal_name or client_name
    notice = STOP_NOTICE if name.lower() in text.lower() else f"{name}. {STOP_NOTICE}"
    return text if "reply stop" in text.lower() and notice == STOP_NOTICE else f"{text}\n{notice}"


def _has_written(enrollment: Enrollment, phone: str) -> bool:
    rows = OutboundMessage.objects.filter(
        lead_id=enrollment.lead_id, client_id=enrollment.client_id, channel="sms", recipient__phone=phone
    )
    return bool(
        rows.exclude(state__in=[OutboundMessage.State.FAILED, OutboundMessage.State.CANCELLED]).exists()
    )


def segments(text: str) -> dict[str, Any]:
    """What a text costs, for the payload: encoding, units, number of parts."""
    found = sms_segments(text)
    return {"encoding": found.encoding, "units": found.units, "count": found.count}


def quiet_hold(enrollment: Enrollment, node: SendNode, phone: str, moment: datetime) -> Hold | None:
    """Why a text may not leave at ``moment``: it is night, early or late where its recipient may be.

    The number's zones count, all of them where it has several, and the lead's own if it is known; the campaign's zone
    where nothing is known. The campaign's calendar has to be open at the same time.
    """
    if node.channel != "sms":
        return None
    policy = policy_for(enrollment.lead.client)
    context = context_of(enrollment)
    zones = zones_of(phone, enrollment.lead.time_zone) or (context.tz,)
    try:
        opens = spread_over_common_hours(
            moment,
            zones,
            seed=send_seed(str(enrollment.id), node.id),
            from_hour=policy.sms_from_hour,
            until_hour=policy.sms_until_hour,
            calendar=context.calendar,
            tz=context.tz,
        )
    except CalendarNeverOpens:
        return Hold(
            "quiet_hours",
            f"The campaign's window never meets {_hours(policy)} where this number is.",
        )
    if opens <= moment:
        return None
    local = opens.astimezone(zones[0])
    told = f"Outside {_hours(policy)} where they are; goes out {local:%a %d %b %H:%M} there."
    return Hold("quiet_hours", told, until=opens)


def _hours(policy: OutreachPolicy) -> str:
    return f"{policy.sms_from_hour:02}:00-{policy.sms_until_hour:02}:00"


def zones_of(phone: str, lead_zone: str) -> tuple[ZoneInfo, ...]:
    """Return the zones in which whoever has this number may be; none where nothing is known."""
    found = list(zones_of_number(phone))
    if lead_zone:
        try:
            known = zone(lead_zone)
        except UnknownZone:
            return tuple(found)
        if known not in found:
            found.insert(0, known)
    return tuple(found)
