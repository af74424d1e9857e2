"""Keyset pagination: pages by position, not by offset, so that cost is flat and rows never shift between pages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

T = TypeVar("T")


class InvalidCursor(ValueError):
    """The cursor is not one that we gave out for this list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list: the items and the cursor of the next page, or ``None`` at the end."""

    items: list[T]
    next_cursor: str | None


def _encode(values: list[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, date) else value for value in values]
    raw = json.dumps([str(value) if isinstance(value, UUID) else value for value in plain])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _decode(cursor: str, fields: list[Any]) -> list[Any]:
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        values = json.loads(raw)
        if not isinstance(values, list) or len(values) != len(fields) or "\\u0000" in json.dumps(values):
            raise InvalidCursor("This page link does not fit this list.")
        return [field.to_python(value) for field, value in zip(fields, values, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, ValidationError) as error:
        raise InvalidCursor("This page link does not fit this list.") from error


def keyset_page(
    rows: QuerySet[Any],
    *,
    order: tuple[str, ...],
    cursor: str | None = None,
    limit: int = 50,
    load: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None,
) -> Page[Any]:
    """Return one page of ``rows`` ordered by ``order`` (field names, ``-`` for descending; the last one unique).

    ``limit`` is bounded to 1..200. All fields must go in the same direction and be non-null. ``load`` adds what a row
    shows from other tables: to the rows of the page alone, where many have to be sorted to find them. Raises
    ``InvalidCursor`` for a cursor that does not decode.
    """
    limit = max(1, min(limit, 200))
    names = [name.lstrip("-") for name in order]
    descending = order[0].startswith("-")
    fields = [rows.model._meta.get_field(name) for name in names]
    if cursor:
        rows = rows.filter(_after(names, _decode(cursor, fields), "lt" if descending else "gt"))
    items = list(first_rows(rows, order, limit + 1, load))
    if len(items) <= limit:
        return Page(items, None)
    last = items[limit - 1]
    return Page(items[:limit], _encode([getattr(last, name) for name in names]))


def first_rows(
    rows: QuerySet[Any],
    order: tuple[str, ...],
    count: int,
    load: Callable[[QuerySet[Any]], QuerySet[Any]] | None,
) -> QuerySet[Any]:
    """The first ``count`` rows in ``order``, with what ``load`` adds to them."""
    found = rows.order_by(*order)[:count]
    if load is None:
        return found
    return load(rows.model._default_manager.filter(pk__in=found.values("pk"))).order_by(*order)


def after_position(order: Sequence[str], values: list[Any]) -> Q:
    """Rows after a position in ascending ``order``, for work that goes on where it stood."""
    return _after(list(order), values, "gt")


def _after(names: list[str], values: list[Any], operator: str) -> Q:
    """Rows strictly after ``values``. The leading bound is repeated so that an index range can be used."""
    condition = Q()
    for index, name in enumerate(names):
        equal = Q(**dict(zip(names[:index], values[:index], strict=True)))
        condition |= equal & Q(**{f"{name}__{operator}": values[index]})
    return Q(**{f"{names[0]}__{operator}e": values[0]}) & condition
