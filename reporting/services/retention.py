"""How long facts are kept. Sums outlive them, so that a month goes only once every organization has counted it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import Q

from project.core.clock import now
from project.core.retention import Ledger
from reporting.models import Fact, RollupState


def prepare(before: datetime) -> None:
    """Note that facts before this instant are not there any more: what was counted from them is kept as it is.

    Waits for counts that run. Runs over all organizations.
    """
    RollupState.objects.filter(Q(forgotten_before=None) | Q(forgotten_before__lt=before)).update(
        forgotten_before=before, updated_at=now()
    )


FACTS: Final = Ledger(
    model=Fact,
    setting="KEEP_FACTS_MONTHS",
    finished=(
        "EXISTS (SELECT FROM reporting_rollupstate AS counted WHERE counted.organization_id = kept.organization_id"
        " AND coalesce(kept.written_in, 0) < counted.counted_below)"
    ),
    unfinished="in no sum yet: count them (manage.py rollups)",
    prepare=prepare,
)
