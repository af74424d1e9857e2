"""When somebody last decided that a reply leaves: what they write after that calls it off."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inbox", "0019_newest_replies")]

    operations = [
        migrations.AddField("message", "decided_at", models.DateTimeField(null=True)),
    ]
