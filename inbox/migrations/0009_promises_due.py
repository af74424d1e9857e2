"""What is to be noted as late, by time over all organizations: built beside the traffic."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("inbox", "0008_search")]

    operations: ClassVar = [
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(
                    ("sla_breached_at__isnull", True), ("sla_due_at__isnull", False), ("status", "open")
                ),
                fields=["sla_due_at"],
                name="conversation_promises",
            ),
        ),
    ]
