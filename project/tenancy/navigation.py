"""The areas of the product as the rooms register them: address, right, and what they count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from project.tenancy.access import Access, Permission


@dataclass(frozen=True, slots=True)
class NavigationArea:
    """One area: its key in ``project.theme.shell.AREAS``, the URL name of its first page, who may open it.

    ``prefixes`` are the beginnings of URL names (``app:`` or ``app:name``) that make it the current area; ``count``
    answers the number beside it, or ``None``.
    """

    key: str
    url_name: str
    permission: Permission
    prefixes: tuple[str, ...]
    count: Callable[[Access], int | None] | None = None


_areas: dict[str, NavigationArea] = {}


def register_area(area: NavigationArea) -> None:
    """Add an area; called from an app's ``ready``."""
    _areas[area.key] = area


def areas() -> dict[str, NavigationArea]:
    """Return the registered areas by key."""
    return _areas
