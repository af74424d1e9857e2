"""What templates of reports need beside the figures: links to the rows behind them, and changes in words."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from project.theme import formats
from reporting import charts
from reporting.filters import LONGEST
from reporting.selectors_parts import LEAST


def report_context(report: dict[str, Any], *, rows_base: str) -> dict[str, Any]:
    """Add links and words to a report. ``rows_base`` is empty where nobody may look behind the numbers."""
    people, before = report["people"], report["before"]
    subject = {"client": report["client"].id}
    if "campaign" in report:
        subject = {"campaign": report["campaign"].id}
    query = urlencode({**subject, **report["filters"].days, **report["filters"].narrowing})
    rows_url = f"{rows_base}?{query}" if rows_base else ""
    kinds = ("contacted", "replied", "positive", "meeting", "away")
    away = people["away"]
    return {
        **report,
        "rows_url": rows_url,
        "rows_whole": f"{rows_base}?{urlencode({**subject, 'days': LONGEST})}" if rows_base else "",
        "links": {kind: f"{rows_url}&kind={kind}" if rows_url else "" for kind in kinds},
        "of_enrolled": f"{formats.number(report['sends'])} messages" if report["sends"] else "",
        "away_note": f"{formats.number(away)} out-of-office not counted"
        if away
        else "automatic answers not counted",
        "changes": {
            "contacted": _change(people, before, "contacted", ""),
            "positive": _change(people, before, "positive", "contacted"),
            "meeting": _change(people, before, "meeting", ""),
        },
        "marks": list(
            zip(
                charts.marks(report["trend"], [note.day for note in report["notes"]]),
                report["notes"],
                strict=True,
            )
        ),
        "zone_name": report["period"].zone.key,
    }


def _change(people: dict[str, int], before: dict[str, int] | None, kind: str, of: str) -> dict[str, str]:
    """The figure of the days before, and whether this one is better: by share where there is a whole to share."""
    if before is None:
        return {"text": "", "tone": "", "trend": ""}
    text = f"{formats.number(before[kind])} before"
    now_is, was = float(people[kind]), float(before[kind])
    if of:
        text = f"{formats.number(before[kind])} of {formats.number(before[of])} before"
        if before[of]:
            text += f", {formats.percent(before[kind], before[of])}"
        if min(before[of], people[of]) < LEAST:
            return {"text": text, "tone": "", "trend": ""}
        now_is, was = now_is / people[of], was / before[of]
    if now_is > was:
        return {"text": text, "tone": "ok", "trend": "up"}
    return {"text": text, "tone": "", "trend": "down" if now_is < was else ""}


def with_urls(
    rows: list[dict[str, Any]], name: str, organization_slug: str, argument: str, query: str
) -> None:
    """Give each compared row the address of its own report."""
    for row in rows:
        path = reverse(name, kwargs={"organization_slug": organization_slug, argument: row["key"]})
        row["url"] = f"{path}?{query}"
