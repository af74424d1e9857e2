"""Imports: a fence for workers, an end for what breaks again and again, paid checks only where somebody asks."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0035_approved_people")]

    operations = [
        migrations.AddField("leadimport", "claims", models.PositiveIntegerField(default=0)),
        migrations.AddField("leadimport", "tries", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("leadimport", "paid_checks", models.PositiveIntegerField(default=0)),
    ]
