"""Acts are taken back one conversation after the other, by a worker where they are many."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("inbox", "0021_whom_mails_answer")]

    operations: ClassVar = [
        migrations.AddField("journalentry", "back", models.PositiveIntegerField(default=0)),
        migrations.AlterField(
            "journalentry",
            "state",
            models.CharField(
                choices=[
                    ("running", "Running"),
                    ("done", "Done"),
                    ("undoing", "Being taken back"),
                    ("undone", "Undone"),
                ],
                default="running",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            "journalitem",
            "state",
            models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("undone", "Taken back"),
                    ("kept", "Stays, for somebody changed it since"),
                ],
                default="waiting",
                max_length=8,
            ),
        ),
        AddIndexConcurrently(
            "journalentry",
            models.Index(
                fields=["updated_at"],
                name="journal_unfinished",
                condition=models.Q(("state__in", ["running", "undoing"])),
            ),
        ),
        RemoveIndexConcurrently("journalentry", "journal_running"),
    ]
