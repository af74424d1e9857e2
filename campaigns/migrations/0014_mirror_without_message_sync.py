"""A campaign tells how its messages are read from its accounts: the mirror keeps no copy of that."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("campaigns", "0013_lean_enrollments"),
    ]

    operations: ClassVar = [
        migrations.RemoveField(
            model_name="campaignmirror",
            name="last_message_sync_at",
        ),
        migrations.RemoveField(
            model_name="campaignmirror",
            name="last_message_sync_error",
        ),
        migrations.RemoveField(
            model_name="campaignmirror",
            name="message_sync_note",
        ),
        migrations.RemoveField(
            model_name="campaignmirror",
            name="message_sync_status",
        ),
    ]
