"""What goes out next through one sender account, and when."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet

from campaigns.models import ScheduledAction
from campaigns.plans.naming import name_of
from campaigns.services.planning import plan_of
from integrations.models import OutboundMessage, SenderAccount
from project.core.pagination import Page, keyset_page
from project.tenancy.access import Access

PAGE_SIZE: Final = 50
HANDED: Final = 50


def queued(access: Access, sender: SenderAccount) -> QuerySet[ScheduledAction]:
    """Steps that are due or coming through an account."""
    rows: QuerySet[ScheduledAction] = (
        ScheduledAction.objects.filter(
            access.client_filter(),
            sender=sender,
            state=ScheduledAction.State.DUE,
            kind=ScheduledAction.Kind.SEND,
        )
        .select_related("campaign", "enrollment__lead__company")
    )  # fmt: skip
    return rows


def queue(access: Access, sender: SenderAccount, cursor: str | None) -> Page[ScheduledAction]:
    """One page of what is queued, next first. Raises ``InvalidCursor``."""
    return keyset_page(queued(access, sender), order=("due_at", "id"), cursor=cursor, limit=PAGE_SIZE)


def queue_rows(actions: list[ScheduledAction]) -> list[dict[str, Any]]:
    """The steps with their names, as the page shows them; a version's plan is read once."""
    rows = []
    for action in actions:
        node = plan_of(action.enrollment).index.get(action.node_id)
        rows.append({"action": action, "step": name_of(node) if node else action.node_id})
    return rows


def handed_over(access: Access, sender: SenderAccount) -> list[OutboundMessage]:
    """What is with the outbox already: it leaves as soon as nothing holds it."""
    state = OutboundMessage.State
    rows = OutboundMessage.objects.filter(
        access.client_filter(), sender=sender, state__in=[state.QUEUED, state.SENDING, state.UNKNOWN]
    )
    return list(rows.order_by("not_before", "id")[:HANDED])
