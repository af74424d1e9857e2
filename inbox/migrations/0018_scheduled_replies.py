"""Scheduled replies are listed by when they leave; built beside the traffic."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("inbox", "0017_away_until")]

    operations: ClassVar = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                fields=["organization", "leaves_at", "id"],
                name="message_scheduled",
                condition=models.Q(
                    ("leaves_at__isnull", False), ("state", "queued"), ("timing", "scheduled")
                ),
            ),
        ),
    ]
