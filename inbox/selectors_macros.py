"""Reads of macros: the page, the menu, and what one would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from inbox.models import Conversation, Macro
from inbox.services import macros
from project.tenancy.access import Access
from project.tenancy.models import User

#: Conversations that a preview shows one by one.
SHOWN: Final = 25


def macro_rows(access: Access) -> QuerySet[Any]:
    """Macros that somebody may run or change: the team's for clients within reach, and their own."""
    rows = Macro.objects.filter(Q(owner=access.user) | Q(owner=None)).select_related(
        "client", "canned", "label", "assignee"
    )
    return rows if access.whole_organization else rows.filter(access.client_filter() | Q(client=None))


def menu(access: Access) -> list[dict[str, Any]]:
    """The macros that the menu offers, those with a key first. One's own win a key over the team's."""
    rows = sorted(
        macro_rows(access).order_by("name", "id")[: macros.OFFERED],
        key=lambda row: (not row.key, row.key, row.owner_id is None),
    )
    taken: set[str] = set()
    found = []
    for row in rows:
        key = row.key if row.key not in taken else ""
        taken.add(row.key)
        found.append({"macro": row, "key": key, "does": does(row, access.user)})
    return found


def does(macro: Macro, viewer: User) -> str:
    """What a macro does, in one line. Reads ``canned``, ``label``, ``assignee``."""
    parts = []
    if macro.canned is not None:
        parts.append(f"sends “{macro.canned.name}”")
    if macro.label is not None:
        parts.append(f"labels {macro.label.name}")
    if macro.assign == Macro.Assign.PERSON and macro.assignee is not None:
        parts.append(
            "gives it to you" if macro.assignee == viewer else f"gives it to {macro.assignee.display_name}"
        )
    elif macro.assign:
        parts.append("takes it" if macro.assign == Macro.Assign.ME else "gives it to nobody")
    if macro.end == Macro.End.CLOSE:
        parts.append("closes it")
    elif macro.end == Macro.End.SNOOZE:
        said = macros.SNOOZES[macro.snooze]
        parts.append(f"snoozes it {said[0].lower()}{said[1:]}")
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}"


def page(access: Access) -> dict[str, Any]:
    """The page of macros."""
    rows = [
        {"macro": row, "does": does(row, access.user)}
        for row in macro_rows(access).order_by("name", "id")[:300]
    ]
    return {"rows": rows, "reaches_all": access.whole_organization}


def preview(access: Access, macro: Macro, ids: Sequence[UUID], total: int) -> dict[str, Any]:
    """What a macro would do to the first of some conversations, in their order; ``total`` of them were chosen."""
    rows = Conversation.objects.filter(access.client_filter(), id__in=ids[:SHOWN])
    known = {row.id: row for row in rows.select_related("lead__company", "client", "sender")}
    chosen = [known[one] for one in ids[:SHOWN] if one in known]
    shown = macros.preview(macro=macro, conversations=chosen, actor=access.user)
    return {
        "macro": macro,
        "does": does(macro, access.user),
        "total": total,
        "more": max(0, total - len(shown)),
        "impossible": sum(1 for one in shown if one.why),
        "previews": shown,
    }
