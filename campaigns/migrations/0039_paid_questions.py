"""Questions to a paid service are counted on the import, however often its preview is begun."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0038_own_fields_that_win")]

    operations = [migrations.AddField("leadimport", "paid_asked", models.PositiveIntegerField(default=0))]
