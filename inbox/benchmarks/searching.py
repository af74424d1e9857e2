"""``search``: full text over five million bodies and the names of a million people, through the list's own path.

Beside it, in the same run: the same words looked up in the same index as the owner of the tables, with the same cap.
"""

from __future__ import annotations

import time
from typing import Any, Final

import psycopg

from inbox import selectors_lists
from inbox.benchmarks.lists import owner, people
from inbox.benchmarks.world import COMMON, MIDDLING, RARE, BenchWorld, fill, world
from inbox.filters import Filters
from inbox.search.finding import CANDIDATES
from project.core.bench import BenchOptions, BenchResult, Target, percentile
from project.tenancy.access import Access

#: What is searched for, by kind. The words of the middle are two in one body.
SEARCHES: Final[dict[str, str]] = {
    "two_words": f"{MIDDLING} w70",
    "rare": RARE,
    "middling": MIDDLING,
    "common": COMMON,
    "common_two": f"{COMMON} w2",
    "person": "from:first12",
    "person_and_word": f"from:last77 {COMMON}",
    "operators": f"{MIDDLING} is:open intent:question",
    "prefix": "w400*",
}
_BARE: Final = """
SELECT id FROM inbox_message
WHERE (to_tsvector('simple'::regconfig, sender_name || ' ' || subject || ' ' || left(body, 50000))
  || array_to_tsvector(ARRAY[organization_id::text, organization_id::text || ':' ||
     (extract(epoch FROM (occurred_at AT TIME ZONE 'UTC'))::bigint / 2592000)::text,
     organization_id::text || ':d' || (extract(epoch FROM (occurred_at AT TIME ZONE 'UTC'))::bigint / 86400)::text]))
  @@ (quote_literal(%s)::tsquery && plainto_tsquery('simple', %s))
LIMIT %s
"""


def search(options: BenchOptions) -> BenchResult:
    """Measure at a tenth of the rows, then at all of them."""
    total, rounds = (20_000, 2) if options.quick else (1_000_000, 4)
    with world(options.say) as made:
        fill(made, total // 10, options.say)
        small = _measure(made, rounds)
        fill(made, total - total // 10, options.say)
        large = _measure(made, rounds)
    return BenchResult(
        name="search",
        figures={**large, "conversations": made.conversations, "messages": made.messages, "candidates": CANDIDATES,
                 "small": {"conversations": total // 10, **small}},
        baseline={name: value for name, value in large.items() if name.startswith("raw_")},
        ratios={
            "p95_ms": large["p95_ms"],
            "worst_ms": large["worst_ms"],
            "to_raw": large["two_words_p50_ms"] / max(large["raw_two_words_p50_ms"], 0.05),
        },
        targets={"p95_ms": Target(100.0, "at_most"), "worst_ms": Target(300.0, "at_most")},
    )  # fmt: skip


def _measure(made: BenchWorld, rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in SEARCHES}
    raw: list[float] = []
    with owner() as bare:
        for _ in range(rounds):
            for _, access in people(made):
                for name, text in SEARCHES.items():
                    times[name].append(_product(access, text))
                raw.append(_bare(bare, access))
    together = [took for values in times.values() for took in values]
    return {
        "p50_ms": 1e3 * percentile(together, 0.5),
        "p95_ms": 1e3 * percentile(together, 0.95),
        "worst_ms": 1e3 * max(together),
        **{f"{name}_p50_ms": 1e3 * percentile(values, 0.5) for name, values in times.items()},
        **{f"{name}_p95_ms": 1e3 * percentile(values, 0.95) for name, values in times.items()},
        "raw_two_words_p50_ms": 1e3 * percentile(raw, 0.5),
        "raw_two_words_p95_ms": 1e3 * percentile(raw, 0.95),
    }


def _product(access: Access, text: str) -> float:
    filters = Filters.of({"q": text}, access)
    began = time.perf_counter()
    selectors_lists.conversation_list(access, filters, None)
    return time.perf_counter() - began


def _bare(bare: psycopg.Connection[Any], access: Access) -> float:
    with bare.cursor() as cursor:
        began = time.perf_counter()
        cursor.execute(_BARE, [str(access.organization.id), f"{MIDDLING} w70", CANDIDATES])
        cursor.fetchall()
        return time.perf_counter() - began
