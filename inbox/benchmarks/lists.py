"""``inbox``: every view and filter of the list, the counts, a thread and whole pages, at a million conversations.

The statements are the product's own, through row-level security as the application's role; beside each, in the same
run and on the same rows, the same statement by psycopg as the owner of the tables, without row-level security. Pages
are asked for through the whole stack of the application, without a network.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from inbox import querysets, selectors_lists
from inbox.benchmarks.world import BenchWorld, fill, world
from inbox.filters import Filters
from inbox.models import Conversation, Label
from project.core import collector
from project.core.bench import BenchOptions, BenchResult, Target, percentile
from project.core.pagination import first_rows
from project.core.scoping import organization_scope
from project.tenancy.access import Access, access_for
from project.tenancy.models import Client, User

#: Lists that are asked for; ``client``, ``campaign`` and ``sender`` are filled in.
LISTS: Final[tuple[dict[str, str], ...]] = (
    {"view": "mine"}, {"view": "unassigned"}, {"view": "all"}, {"view": "snoozed"}, {"view": "closed"},
    {"view": "failed"}, {"view": "unmatched"}, {"view": "all", "client": "*"}, {"view": "closed", "client": "*"},
    {"view": "all", "campaign": "*"}, {"view": "all", "sender": "*"}, {"view": "all", "intent": "question"},
    {"view": "all", "channel": "email"}, {"view": "all", "unread": "1"}, {"view": "all", "sla": "soon"},
    {"view": "all", "sort": "due"}, {"view": "all", "assignee": "me", "after": "2026-01-01"},
)  # fmt: skip


def inbox(options: BenchOptions) -> BenchResult:
    """Measure at a tenth of the rows, then at all of them."""
    total, rounds = (20_000, 2) if options.quick else (1_000_000, 4)
    with world(options.say) as made:
        fill(made, total // 10, options.say)
        small = _measure(made, rounds)
        fill(made, total - total // 10, options.say)
        large = _measure(made, rounds)
        pages = _pages(made)
    return BenchResult(
        name="inbox",
        figures={**large, **pages, "conversations": made.conversations, "messages": made.messages,
                 "small": {"conversations": total // 10, **small}},
        baseline={name: value for name, value in large.items() if name.startswith("raw_")},
        ratios={
            "list_sql_p95_to_raw": large["list_p95_ms"] / max(large["raw_list_p95_ms"], 0.05),
            "counts_sql_p95_to_raw": large["counts_p95_ms"] / max(large["raw_counts_p95_ms"], 0.05),
            "fragment_p95_ms": pages["fragment_p95_ms"],
            "page_p95_ms": pages["page_p95_ms"],
            "thread_p95_ms": pages["thread_p95_ms"],
            "queries_spread": pages["queries_spread"],
            "list_growth": large["list_p50_ms"] / max(small["list_p50_ms"], 0.05),
        },
        targets={
            "list_sql_p95_to_raw": Target(2.0, "at_most"),
            "counts_sql_p95_to_raw": Target(2.0, "at_most"),
            "fragment_p95_ms": Target(60.0, "at_most"),
            "page_p95_ms": Target(100.0, "at_most"),
            "thread_p95_ms": Target(60.0, "at_most"),
            "queries_spread": Target(0.0, "at_most"),
            "list_growth": Target(1.2, "at_most"),
        },
    )  # fmt: skip


def people(made: BenchWorld) -> Iterator[tuple[User, Access]]:
    """A member over all clients and one over half of them, of each agency, each in their scope."""
    for organization in made.organizations:
        for user in (made.agents[organization.id][0], made.limited[organization.id]):
            with organization_scope(organization.id):
                access = access_for(user, organization)
                assert access is not None
                yield user, access


def filled(query: dict[str, str], access: Access, number: int) -> dict[str, str]:
    """A list with its placeholders filled in."""
    client = Client.objects.filter(access.client_filter("id")).order_by("id")[number % 5]
    row = Conversation.objects.filter(client=client).order_by("id")[0]
    known = {"client": client.id, "campaign": row.campaign_id, "sender": row.sender_id}
    return {name: str(known[name]) if value == "*" else value for name, value in query.items()}


@contextmanager
def owner() -> Iterator[psycopg.Connection[Any]]:
    """A bare connection as the owner of the tables, whom row-level security does not concern."""
    given = settings.DATABASES["default"]
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    parameters = {name: given[key] for name, key in named.items() if given.get(key)}
    with psycopg.connect(**parameters, autocommit=True, prepare_threshold=None) as bare:
        yield bare


def _measure(made: BenchWorld, rounds: int) -> dict[str, float]:
    """Milliseconds of statements: the list's and the counts', through the product's role and bare."""
    times: dict[str, list[float]] = {"list": [], "raw_list": [], "counts": [], "raw_counts": []}
    slowest: dict[str, float] = {}
    with owner() as bare:
        for number in range(rounds):
            for _, access in people(made):
                for query in LISTS:
                    filters = Filters.of(filled(query, access, number), access)
                    rows = selectors_lists.chosen(access, filters)
                    page = first_rows(rows, filters.order, selectors_lists.PAGE + 1, querysets.for_rows)
                    took = _both(bare, *page.query.sql_with_params())
                    times["list"].append(took[0])
                    times["raw_list"].append(took[1])
                    name = "&".join(f"{key}={value}" if value != "*" else key for key, value in query.items())
                    slowest[name] = max(slowest.get(name, 0.0), took[0])
                with CaptureQueriesContext(connection) as captured:
                    selectors_lists.view_counts(access)
                took = _both(bare, captured.captured_queries[-1]["sql"], ())
                times["counts"].append(took[0])
                times["raw_counts"].append(took[1])
    found = {f"{name}_p{share}_ms": 1e3 * percentile(values, share / 100)
             for name, values in times.items() for share in (50, 95)}  # fmt: skip
    worst = max(slowest, key=lambda name: slowest[name])
    return {**found, "list_worst_ms": 1e3 * slowest[worst], "worst_list": worst}  # type: ignore[dict-item]


def _both(bare: psycopg.Connection[Any], sql: str, given: Any) -> tuple[float, float]:
    """Seconds of one statement through the product's role, and bare; each once before, so that both are warm."""
    took = []
    for cursor in (connection.cursor(), bare.cursor()):
        with cursor:
            for _ in range(2):
                began = time.perf_counter()
                cursor.execute(sql, given or None)
                cursor.fetchall()
                last = time.perf_counter() - began
            took.append(last)
    return took[0], took[1]


def _pages(made: BenchWorld) -> dict[str, float]:
    """Milliseconds of the server for fragments, whole pages and threads; and how the number of statements differs."""
    times: dict[str, list[float]] = {"fragment": [], "page": [], "thread": []}
    # By person: reading to whom somebody is limited is one statement more than reading that they are not.
    statements: list[set[int]] = []
    # As the processes that serve pages do.
    collector.settle()
    for user, access in people(made):
        # A label makes the list's prefetch work as it does with labels.
        Label.objects.get_or_create(name="Bench", client=None)
        browser = Browser(headers={"host": "localhost"})
        browser.force_login(user)
        base = f"/o/{access.organization.slug}/inbox/"
        thread = querysets.visible(access).filter(status="open").order_by("-last_message_at")[0].id
        browser.get(f"{base}{thread}/")
        for number in range(2):
            for query in LISTS:
                address = f"{base}?{Filters.of(filled(query, access, number), access).query}"
                times["fragment"].append(_ask(browser, address, {"HX-Request": "true"}))
            times["page"].append(_ask(browser, f"{base}?view=all", {}))
            times["thread"].append(_ask(browser, f"{base}{thread}/", {"HX-Request": "true"}))
        statements.append(set())
        # Views that have rows for everybody: an empty one has no labels to read.
        for view in ("unassigned", "all", "closed"):
            with CaptureQueriesContext(connection) as captured:
                browser.get(f"{base}?view={view}", headers={"HX-Request": "true"})
            statements[-1].add(len(captured))
    return {
        **{f"{name}_p95_ms": 1e3 * percentile(values, 0.95) for name, values in times.items()},
        **{f"{name}_p50_ms": 1e3 * percentile(values, 0.5) for name, values in times.items()},
        "queries_per_list": max(max(counts) for counts in statements),
        "queries_spread": float(max(max(counts) - min(counts) for counts in statements)),
    }


def _ask(browser: Browser, address: str, headers: dict[str, str]) -> float:
    began = time.perf_counter()
    answer = browser.get(address, headers=headers)
    took = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}.")
    return took
