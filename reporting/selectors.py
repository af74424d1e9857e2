"""Reports of clients and campaigns: every figure from sums, each with what it is counted from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from campaigns.models import Campaign, LeadImport
from campaigns.plans.schema import SendNode
from campaigns.selectors import node_label, stage_counts
from campaigns.services import variants
from campaigns.services.planning import plan_of_version
from integrations.models import SenderAccount
from project.core.clock import now
from project.core.ids import parse_uuid
from project.tenancy.access import Access
from project.tenancy.models import Client
from reporting import charts, selectors_replies
from reporting.counting import LAST_WAIT, WAITS
from reporting.filters import Filters, Period
from reporting.forecasting import forecast
from reporting.models import Rollup
from reporting.selectors_rollups import Grain, Kinds, Subject, by_key, freshness, of_subjects, total

Steps = tuple[tuple[str, str, str], ...]
_END: Final = (("positive", "Positive", "replied"), ("meeting", "Meeting", "positive"))
#: Headline funnel, and one per channel: kind, what people call it, and the kind that it is a share of.
FUNNEL: Final[Steps] = (
    ("enrolled", "Enrolled", ""), ("contacted", "Contacted", "enrolled"), ("reached", "Reached", "contacted"),
    ("replied", "Replied", "reached"), *_END,
)  # fmt: skip
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
#: A share of fewer people than this says nothing.
LEAST: Final = 20
#: Sends that an hour must have had before it may be called the best.
LEAST_SENDS: Final = 30
FORECAST_DAYS: Final = 30
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
    subject = Subject(client)
    period = filters.period
    campaigns = list(Campaign.objects.filter(client=client).order_by("name", "id"))
    return {
        "client": client,
        **_common(subject, filters),
        "campaigns": comparison(Grain.CAMPAIGN, campaigns, period),
        "senders": _senders(by_key(subject.rows(Grain.SENDER, period), "subject_id")),
        "replies": selectors_replies.latest(client, access) if access is not None else None,
    }


def campaign_report(campaign: Campaign, filters: Filters) -> dict[str, Any]:
    """Everything on a campaign's report, and its leads by stage now."""
    subject = Subject(campaign.client, campaign)
    period = filters.period
    parts = by_key(subject.rows(Grain.CAMPAIGN_SENDER, period), "part")
    return {
        "client": campaign.client,
        "campaign": campaign,
        **_common(subject, filters),
        "steps": _steps(campaign, by_key(subject.rows(Grain.STEP, period), "part")),
        "trials": [_trial(trial) for trial in variants.trials(campaign)],
        "senders": _senders({parse_uuid(part): kinds for part, kinds in parts.items()}),
        "lists": _lists(by_key(subject.rows(Grain.LIST, period), "part")),
        "stages": stage_counts([campaign.id])[campaign.id],
    }


def _common(subject: Subject, filters: Filters) -> dict[str, Any]:
    """What reports of campaigns and of clients share."""
    period, before = filters.period, filters.period.before
    today = now().astimezone(period.zone).date()
    history = Period(
        min(before.first, today - timedelta(days=_HISTORY)), max(period.last, today), period.zone
    )
    days = by_key(subject.rows(subject.whole, history), "day")
    here = _between(days, period)
    earlier = _between(days, before)
    channels = by_key(subject.rows(Grain.CHANNEL, period), "part")
    waits = by_key(subject.rows(Grain.WAIT, period), "part")
    return {
        "filters": filters,
        "period": period,
        "kinds": here,
        "people": _people(here),
        "before": _people(earlier) if filters.compare else None,
        "sends": here["contacted"].n,
        "funnel": funnel(here, FUNNEL),
        "channels": [
            {"channel": channel, "funnel": funnel(channels[channel], steps)}
            for channel, steps in CHANNELS.items()
            if channel in channels and channels[channel][steps[0][0]].people
        ],
        "trend": _trend(days, period, before if filters.compare else None),
        "heat": _heat(subject, period),
        "waits": _waits(waits, here),
        "domains": _domains(by_key(subject.rows(Grain.DOMAIN, period), "part")),
        "service": _service(here) if subject.campaign is None else None,
        "outlook": _outlook(days, today),
        **freshness(),
    }


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


def _heat(subject: Subject, period: Period) -> dict[str, Any]:
    """When people reply, by weekday and hour of the client, and the two hours whose sends are answered best."""
    cells: dict[tuple[int, int], int] = {}
    sends: dict[tuple[int, int], int] = {}
    answered: dict[tuple[int, int], int] = {}
    hours = by_key(subject.rows(Grain.HOUR, period), "day", "part", kinds=("replied", "contacted"))
    for (day, hour), kinds in hours.items():
        place = (day.weekday(), int(hour))
        cells[place] = cells.get(place, 0) + kinds["replied"].people
        sends[place] = sends.get(place, 0) + kinds["contacted"].n
    for (day, hour), kinds in by_key(
        subject.rows(Grain.SENT_HOUR, period), "day", "part", kinds=("replied",)
    ).items():
        place = (day.weekday(), int(hour))
        answered[place] = answered.get(place, 0) + kinds["replied"].people
    return {**charts.heat(cells), "best": _best(sends, answered)}


def _best(sends: dict[tuple[int, int], int], answered: dict[tuple[int, int], int]) -> dict[str, Any] | None:
    """Two hours of a weekday whose messages are answered most often; ``None`` as long as there are too few."""
    found: list[tuple[float, int, int, int, int]] = []
    for weekday in range(7):
        for hour in range(23):
            places = ((weekday, hour), (weekday, hour + 1))
            left = sum(sends.get(place, 0) for place in places)
            back = sum(answered.get(place, 0) for place in places)
            if left >= LEAST_SENDS and back:
                found.append((back / left, weekday, hour, back, left))
    if not found:
        return None
    _, weekday, hour, back, left = max(found)
    return {
        "weekday": charts.WEEKDAYS[weekday],
        "from": hour,
        "until": hour + 2,
        "replies": back,
        "sends": left,
    }


def _waits(parts: dict[str, Kinds], here: Kinds) -> dict[str, Any]:
    """How long people took to reply, as bars; the middle one is where half of them had."""
    names = [name for _, name in WAITS] + [LAST_WAIT]
    counts = [parts[name]["replied"].people if name in parts else 0 for name in names]
    whole, seen, middle = sum(counts), 0, ""
    for name, value in zip(names, counts, strict=True):
        seen += value
        if whole and not middle and 2 * seen >= whole:
            middle = name
    widest = max(counts, default=0)
    return {
        "rows": [
            {"name": name, "value": value, "width": round(100 * value / widest, 1) if widest else 0}
            for name, value in zip(names, counts, strict=True)
        ],
        "total": whole,
        "middle": middle,
        "mean_seconds": here["replied"].mean_seconds,
    }


def _steps(campaign: Campaign, parts: dict[str, Kinds]) -> list[dict[str, Any]]:
    """The steps of the current version in their order, then others that once sent."""
    nodes: list[SendNode] = []
    if campaign.current_version_id is not None:
        plan = plan_of_version(campaign.current_version_id)
        nodes = [node for node in plan.nodes if isinstance(node, SendNode)]
    known = {node.id for node in nodes}
    rows = [
        _row(f"{number} {node_label(node)}", parts.get(node.id, Kinds()), node.id, node.channel)
        for number, node in enumerate(nodes, start=1)
    ]
    for part, kinds in sorted(parts.items()):
        if part not in known and kinds["contacted"].n:
            rows.append(_row(f"{part} (earlier version)", kinds, part, ""))
    widest = max((row["positive"] / row["sent"] for row in rows if row["sent"] >= LEAST), default=0)
    for row in rows:
        row["width"] = row["positive"] / row["sent"] / widest if widest and row["sent"] >= LEAST else 0
    return rows


def _row(label: str, kinds: Kinds, key: str, channel: str = "") -> dict[str, Any]:
    people = kinds.people
    return {
        "key": key,
        "label": label,
        "channel": channel,
        "sent": kinds["contacted"].n,
        "contacted": people.get("contacted", 0),
        "replied": people.get("replied", 0),
        "positive": people.get("positive", 0),
        "meeting": people.get("meeting", 0),
        "delivered": people.get("delivered", 0),
        "bounced": people.get("bounced", 0),
        "complained": people.get("complained", 0),
        "unsubscribed": people.get("unsubscribed", 0),
        "emailed": people.get("emailed", 0),
        "opened": people.get("opened", 0),
    }


def _senders(parts: dict[Any, Kinds]) -> list[dict[str, Any]]:
    rows: Any = SenderAccount.objects.filter(id__in=[key for key in parts if key]).order_by("name", "id")
    return [{**_row(row.name, parts[row.id], str(row.id), row.channel), "sender": row} for row in rows]


def _lists(parts: dict[str, Kinds]) -> list[dict[str, Any]]:
    rows: Any = LeadImport.objects.filter(id__in=[parse_uuid(part) for part in parts])
    names = {str(row.id): row.file_name for row in rows}
    found = [_row(names.get(part, "A list that is gone"), kinds, part) for part, kinds in parts.items()]
    return sorted(found, key=lambda row: (-row["contacted"], row["label"]))


def _domains(parts: dict[str, Kinds], most: int = 12) -> list[dict[str, Any]]:
    """The recipient domains with most mail; the rest in one row, so that the column adds up."""
    rows = sorted(
        (_row(part, kinds, part) for part, kinds in parts.items()),
        key=lambda row: (-row["emailed"], row["key"]),
    )
    rows = [row for row in rows if row["emailed"] or row["bounced"] or row["complained"]]
    if len(rows) <= most:
        return rows
    rest = total([parts[row["key"]] for row in rows[most:]])
    return [*rows[:most], _row(f"{len(rows) - most} others", rest, "")]


def _service(kinds: Kinds) -> dict[str, Any]:
    """How promptly people were answered."""
    answered = kinds["answered"]
    return {
        "answers": answered.n,
        "waited": answered.timed,
        "mean_seconds": answered.mean_seconds,
        "first_seconds": kinds["first_answered"].mean_seconds,
        "first_answers": kinds["first_answered"].timed,
        "promised": kinds["promised"].n,
        "kept": kinds["kept"].n,
        "broken": kinds["promise_broken"].n,
        "resolved": kinds["resolved"].n,
        "resolution_seconds": kinds["resolved"].mean_seconds,
    }


def _trial(trial: variants.Trial) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {
            "variant": tally.variant,
            "contacted": tally.contacted,
            "positive": tally.positive,
            "opted_out": tally.opted_out,
            **charts.interval(tally.positive, tally.contacted),
        }
        for tally in trial.tallies
    ]
    scale = charts.interval_scale([row["high"] for row in rows])
    for row in rows:
        row.update(charts.interval_box(row, scale))
    return {"trial": trial, "rows": rows, "scale": scale, "ticks": charts.interval_ticks(scale)}


def _outlook(days: dict[date, Kinds], today: date) -> dict[str, Any]:
    """What the next days may bring, from whole days up to yesterday."""
    begun = min((day for day, kinds in days.items() if kinds["contacted"].n), default=None)
    if begun is None:
        return {"until": today + timedelta(days=FORECAST_DAYS), "positive": None, "sends": None}
    whole = [today - timedelta(days=n) for n in range((today - begun).days, 0, -1)]
    series = [days.get(day, Kinds()) for day in whole]
    return {
        "until": today + timedelta(days=FORECAST_DAYS),
        "positive": forecast([kinds["positive"].people for kinds in series], FORECAST_DAYS),
        "replied": forecast([kinds["replied"].people for kinds in series], FORECAST_DAYS),
        "sends": forecast([kinds["contacted"].n for kinds in series], FORECAST_DAYS),
    }


def comparison(grain: str, subjects: Sequence[Any], period: Period) -> dict[str, Any]:
    """Campaigns or clients side by side, and all of them together. One statement."""
    found = of_subjects(grain, [subject.id for subject in subjects], period)
    rows = [
        {**_row(str(subject), found[subject.id], str(subject.id)), "subject": subject}
        for subject in subjects
        if subject.id in found
    ]
    rows.sort(key=lambda row: (-row["contacted"], row["label"]))
    return {"rows": rows, "all": _row("All", total(list(found.values())), "")}
