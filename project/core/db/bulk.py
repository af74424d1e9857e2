"""Statements of hot paths, beside the ORM."""

from __future__ import annotations

from typing import Any, LiteralString

from django.db import connection


def execute_prepared(sql: LiteralString, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement of a hot path and return its rows (``DatabaseWrapper.execute_prepared``)."""
    rows: list[tuple[Any, ...]] = connection.execute_prepared(sql, params)  # type: ignore[attr-defined]
    return rows
