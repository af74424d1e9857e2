"""Custom values of a file fill what is blank, unless somebody lets them win."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0037_rolled_back_by_a_worker")]

    operations = [migrations.AddField("leadimport", "overwrites", models.BooleanField(default=False))]
