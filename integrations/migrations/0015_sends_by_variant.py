"""Who was sent which wording is counted from an index alone; it is built beside the traffic."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("integrations", "0014_reconciliation_tries")]

    operations = [
        AddIndexConcurrently(
            model_name="outboundmessage",
            index=models.Index(
                fields=["organization", "campaign_id", "node_id", "variant_id", "enrollment_id"],
                name="outbound_by_variant",
                condition=models.Q(state="sent") & ~models.Q(variant_id=""),
            ),
        ),
    ]
