"""Composable parts of queries on campaigns' tables."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet

from campaigns.models import Enrollment, EnrollmentSender, ReplyReading
from campaigns.replies.intents import NO_REPLY


def senders_prefetch() -> Prefetch[Any]:
    """The senders of enrollments with their connections, in one query."""
    return Prefetch("sender_links", EnrollmentSender.objects.select_related("sender", "sender__connection"))


def with_senders(rows: QuerySet[Enrollment]) -> QuerySet[Enrollment]:
    """Enrollments with their senders loaded: one more query for all."""
    return rows.prefetch_related(senders_prefetch())


def answers() -> QuerySet[ReplyReading]:
    """What people answered; notes of absence and machines' mails are read, too, but are no replies."""
    rows: QuerySet[ReplyReading] = ReplyReading.objects.exclude(intent__in=NO_REPLY)
    return rows
