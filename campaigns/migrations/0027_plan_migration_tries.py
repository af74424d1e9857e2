"""How often a worker began to put people onto a new version, so that one that always breaks ends."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("campaigns", "0026_plan_migrations")]

    operations: ClassVar = [
        migrations.AddField("planmigration", "tries", models.PositiveSmallIntegerField(default=0)),
    ]
