"""Who unsubscribed or complained is found by campaign; the index is built beside the traffic."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("campaigns", "0029_people_not_taken")]

    operations = [
        AddIndexConcurrently(
            model_name="sendoutcome",
            index=models.Index(
                fields=["organization", "campaign_id"],
                name="send_outcome_gone",
                condition=models.Q(unsubscribed_at__isnull=False) | models.Q(complained_at__isnull=False),
            ),
        ),
    ]
