"""Lists of the JSON API: one envelope, cursors as ``project.core.pagination`` makes them."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from django.db.models import QuerySet
from ninja import Schema
from pydantic import Field

from project.core.pagination import keyset_page

T = TypeVar("T")


class PageOut(Schema, Generic[T]):
    """One page of a list. Send ``next_cursor`` back as ``cursor``; it is null at the end."""

    items: list[T]
    next_cursor: str | None = None


class PageIn(Schema):
    """Which page: ``cursor`` from the page before, ``limit`` 1 to 200."""

    cursor: str | None = None
    limit: int = Field(50, ge=1, le=200)


class OrderedPageIn(PageIn):
    """Which page, and which way round; a cursor belongs to the order it was given for."""

    order: Literal["asc", "desc"] = "desc"

    def by(self, *fields: str) -> tuple[str, ...]:
        """``fields`` (the last one unique) in the wanted direction, as ``page_of`` takes them."""
        return fields if self.order == "asc" else tuple(f"-{field}" for field in fields)


def page_of(rows: QuerySet[Any], page: PageIn, *, order: tuple[str, ...]) -> dict[str, Any]:
    """Return one page of ``rows`` as ``PageOut`` wants it. Raises ``InvalidCursor``."""
    found = keyset_page(rows, order=order, cursor=page.cursor, limit=page.limit)
    return {"items": found.items, "next_cursor": found.next_cursor}
