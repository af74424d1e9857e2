"""Reads of provider-run campaigns: how they are at their provider, and what is wrong there, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.db.models import Count

from campaigns import sync_health
from campaigns.models import Campaign, CampaignMirror, Enrollment, EnrollmentMirror
from campaigns.services.provider_runs import creating, parts, stopping
from integrations import registry
from integrations.base import Capability
from integrations.declaring import Provider
from integrations.models import SenderAccount
from integrations.running import CampaignStatus
from project.tenancy.access import Access
from project.tenancy.models import Client

STEPS: Final = {
    "campaign": "making the campaign",
    "senders": "assigning the senders",
    "schedule": "setting the hours",
    "settings": "changing the settings",
    "sequence": "saving the steps",
    "webhooks": "registering its webhooks",
    "leads": "handing people over",
    "stops": "stopping people",
    stopping.STEP: "stopping people",
    "holds": "holding people or letting them go on",
    "status": "starting or pausing it",
}
#: How reading its messages goes: the worst of its accounts (``campaigns.sync_health``).
READING: Final = ("message_sync_status", "last_message_sync_at", "last_message_sync_error")
_COUNTERS: Final = (
    ("contacted", "Contacted"),
    ("sent", "Sent"),
    ("invited", "Invited"),
    ("connected", "Connected"),
    ("opened", "Opened"),
    ("clicked", "Clicked"),
    ("replied", "Replied"),
    ("bounced", "Bounced"),
    ("unsubscribed", "Unsubscribed"),
)


def run_of(campaign: Campaign) -> dict[str, Any] | None:
    """A campaign at the provider that runs it: state, job, people, counters, notes, problems; ``None`` if none does."""
    if campaign.kind != Campaign.Kind.PROVIDER:
        return None
    mirror = CampaignMirror.objects.select_related("connection").filter(campaign=campaign).first()
    if mirror is None:
        return None
    counted = EnrollmentMirror.objects.filter(mirror=mirror).values_list("state").annotate(count=Count("id"))
    people = dict(counted)
    label = registry.get(mirror.connection.provider).label
    names = (
        "connection_id", "provider_campaign_id", "status", "raw_status", "status_at", "job", "step", "attempts",
        "statistics", "statistics_at", "last_lead_sync_at",
    )  # fmt: skip
    waiting = mirror.job == CampaignMirror.Job.DUE and mirror.attempts
    # Messages are read by account, for all campaigns of the connection at once.
    reading = sync_health.of_campaigns([campaign])[0]
    return {
        **{name: getattr(mirror, name) for name in names},
        **{name: reading[name] for name in READING},
        "provider": mirror.connection.provider,
        "label": label,
        "status_label": mirror.get_status_display(),
        "can_push": mirror.job != CampaignMirror.Job.IDLE or runs_there(campaign, mirror),
        "next_try_at": mirror.not_before if waiting else None,
        "doing": STEPS.get(mirror.step, ""),
        "people": people,
        "people_rows": [
            (word, people[state]) for state, word in EnrollmentMirror.State.choices if people.get(state)
        ],
        "total": sum(people.values()),
        "counters": [
            (word, mirror.statistics[name]) for name, word in _COUNTERS if name in mirror.statistics
        ],
        "notes": list(
            dict.fromkeys(
                filter(
                    None,
                    (
                        untaken_of(mirror, label),
                        strangers_of(mirror, label),
                        mirror.lead_sync_note,
                        reading["note"],
                    ),
                )
            )
        ),
        "problems": problems_of(campaign, mirror, label, reading["last_message_sync_error"]),
    }


_UNTAKEN: Final = {
    "invalid": "{} with an invalid address",
    "blocked": "{} on a block list",
    "failed": "{} without a reason",
}


def untaken_of(mirror: CampaignMirror, label: str) -> str:
    """How many people the provider did not take without naming them, and why; ``""`` for none."""
    counts = {name: int(mirror.untaken.get(name, 0)) for name in (*_UNTAKEN, "unsaid")}
    lost = sum(counts[name] for name in _UNTAKEN)
    told: list[str] = []
    if lost:
        why = ", ".join(words.format(counts[name]) for name, words in _UNTAKEN.items() if counts[name])
        told.append(f"{label} did not take {lost} {'person' if lost == 1 else 'people'}: {why}.")
    if counts["unsaid"]:
        told.append(f"{label} did not say whether it took {counts['unsaid']}.")
    return " ".join([*told, "Its list will show who is not there."]) if told else ""


def strangers_of(mirror: CampaignMirror, label: str) -> str:
    """How many people somebody has put into the campaign there, and what that holds up; ``""`` for none."""
    number = mirror.lead_sync_unknown
    if not number or mirror.lead_sync_cursor:
        return ""
    were = "1 person was" if number == 1 else f"{number} people were"
    return (
        f"{were} put into this campaign at {label}, not here. Reconciliation takes in who is a lead here; remove"
        f" anybody else there, or import them as leads. Until then nobody of ours whom {label} dropped can be marked"
        " as not taken: they could be the same people under another address."
    )


def runners(access: Access) -> list[tuple[Client, list[Provider]]]:
    """The clients within reach for whom a provider runs campaigns, with these providers: for the form."""
    clients = list(access.clients().filter(is_archived=False))
    offered = creating.channels_offered([client.id for client in clients])
    return [(client, offered[client.id]) for client in clients if offered[client.id]]


def channel_of(campaign: Campaign) -> str:
    """The channel of the provider that runs a campaign, ``""`` for one that runs here."""
    if campaign.kind != Campaign.Kind.PROVIDER:
        return ""
    mirror = CampaignMirror.objects.select_related("connection").get(campaign=campaign)
    return registry.get(mirror.connection.provider).channels[0]


def senders_for(campaign: Campaign) -> list[SenderAccount]:
    """The accounts that may send for a campaign: its provider's own, or those that our engine can use."""
    rows = SenderAccount.objects.filter(client_id=campaign.client_id).select_related("connection")
    if campaign.kind == Campaign.Kind.PROVIDER:
        return list(rows.filter(connection__in=campaign.mirrors.values("connection")))
    return [row for row in rows if not registry.can(row.connection.provider, Capability.RUNS_CAMPAIGNS)]


def runs_there(campaign: Campaign, mirror: CampaignMirror) -> bool:
    """Whether somebody started a campaign at the provider that does not run here."""
    asked_not_to = mirror.asked_status in {"paused", "stopped"}
    return asked_not_to and campaign.status != Campaign.Status.ACTIVE and mirror.status in parts.GOING


def _failure(mirror: CampaignMirror, label: str) -> str:
    """What went wrong with the job, and what can be done."""
    again = " Mend it, then try again."
    if mirror.job == CampaignMirror.Job.DUE:
        again = " It is tried again by itself."
    elif mirror.step == stopping.STEP:
        again = ""  # its text says what
    return f"{label}, {STEPS.get(mirror.step, 'working on it')}: {mirror.error}{again}"


def problems_of(
    campaign: Campaign, mirror: CampaignMirror, label: str, not_read: str
) -> list[dict[str, str]]:
    """What somebody should know about a campaign there; ``not_read`` is why its messages could not be read."""
    found: list[tuple[str, str]] = []
    if mirror.error:
        found.append((mirror.error_kind or "error", _failure(mirror, label)))
    active = campaign.status == Campaign.Status.ACTIVE
    if active and mirror.held_reason:
        found.append(("held", f"It waits: {mirror.held_reason}"))
    elif active and mirror.asked_status == "running" and mirror.status == CampaignStatus.PAUSED.value:
        text = f"It was paused at {label}, not here. Pause and resume it here to start it again."
        found.append(("paused_there", text))
    elif runs_there(campaign, mirror):
        text = f"It was started at {label} although it does not run here. “Try again now” pauses it there."
        found.append(("runs_there", text))
    if mirror.status == CampaignStatus.FAILED.value:
        found.append(("failed", f"{label} says that the campaign failed ({mirror.raw_status})."))
    if mirror.raw_status == "not found":
        found.append(("gone", f"The campaign was deleted at {label}."))
    if mirror.last_lead_sync_error:
        found.append(("lead_sync", f"Its people could not be read: {mirror.last_lead_sync_error}"))
    if not_read:
        found.append(("message_sync", f"Its messages could not be read: {not_read}"))
    return [{"code": code, "message": message} for code, message in found]


def people_of(found: Iterable[Enrollment]) -> dict[UUID, EnrollmentMirror]:
    """How people of provider-run campaigns are there, by enrollment; one query, none where there is nobody."""
    ids = [row.id for row in found if row.campaign.kind == Campaign.Kind.PROVIDER]
    rows = EnrollmentMirror.objects.filter(enrollment_id__in=ids) if ids else ()
    return {row.enrollment_id: row for row in rows}
