from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reporting", "0013_exports_and_logos")]

    operations = [
        migrations.AddField(
            model_name="portalpolicy",
            name="shows_deals",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
