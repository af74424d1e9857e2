"""Imports that can be taken back: what they filled in, and the act that takes them back. Constant defaults."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import project.core.models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("campaigns", "0020_lead_indexes")]

    operations: ClassVar = [
        migrations.AddField("leadimport", "undone_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "leadimport",
            "undo_act",
            project.core.models.OrganizationForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="campaigns.leadact",
            ),
        ),
        migrations.AddField("leadimportlead", "filled", models.JSONField(default=dict)),
    ]
