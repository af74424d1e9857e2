"""Claims: how several workers share rows without doing work twice.

``claim_batch`` takes rows under ``FOR UPDATE SKIP LOCKED`` and marks them in the same transaction;
``compare_and_set`` changes one row only if it is still in the expected state. Locking order and policy:
docs/decisions/0006-locks-and-claims.md.
"""

from __future__ import annotations

from typing import Any

from django.db import models, transaction


def claim_batch(rows: models.QuerySet[Any], *, limit: int, **marks: Any) -> list[Any]:
    """Claim up to ``limit`` rows of an ordered query set and set ``marks`` on them; return the claimed rows.

    Rows that another worker holds are skipped, never waited for.
    """
    with transaction.atomic():
        claimed = list(rows.select_for_update(skip_locked=True, of=("self",))[:limit])
        if claimed:
            rows.model.objects.filter(pk__in=[row.pk for row in claimed]).update(**marks)
            for row in claimed:
                for name, value in marks.items():
                    if not hasattr(value, "resolve_expression"):
                        setattr(row, name, value)
        return claimed


def compare_and_set(rows: models.QuerySet[Any], **values: Any) -> bool:
    """Update the single row that ``rows`` describes (key and expected state); say whether it was ours to change."""
    return rows.update(**values) == 1
