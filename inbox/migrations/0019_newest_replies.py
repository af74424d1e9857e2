"""The newest replies of a client are read in the order of an index; it is built beside the traffic."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("inbox", "0018_scheduled_replies")]

    operations = [
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                fields=["organization", "client", "-last_inbound_at", "-id"],
                name="conversation_replied",
                condition=models.Q(has_inbound=True),
            ),
        ),
    ]
