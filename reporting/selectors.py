"""Reports of clients and campaigns: every figure from sums, each with what it is counted from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from campaigns.models import Campaign
from campaigns.selectors import stage_counts
from campaigns.services import variants
from project.core.clock import now
from project.tenancy.access import Access
from project.tenancy.models import Client
from reporting import charts, selectors_deals, selectors_facts, selectors_replies
from reporting import selectors_parts as parts_of
from reporting.filters import Filters, Period
from reporting.models import ReportNote, Rollup
from reporting.selectors_rollups import Grain, Kinds, Subject, by_key, freshness, of_subjects, total

Steps = tuple[tuple[str, str, str], ...]
_END: Final = (("positive", "Positive", "replied"), ("meeting", "Meeting", "positive"))
#: Headline funnel, and one per channel: kind, what people call it, and the kind that it is a share of.
FUNNEL: Final[Steps] = (
    ("enrolled", "Enrolled", ""), ("contacted", "Contacted", "enrolled"), ("reached", "Reached", "contacted"),
    ("replied", "Replied", "reached"), *_END,
)  # fmt: skip
#: The same for a channel or a sender, which nobody is enrolled by.
REACH: Final[Steps] = (("contacted", "Contacted", ""), *FUNNEL[2:])
CHANNELS: Final[dict[str, Steps]] = {
    "linkedin": (
        ("invited", "Invited", ""), ("connected", "Connected", "invited"), ("messaged", "Messaged", "connected"),
        ("replied", "Replied", "messaged"), *_END,
    ),
    "email": (
        ("emailed", "Sent", ""), ("delivered", "Delivered", "emailed"), ("opened", "Opened", "delivered"),
        ("clicked", "Clicked", "delivered"), ("replied", "Replied", "emailed"), *_END,
    ),
    "sms": (
        ("texted", "Sent", ""), ("delivered", "Delivered", "texted"), ("replied", "Replied", "texted"), *_END,
    ),
}  # fmt: skip
#: Days that a forecast and its back-test are made from.
_HISTORY: Final = 28 + 12 * 7


def client_overview(access: Access) -> list[dict[str, Any]]:
    """Clients within reach with the figures of their last 28 days."""
    clients = list(access.clients().filter(is_archived=False))
    today = now().date()
    # One statement for all of them: days of a client may be off by one from ours.
    period = Period(today - timedelta(days=28), today + timedelta(days=1), ZoneInfo("UTC"))
    rows: Any = Rollup.objects.filter(
        grain=Grain.CLIENT, subject_id__in=[client.id for client in clients], day__gte=period.first
    )
    days = by_key(rows, "subject_id", "day", kinds=("contacted", "replied", "positive", "meeting"))
    found = []
    for client in clients:
        own = Period.last_days(28, ZoneInfo(client.time_zone))
        people = total(
            [kinds for (subject, day), kinds in days.items() if subject == client.id and own.first <= day]
        ).people
        keys = ("contacted", "replied", "positive", "meeting")
        found.append({"client": client, **{key: people.get(key, 0) for key in keys}})
    return found


def client_report(client: Client, filters: Filters, access: Access | None = None) -> dict[str, Any]:
    """Everything on a client's report; what people wrote as far as whoever asks may read it."""
    subject = Subject(client, only=filters.campaign_id, narrow=filters.narrow)
    period = filters.period
    campaigns = list(Campaign.objects.filter(client=client).order_by("name", "id"))
    grain, key = (Grain.SENDER, "subject_id") if subject.is_client else (Grain.CAMPAIGN_SENDER, "part")
    found = _from_facts(subject, filters)
    by_campaign = found.campaigns(period) if found else by_key(subject.by_campaign(period), "subject_id")
    return {
        "client": client,
        **_common(subject, filters, found, is_running=_is_running(campaigns, filters)),
        "campaigns": side_by_side(campaigns, by_campaign),
        "senders": parts_of.senders(by_key(subject.rows(grain, period), key))
        if filters.narrow is None
        else [],
        "replies": selectors_replies.latest(client, access, filters) if access is not None else None,
        # Deals are known of people, not of what was sent to them by which way.
        "deals": None
        if filters.narrow
        else selectors_deals.totals(access, client, campaign_id=filters.campaign_id),
    }


def campaign_report(campaign: Campaign, filters: Filters) -> dict[str, Any]:
    """Everything on a campaign's report, and its leads by stage now."""
    subject = Subject(campaign.client, campaign, narrow=filters.narrow)
    period = filters.period
    found = _from_facts(subject, filters)
    common = _common(subject, filters, found, is_running=_is_running([campaign], filters))
    report = {"client": campaign.client, "campaign": campaign, **common}
    parts = (
        {"steps": [], "trials": [], "senders": [], "lists": []}
        if filters.narrow
        else {
            "steps": parts_of.steps(campaign, by_key(subject.rows(Grain.STEP, period), "part")),
            "trials": [parts_of.trial(trial) for trial in variants.trials(campaign)],
            "senders": parts_of.senders(by_key(subject.rows(Grain.CAMPAIGN_SENDER, period), "part")),
            "lists": parts_of.lists(by_key(subject.rows(Grain.LIST, period), "part")),
        }
    )
    return {**report, **parts, "stages": stage_counts([campaign.id])[campaign.id]}


def _from_facts(subject: Subject, filters: Filters) -> selectors_facts.Found | None:
    """What several of channel, sender and list have in common; ``None`` where sums are kept.

    Raises ``TooManyFacts``.
    """
    narrow, period = filters.narrow, filters.period
    if narrow is None or narrow.single is not None:
        return None
    first = period.before.first if filters.compare else period.first
    return selectors_facts.counted(subject, narrow, Period(first, period.last, period.zone))


def _is_running(campaigns: list[Campaign], filters: Filters) -> bool:
    """Whether any of the campaigns that a report is about still writes to people."""
    return any(
        one.status == Campaign.Status.ACTIVE and filters.campaign_id in {None, one.id} for one in campaigns
    )


def _common(
    subject: Subject, filters: Filters, found: selectors_facts.Found | None, *, is_running: bool
) -> dict[str, Any]:
    """What reports of campaigns and of clients share."""
    period, before = filters.period, filters.period.before
    today = now().astimezone(period.zone).date()
    history = Period(
        min(before.first, today - timedelta(days=_HISTORY)), max(period.last, today), period.zone
    )
    days = found.days() if found else by_key(subject.whole(history), "day")
    here = _between(days, period)
    earlier = _between(days, before)
    return {
        "filters": filters,
        "period": period,
        "kinds": here,
        "people": _people(here),
        "before": _people(earlier) if filters.compare else None,
        "sends": here["contacted"].n,
        "funnel": funnel(here, FUNNEL if subject.counts_enrolled else REACH),
        "trend": _trend(days, period, before if filters.compare else None),
        # A forecast looks back further than days are counted from facts.
        "outlook": parts_of.outlook({} if found else days, today, is_running=is_running),
        "notes": _notes(subject, period),
        **_parts(subject, period, here),
        **freshness(),
    }


def _notes(subject: Subject, period: Period) -> list[ReportNote]:
    """What was noted of the days, oldest first."""
    rows: QuerySet[ReportNote] = ReportNote.objects.filter(
        client=subject.client, day__gte=period.first, day__lte=period.last
    )
    if subject.campaign is not None:
        rows = rows.filter(Q(campaign=None) | Q(campaign=subject.campaign))
    return list(rows.select_related("author", "campaign").order_by("day", "id")[:50])


def _parts(subject: Subject, period: Period, here: Kinds) -> dict[str, Any]:
    """What is kept of a whole campaign or client only: a report that is narrowed further leaves it out."""
    narrow = subject.narrow
    if narrow is not None:
        own = {narrow.channel: here} if narrow.channel else {}
        return {"channels": _channels(own), "heat": None, "waits": None, "domains": [], "service": None}
    waits = by_key(subject.rows(Grain.WAIT, period), "part")
    return {
        "channels": _channels(by_key(subject.rows(Grain.CHANNEL, period), "part")),
        "heat": parts_of.heat(subject, period),
        "waits": parts_of.waits(waits, here),
        "domains": parts_of.domains(subject, period),
        "service": parts_of.service(here) if subject.is_client else None,
    }


def _channels(parts: dict[str, Kinds]) -> list[dict[str, Any]]:
    return [
        {"channel": channel, "funnel": funnel(parts[channel], steps)}
        for channel, steps in CHANNELS.items()
        if channel in parts and parts[channel][steps[0][0]].people
    ]


def _between(days: dict[date, Kinds], period: Period) -> Kinds:
    return total([kinds for day, kinds in days.items() if period.first <= day <= period.last])


def _people(kinds: Kinds) -> dict[str, int]:
    """People by kind, with a nought for each kind that a page may name."""
    named = {kind for steps in (FUNNEL, *CHANNELS.values()) for kind, _, _ in steps}
    named |= {"away", "bounced", "complained", "unsubscribed", "qualified", "disqualified", "machine_opened"}
    return {kind: kinds[kind].people for kind in sorted(named)}


def funnel(kinds: Kinds, steps: Steps) -> list[dict[str, Any]]:
    """Steps of people; each bar is a share of the widest, each figure names what it is counted from."""
    names = {kind: label for kind, label, _ in steps}
    widest = max((kinds[kind].people for kind, _, _ in steps), default=0)
    return [
        {
            "kind": kind,
            "label": label,
            "value": kinds[kind].people,
            "before": kinds[base].people if base else None,
            "of": names[base].lower() if base else "",
            "width": round(100 * kinds[kind].people / widest, 1) if widest else 0,
            "strength": round(0.25 + 0.75 * number / max(1, len(steps) - 1), 2),
        }
        for number, (kind, label, base) in enumerate(steps)
    ]


def _trend(days: dict[date, Kinds], period: Period, before: Period | None) -> charts.Trend:
    """Positive replies and contacted people, by day up to five weeks, else by week."""
    step = 1 if period.days <= 35 else 7
    spans = [
        (first, min(first + timedelta(days=step - 1), period.last))
        for first in (period.first + timedelta(days=n) for n in range(0, period.days, step))
    ]
    today = now().astimezone(period.zone).date()

    def people(kind: str, shift: int = 0) -> list[int]:
        moved = timedelta(days=shift)
        return [
            sum(days[day + moved][kind].people for day in _days(first, last) if day + moved in days)
            for first, last in spans
        ]

    return charts.trend(
        spans,
        positive=people("positive"),
        replied=people("replied"),
        contacted=people("contacted"),
        before=people("positive", -period.days) if before is not None else None,
        is_weekly=step == 7,
        is_running=bool(spans) and spans[-1][0] <= today <= spans[-1][1],
    )


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def comparison(grain: str, subjects: Sequence[Any], period: Period) -> dict[str, Any]:
    """Campaigns or clients side by side, and all of them together. One statement."""
    return side_by_side(subjects, of_subjects(grain, [subject.id for subject in subjects], period))


def side_by_side(subjects: Sequence[Any], found: dict[UUID, Kinds]) -> dict[str, Any]:
    """Those of the subjects that have sums, most contacted first, and all of them together."""
    rows = [
        {**parts_of.figures(str(subject), found[subject.id], str(subject.id)), "subject": subject}
        for subject in subjects
        if subject.id in found
    ]
    rows.sort(key=lambda row: (-row["contacted"], row["label"]))
    return {"rows": rows, "all": parts_of.figures("All", total(list(found.values())), "")}
