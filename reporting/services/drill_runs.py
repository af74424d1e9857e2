"""Keeping what drills measured."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reporting.models import DrillRun


def record(*, score: dict[str, Any], started_at: datetime, is_throwaway: bool) -> DrillRun:
    """Store the score of a drill (``reporting.drills.scoring.Score`` as JSON)."""
    return DrillRun.objects.create(
        name=score["name"],
        started_at=started_at,
        passed=score["passed"],
        fault_s=score["fault_s"],
        detected_s=score["detected_s"],
        recovered_s=score["recovered_s"],
        lost=score["lost"],
        sent_twice=score["sent_twice"],
        is_throwaway=is_throwaway,
        problems=score["problems"][:20],
    )
