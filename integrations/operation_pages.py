"""Which pages stand under Operations: this room's own, and those that rooms above add."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperationPage:
    """One entry of the navigation: ``url_name`` takes nothing but the organization."""

    url_name: str
    label: str
    icon: str


_pages: list[OperationPage] = [
    OperationPage("integrations:sync", "Sync health", "arrow-path"),
    OperationPage("integrations:ledger", "Zero-drop ledger", "table-cells"),
    OperationPage("integrations:reconciliation", "Reconciliation", "arrows-right-left"),
    OperationPage("integrations:webhooks", "Webhooks", "bolt"),
    OperationPage("integrations:weather", "Provider weather", "cloud"),
    OperationPage("integrations:rates", "Rate usage", "scale"),
    OperationPage("integrations:queues", "Queues and workers", "queue-list"),
    OperationPage("integrations:sends", "Send certificate", "shield-check"),
    OperationPage("integrations:switches", "Kill switches", "power"),
]


def register_page(page: OperationPage, *, first: bool = False) -> None:
    """Add a page at the end, or as the first; one that is there already stays."""
    if page not in _pages:
        _pages.insert(0 if first else len(_pages), page)


def pages() -> tuple[OperationPage, ...]:
    """Return the pages in the order in which they are shown."""
    return tuple(_pages)
