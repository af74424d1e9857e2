"""An index of entries that nobody has carried out yet."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("campaigns", "0031_suppressions_carried_out")]

    operations: ClassVar = [
        AddIndexConcurrently(
            model_name="suppression",
            index=models.Index(
                condition=models.Q(("is_carried", False)), fields=["updated_at"], name="suppression_to_carry"
            ),
        ),
    ]
