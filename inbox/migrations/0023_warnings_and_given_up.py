"""Who is late is told beforehand; what was not sent can be given up; nobody reads when a thread was read.

``last_read_at`` leaves the state only: the table is big, and workers of the last release still write the column. It is
dropped with a later release.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

_OCCASIONS = [
    ("reply", "A reply to a conversation of mine"),
    ("unassigned", "A reply that nobody has taken"),
    ("assigned", "A conversation given to me"),
    ("mention", "A note that mentions me"),
    ("failed", "A reply of mine that was not sent"),
    ("late", "An answer that is late, or soon will be"),
]
_STATES = [
    ("received", "Received"),
    ("queued", "Queued"),
    ("sent", "Sent"),
    ("delivered", "Delivered"),
    ("seen", "Seen"),
    ("failed", "Not sent"),
    ("unknown", "Not known yet"),
    ("withdrawn", "Taken back before it left"),
    ("given_up", "Not sent, and nobody tries again"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("inbox", "0022_undo_in_turns")]

    operations: ClassVar = [
        migrations.AddField("conversation", "sla_warned_at", models.DateTimeField(null=True)),
        migrations.AlterField("message", "state", models.CharField(choices=_STATES, max_length=12)),
        *(
            migrations.AlterField(model, "occasion", models.CharField(choices=_OCCASIONS, max_length=12))
            for model in ("notification", "notificationchoice")
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("conversation", "last_read_at")]
        ),
    ]
