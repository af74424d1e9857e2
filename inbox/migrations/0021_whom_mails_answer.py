"""Who wrote a mail, and whom a thread answers: a colleague's answer is answered to the colleague."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inbox", "0020_replies_decided")]

    operations = [
        migrations.AddField(
            "message", "sender_address", models.CharField(blank=True, default="", max_length=254)
        ),
        migrations.AddField(
            "conversation", "answer_address", models.CharField(blank=True, default="", max_length=254)
        ),
        migrations.AddField(
            "conversation", "answer_name", models.CharField(blank=True, default="", max_length=200)
        ),
    ]
