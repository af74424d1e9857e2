"""Entries of the do-not-contact list that providers have to be told of; people held at their provider."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("campaigns", "0030_outcomes_of_those_who_left")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="suppression",
            name="is_carried",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AlterField(
            model_name="enrollmentmirror",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting to be handed over"),
                    ("handing", "Being handed over"),
                    ("added", "At the provider"),
                    ("held", "Held at the provider"),
                    ("refused", "Refused by the provider"),
                    ("dropped", "Not taken by the provider"),
                    ("withheld", "Not handed over"),
                    ("stopping", "To be stopped at the provider"),
                    ("stopped", "Stopped at the provider"),
                ],
                default="waiting",
                max_length=8,
            ),
        ),
    ]
