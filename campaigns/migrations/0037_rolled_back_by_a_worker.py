"""A new version is rolled back by a worker as well: it is under way meanwhile, and nothing else is."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("campaigns", "0036_import_claims"),
    ]

    operations = [
        migrations.AlterField(
            "planmigration",
            "state",
            models.CharField(
                choices=[
                    ("running", "Under way"),
                    ("backing", "Being rolled back"),
                    ("done", "Done"),
                    ("failed", "Not done"),
                    ("undone", "Rolled back"),
                ],
                default="running",
                max_length=8,
            ),
        ),
        migrations.AddField(
            "planmigration",
            "undone_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RemoveConstraint("planmigration", "plan_migration_one_running"),
        migrations.AddConstraint(
            "planmigration",
            models.UniqueConstraint(
                condition=models.Q(("state__in", ["running", "backing"])),
                fields=("campaign",),
                name="plan_migration_one_under_way",
            ),
        ),
    ]
