"""Indexes for leads that must not be contacted, and for whose leads they are."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("campaigns", "0019_lead_acts")]

    operations: ClassVar = [
        AddIndexConcurrently(
            model_name="lead",
            index=models.Index(
                condition=models.Q(("suppressed_until__isnull", False)),
                fields=["organization", "-created_at", "-id"],
                name="lead_suppressed",
            ),
        ),
        AddIndexConcurrently(
            model_name="lead",
            index=models.Index(
                condition=models.Q(("owner__isnull", False)),
                fields=["organization", "owner", "-created_at", "-id"],
                name="lead_owned",
            ),
        ),
    ]
