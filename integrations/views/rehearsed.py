"""Dry runs of replays as pages show them: an organization's own, and those of platform staff."""

from __future__ import annotations

from typing import Any, Final

from integrations.services.rehearsals import DryRun
from integrations.webhook_filters import Filter
from project.core.changes import Difference

#: Of a difference; the API and the command tell all of it.
ROWS_SHOWN: Final = 60


def shown(found: DryRun) -> dict[str, Any]:
    """What ``integrations/webhooks/_difference.html`` needs to show what a replay would change."""
    difference = found.difference
    left = max(0, len(difference.changes) - ROWS_SHOWN)
    return {
        "found": found,
        "difference": difference,
        "shown": difference.changes[:ROWS_SHOWN],
        "summary": _summary(difference, left),
        "ignored": found.ignored.most_common(),
        "tasks": found.tasks.most_common(),
        "live_events": sum(found.live_events.values()),
    }


def _summary(difference: Difference, left: int) -> str:
    counts = (
        f"{difference.count('+')} added, {difference.count('~')} changed, {difference.count('-')} withdrawn"
    )
    more = f" {left} more are not shown." if left else ""
    return f"{counts}, and {difference.bookkeeping} rows of bookkeeping.{more} Replaying twice changes nothing more."


def fields_of(criteria: Filter) -> list[tuple[str, Any]]:
    """The filter as hidden fields of the form that replays what was rehearsed."""
    return [
        (name, one)
        for name, value in criteria.as_json().items()
        for one in (value if isinstance(value, list) else [value])
    ]
