"""Indexes of the views and filters, built beside the traffic."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("inbox", "0004_triage")]

    operations: ClassVar = [
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("sla_due_at__isnull", False), ("status", "open")),
                fields=["organization", "sla_due_at", "id"],
                name="conversation_due",
            ),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("lease_expires_at__isnull", False)),
                fields=["lease_expires_at"],
                name="conversation_leases",
            ),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("failed_sends__gt", 0)),
                fields=["organization", "-last_message_at", "-id"],
                name="conversation_failed",
            ),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("lead__isnull", True), ("status", "open")),
                fields=["organization", "-last_message_at", "-id"],
                name="conversation_unmatched",
            ),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                fields=["organization", "campaign", "-last_message_at", "-id"],
                name="conversation_by_campaign",
            ),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                fields=["organization", "sender", "-last_message_at", "-id"], name="conversation_by_sender"
            ),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("intent", ""), _negated=True),
                fields=["organization", "intent", "-last_message_at", "-id"],
                name="conversation_by_intent",
            ),
        ),
    ]
