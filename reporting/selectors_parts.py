"""Parts of reports, from sums: hours, times to reply, steps, senders, lists, domains, answers, wordings, outlook."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Q, QuerySet, Sum

from campaigns.models import Campaign, LeadImport
from campaigns.plans.schema import SendNode
from campaigns.selectors import node_label
from campaigns.services import variants
from campaigns.services.planning import plan_of_version
from integrations.models import SenderAccount
from project.core.ids import parse_uuid
from project.theme import formats
from reporting import charts
from reporting.counting import DOMAIN_KINDS, LAST_WAIT, WAITS
from reporting.filters import Period
from reporting.forecasting import LOOK_BACK, forecast
from reporting.selectors_rollups import Grain, Kinds, Subject, Sums, by_key, total

#: A share of fewer people than this says nothing.
LEAST: Final = 20
#: Sends that an hour must have had before it may be called the best.
LEAST_SENDS: Final = 30
FORECAST_DAYS: Final = 30
#: Recipient domains that a report names.
MOST_DOMAINS: Final = 12


def heat(subject: Subject, period: Period) -> dict[str, Any]:
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
        "number": weekday,
        "hours": f"{hour}-{hour + 2}",
        "from": hour,
        "until": hour + 2,
        "replies": back,
        "sends": left,
    }


def waits(parts: dict[str, Kinds], here: Kinds) -> dict[str, Any]:
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


def steps(campaign: Campaign, parts: dict[str, Kinds]) -> list[dict[str, Any]]:
    """The steps of the current version in their order, then others that once sent."""
    nodes: list[SendNode] = []
    if campaign.current_version_id is not None:
        plan = plan_of_version(campaign.current_version_id)
        nodes = [node for node in plan.nodes if isinstance(node, SendNode)]
    known = {node.id for node in nodes}
    rows = [
        figures(f"{number} {node_label(node)}", parts.get(node.id, Kinds()), node.id, node.channel)
        for number, node in enumerate(nodes, start=1)
    ]
    for part, kinds in sorted(parts.items()):
        if part not in known and kinds["contacted"].n:
            rows.append(figures(f"{part} (earlier version)", kinds, part, ""))
    widest = max((row["positive"] / row["sent"] for row in rows if row["sent"] >= LEAST), default=0)
    for row in rows:
        row["width"] = row["positive"] / row["sent"] / widest if widest and row["sent"] >= LEAST else 0
    return rows


def figures(label: str, kinds: Kinds, key: str, channel: str = "") -> dict[str, Any]:
    """One row of a table: messages that left, and people."""
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


def senders(parts: dict[Any, Kinds]) -> list[dict[str, Any]]:
    """What each sender did, by name."""
    found = {str(key): kinds for key, kinds in parts.items()}
    rows: Any = SenderAccount.objects.filter(id__in=list(found)).order_by("name", "id")
    return [
        {**figures(row.name, found[str(row.id)], str(row.id), row.channel), "sender": row} for row in rows
    ]


def lists(parts: dict[str, Kinds]) -> list[dict[str, Any]]:
    """What each list of leads came to, those contacted most first."""
    rows: Any = LeadImport.objects.filter(id__in=[parse_uuid(part) for part in parts])
    names = {str(row.id): row.file_name for row in rows}
    found = [figures(names.get(part, "A list that is gone"), kinds, part) for part, kinds in parts.items()]
    return sorted(found, key=lambda row: (-row["contacted"], row["label"]))


def _of_domains(subject: Subject, period: Period) -> QuerySet[Any]:
    """Sums of recipient domains that something was sent to, or came back from, those with most mail first."""
    kinds = {f"{kind}_people": Sum("people", filter=Q(kind=kind), default=0) for kind in DOMAIN_KINDS}
    rows: Any = subject.rows(Grain.DOMAIN, period)
    found: QuerySet[Any] = (
        rows.values("part")
        .annotate(sent=Sum("n", filter=Q(kind="emailed"), default=0), **kinds)
        .filter(Q(emailed_people__gt=0) | Q(bounced_people__gt=0) | Q(complained_people__gt=0))
        .order_by("-emailed_people", "part")
    )
    return found


def top_domains(subject: Subject, period: Period) -> list[str]:
    """The domains that a report names; the others are one row."""
    return list(_of_domains(subject, period).values_list("part", flat=True)[:MOST_DOMAINS])


def domains(subject: Subject, period: Period) -> list[dict[str, Any]]:
    """The recipient domains with most mail; the rest in one row (``others``), so that the column adds up.

    There are nearly as many domains as people: the database adds up the rest.
    """
    names = ["sent", *(f"{kind}_people" for kind in DOMAIN_KINDS)]
    sql, given = _of_domains(subject, period).query.sql_with_params()
    added = ", ".join(f"sum({name})" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT CASE WHEN place <= {MOST_DOMAINS} THEN part ELSE '' END AS named, min(place), count(*), {added}"  # noqa: S608
            f" FROM (SELECT *, row_number() OVER (ORDER BY emailed_people DESC, part) AS place FROM ({sql}) AS domain)"
            " AS placed GROUP BY named ORDER BY min(place)",
            given,
        )
        found = cursor.fetchall()
    rows = []
    for part, _, count, sent, *people in found:
        kinds = Kinds({kind: Sums(people=int(n)) for kind, n in zip(DOMAIN_KINDS, people, strict=True)})
        # Nobody is contacted at a domain but by mail.
        kinds["contacted"] = Sums(n=int(sent), people=kinds["emailed"].people)
        label = part or f"{formats.number(count)} {'other' if count == 1 else 'others'}"
        rows.append({**figures(label, kinds, part), "others": "" if part else "1"})
    return rows


def service(kinds: Kinds) -> dict[str, Any]:
    """How promptly people were answered."""
    answered = kinds["answered"]
    return {
        "answers": answered.n,
        "waited": answered.timed,
        "mean_seconds": answered.mean_seconds,
        "first_seconds": kinds["first_answered"].mean_seconds,
        "first_answers": kinds["first_answered"].n,
        "promised": kinds["promised"].n,
        "kept": kinds["kept"].n,
        "broken": kinds["promise_broken"].n,
        "resolved": kinds["resolved"].n,
        "resolution_seconds": kinds["resolved"].mean_seconds,
    }


def trial(one: variants.Trial) -> dict[str, Any]:
    """The wordings of one step with their intervals, and how they are drawn."""
    rows: list[dict[str, Any]] = [
        {
            "variant": tally.variant,
            "contacted": tally.contacted,
            "positive": tally.positive,
            "opted_out": tally.opted_out,
            **charts.interval(tally.positive, tally.contacted),
        }
        for tally in one.tallies
    ]
    scale = charts.interval_scale([row["high"] for row in rows])
    for row in rows:
        row.update(charts.interval_box(row, scale))
    return {"trial": one, "rows": rows, "scale": scale, "ticks": charts.interval_ticks(scale)}


def outlook(days: dict[date, Kinds], today: date, *, is_running: bool) -> dict[str, Any]:
    """What the next days may bring, from whole days up to yesterday; nothing where nothing is being sent any more."""
    if not is_running:
        return {
            "is_running": False,
            "until": today + timedelta(days=FORECAST_DAYS),
            "positive": None,
            "sends": None,
        }
    begun = min((day for day, kinds in days.items() if kinds["contacted"].n), default=None)
    if begun is None:
        return {
            "is_running": True,
            "until": today + timedelta(days=FORECAST_DAYS),
            "positive": None,
            "sends": None,
        }
    whole = [today - timedelta(days=n) for n in range((today - begun).days, 0, -1)]
    series = [days.get(day, Kinds()) for day in whole]
    seen = total(series[-LOOK_BACK:])
    return {
        "is_running": True,
        "seen": {
            "first": today - timedelta(days=LOOK_BACK),
            "last": today - timedelta(days=1),
            "positive": seen["positive"].people,
            "sends": seen["contacted"].n,
        },
        "until": today + timedelta(days=FORECAST_DAYS),
        "positive": forecast([kinds["positive"].people for kinds in series], FORECAST_DAYS),
        "replied": forecast([kinds["replied"].people for kinds in series], FORECAST_DAYS),
        "sends": forecast([kinds["contacted"].n for kinds in series], FORECAST_DAYS),
    }
