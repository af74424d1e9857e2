"""Monthly range partitions for large ledgers.

A model that inherits a ``PartitionedBy...`` class (plain mixins, so that migrations keep them among the bases) is
created by the schema editor of ``project.core.db`` as ``PARTITION BY RANGE (partition_field)``. Its primary key must
contain that field. A default partition takes rows of months that have none, so a late event is never refused.
"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.apps import apps
from django.db import connection


class PartitionedByMonth:
    """Marks a model whose table is range-partitioned by month of ``partition_field``; use a subclass below.

    The field is told by the class and not by the model: migrations keep the bases but no attributes of models.
    """

    partition_field: ClassVar[str]


class PartitionedByReceipt(PartitionedByMonth):
    """Partitioned by ``received_at``."""

    partition_field = "received_at"


class PartitionedByRecord(PartitionedByMonth):
    """Partitioned by ``recorded_at``."""

    partition_field = "recorded_at"


class PartitionedByOccurrence(PartitionedByMonth):
    """Partitioned by ``occurred_at``."""

    partition_field = "occurred_at"


def partitioned_models() -> list[Any]:
    """Return all models whose tables are partitioned."""
    return [model for model in apps.get_models() if issubclass(model, PartitionedByMonth)]


def month_start(day: date, offset: int = 0) -> date:
    """Return the first day of the month ``offset`` months away from ``day``."""
    months = day.year * 12 + day.month - 1 + offset
    return date(months // 12, months % 12 + 1, 1)


def ensure_partitions(today: date, *, back: int = 3, ahead: int = 3) -> list[str]:
    """Create the missing month partitions around ``today`` (as owner) and return their names."""
    created = []
    with connection.cursor() as cursor:
        for model in partitioned_models():
            table = model._meta.db_table
            for offset in range(-back, ahead + 1):
                start, end = month_start(today, offset), month_start(today, offset + 1)
                name = f"{table}_{start:%Y_%m}"
                cursor.execute("SELECT to_regclass(%s)", [name])
                if cursor.fetchone()[0] is not None:
                    continue
                cursor.execute(
                    f'CREATE TABLE "{name}" PARTITION OF "{table}" FOR VALUES FROM (%s) TO (%s)',
                    [start.isoformat(), end.isoformat()],
                )
                created.append(name)
            cursor.execute("SELECT to_regclass(%s)", [f"{table}_default"])
            if cursor.fetchone()[0] is None:
                cursor.execute(f'CREATE TABLE "{table}_default" PARTITION OF "{table}" DEFAULT')
                created.append(f"{table}_default")
    return created
