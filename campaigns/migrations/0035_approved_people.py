"""Approval is for certain people: who was in the list when it was asked for. Words that were given before hold for those
who were there when they were given.
"""

import django.utils.timezone
from django.db import migrations, models

CUT_OFF = """
UPDATE campaigns_planreview SET asked_until = COALESCE(decided_at, updated_at),
    approved_until = CASE WHEN state = 'approved' THEN COALESCE(decided_at, updated_at) END
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0034_plan_templates")]

    operations = [
        migrations.AddField(
            "planreview", "asked_until", models.DateTimeField(default=django.utils.timezone.now)
        ),
        migrations.AddField("planreview", "approved_until", models.DateTimeField(null=True)),
        migrations.RunSQL(CUT_OFF, migrations.RunSQL.noop),
    ]
