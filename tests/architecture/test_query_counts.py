"""What every page costs in statements: the same with one row of everything and with many, and no creeping growth.

``tests/query_counts.json`` holds what each page may cost. A page that needs more fails with its statements; a new
page is written down by ``UPDATE_QUERY_COUNTS=1`` (as is a page that became cheaper).
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from project.tenancy import middleware
from tests.architecture.abundance import Abundance
from tests.architecture.routes import Route, routes
from tests.factories import Agency

pytestmark = pytest.mark.django_db

BASELINE = Path(__file__).parent.parent / "query_counts.json"
UPDATE = bool(os.environ.get("UPDATE_QUERY_COUNTS"))
#: Pages that list nothing of the organization, or that answer a browser's script.
LEFT_OUT = ("live/", "components/")
#: Searches and filters take other ways through a selector.
VARIANTS = {
    "o/<slug:organization_slug>/leads/": ["q=Ada", "channel=email&suppressed=no&did=not_replied&within=30"],
    "o/<slug:organization_slug>/inbox/": [
        "view=all",
        "view=failed",
        "view=all&sort=due&unread=1",
        "q=Hello is:open",
    ],
    "o/<slug:organization_slug>/ops/webhooks/": ["state=dead", "text=message"],
    "o/<slug:organization_slug>/campaigns/<uuid:campaign_id>/leads/": ["stage=pending"],
    "o/<slug:organization_slug>/reports/clients/<uuid:client_id>/": ["channel=email&before=0"],
    "o/<slug:organization_slug>/reports/rows/": ["kind=replied&hours=9-11&weekday=1&left=1"],
}
MANY = 12
PAGES = [
    route for route in routes() if route.is_scoped and not any(part in route.pattern for part in LEFT_OUT)
]


class Costs:
    """Statements of each page, asked for as a page and as a fragment."""

    def __init__(self, agency: Agency, abundance: Abundance) -> None:
        self.agency = agency
        self.abundance = abundance
        self.browser = Browser()
        self.browser.force_login(agency.admin)

    def of_all(self) -> dict[str, list[str]]:
        costs: dict[str, list[str]] = {}
        for route in PAGES:
            path = self._path(route)
            for query in ("", *VARIANTS.get(route.pattern, ())):
                for fragment in (False, True):
                    key = route.pattern.removeprefix("o/<slug:organization_slug>/") + (query and f"?{query}")
                    statements = self._ask(f"{path}?{query}", fragment)
                    if statements is not None:
                        costs[f"{key} (fragment)" if fragment else key] = statements
        return costs

    def _path(self, route: Route) -> str:
        values: dict[str, Any] = {"organization_slug": self.agency.slug}
        for name in route.arguments:
            found = self.abundance.first.get(name.removesuffix("_id"))
            if found is not None:
                values[name] = found.id
            else:
                values.setdefault(name, "00000000-0000-7000-8000-000000000000")
        return route.path(values)

    def _ask(self, path: str, fragment: bool) -> list[str] | None:
        headers = {"HX-Request": "true"} if fragment else {}
        # The first visit may mark things as read and fills caches of the process. Acts answer 405; what has no
        # object or leads elsewhere is no page.
        if self.browser.get(path, headers=headers).status_code != 200:
            return None
        with CaptureQueriesContext(connection) as captured:
            answer = self.browser.get(path, headers=headers)
            if getattr(answer, "streaming", False):
                b"".join(answer)
        return [query["sql"] for query in captured.captured_queries]


def test_pages_cost_the_same_for_many_rows(kestrel: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a session's use costs once a minute belongs to no page.
    monkeypatch.setattr(middleware, "SEEN_SECONDS", 3600)
    abundance = Abundance(kestrel)
    abundance.grow(1)
    costs = Costs(kestrel, abundance)
    few = costs.of_all()
    abundance.grow(MANY)
    many = costs.of_all()
    assert set(many) == set(few)
    assert len(few) > 40, "the pages were not reached"
    grown = [_explain(page, few[page], many[page]) for page in few if len(many[page]) != len(few[page])]
    assert not grown, "\n\n".join(grown)
    _compare(many)


def _explain(page: str, few: list[str], many: list[str]) -> str:
    shapes = Counter(_shape(sql) for sql in many)
    shapes.subtract(Counter(_shape(sql) for sql in few))
    lines = [f"  {count:+d}  {shape}" for shape, count in shapes.most_common() if count]
    return f"{page}: {len(few)} statements with one row, {len(many)} with {MANY + 1}\n" + "\n".join(lines)


def _shape(sql: str) -> str:
    """A statement without its values, short."""
    return re.sub(r"'[^']*'(::\w+)?|\b\d+\b|s\d+_x\d+", "?", sql)[:400]


def _compare(costs: dict[str, list[str]]) -> None:
    if UPDATE:
        counts = {page: len(statements) for page, statements in sorted(costs.items())}
        BASELINE.write_text(json.dumps(counts, indent=2) + "\n")
        return
    allowed = json.loads(BASELINE.read_text())
    unknown = sorted(set(costs) - set(allowed))
    assert not unknown, f"Write their costs down with UPDATE_QUERY_COUNTS=1: {unknown}"
    dearer = [
        f"{page}: {len(statements)} statements, {allowed[page]} are written down\n  "
        + "\n  ".join(statements)
        for page, statements in costs.items()
        if len(statements) > allowed[page]
    ]
    assert not dearer, "\n\n".join(dearer)
