"""Which pages a sender account has: this room's own, and those that rooms above add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from project.tenancy.access import Access, Permission


@dataclass(frozen=True, slots=True)
class SenderPage:
    """One tab of a sender: ``url_name`` takes the organization and ``sender_id``."""

    url_name: str
    label: str
    permission: Permission = Permission.SENDERS_VIEW


_pages: list[SenderPage] = [
    SenderPage("integrations:sender", "Health"),
    SenderPage("integrations:sender_limits", "Limits and warm-up"),
]


def register_page(page: SenderPage) -> None:
    """Add a page at the end; one that is there already stays."""
    if page not in _pages:
        _pages.append(page)


def tabs(access: Access, sender_id: object, here: str) -> list[dict[str, Any]]:
    """The tabs of an account's pages, for the part ``tabs``."""
    kwargs = {"organization_slug": access.organization.slug, "sender_id": sender_id}
    return [
        {"label": page.label, "url": reverse(page.url_name, kwargs=kwargs), "active": page.url_name == here}
        for page in _pages
        if access.can(page.permission)
    ]
