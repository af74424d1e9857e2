"""Indexes of the lists hold only what lists show, and what their counts are narrowed by.

Built beside the traffic; the ones that they replace go afterwards.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

_SHOWN = models.Q(("has_inbound", True), ("failed_sends__gt", 0), _connector="OR")
_BY_TIME = ("-last_message_at", "-id")


def _add(
    name: str, fields: list[str], condition: models.Q = _SHOWN, include: list[str] | None = None
) -> AddIndexConcurrently:
    return AddIndexConcurrently(
        model_name="conversation",
        index=models.Index(
            name=f"conversation_shown{name}",
            fields=["organization", *fields, *_BY_TIME],
            include=include,
            condition=condition,
        ),
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("inbox", "0011_copies_and_ends")]

    operations: ClassVar = [
        _add("", ["status"], include=["client"]),
        _add("_mine", ["assignee", "status"], include=["client"]),
        _add("_unread", [], models.Q(("status", "open"), ("unread__gt", 0)) & _SHOWN, include=["client"]),
        _add("_failed", [], models.Q(("failed_sends__gt", 0)) & _SHOWN, include=["client"]),
        _add(
            "_unmatched",
            [],
            models.Q(("lead__isnull", True), ("status", "open")) & _SHOWN,
            include=["client"],
        ),
        _add("_campaign", ["campaign"]),
        _add("_sender", ["sender"]),
        _add("_intent", ["intent"], models.Q(("intent", ""), _negated=True) & _SHOWN),
        *(
            RemoveIndexConcurrently(model_name="conversation", name=f"conversation_{name}")
            for name in ("list", "mine", "failed", "unmatched", "by_campaign", "by_sender", "by_intent")
        ),
    ]
