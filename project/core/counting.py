"""Counts that stay cheap: exact up to a cap, many in one statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet


def capped_counts(rows: Mapping[str, QuerySet[Any]], *, cap: int) -> dict[str, int]:
    """Count each query set, at most up to ``cap + 1`` (which means: more than ``cap``), in one statement."""
    if not rows:
        return {}
    counts: list[str] = []
    parameters: list[Any] = []
    for found in rows.values():
        try:
            sql, given = found.order_by().values("pk")[: cap + 1].query.sql_with_params()
        except EmptyResultSet:
            counts.append("0")
            continue
        counts.append(f"(SELECT count(*) FROM ({sql}) AS counted)")  # noqa: S608 (the query set's own)
        parameters += given
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", parameters)
        return dict(zip(rows, cursor.fetchone(), strict=True))


def counts_by(rows: Mapping[str, QuerySet[Any]]) -> list[tuple[Any, ...]]:
    """Counts by group of several query sets, in one statement: ``(key, *groups, count)`` for each group.

    Each query set is ``values(<the same number of groups>).annotate(count=Count("id"))``.
    """
    parts: list[str] = []
    parameters: list[Any] = []
    for key, found in rows.items():
        try:
            sql, given = found.order_by().query.sql_with_params()
        except EmptyResultSet:
            continue
        parts.append(f"SELECT %s::text, counted.* FROM ({sql}) AS counted")  # noqa: S608 (the query set's own)
        parameters += [key, *given]
    if not parts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        counted: list[tuple[Any, ...]] = cursor.fetchall()
        return counted
