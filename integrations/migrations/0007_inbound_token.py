from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0006_suppressions_read")]

    operations = [
        migrations.AddField(
            model_name="synccursor",
            name="token",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
    ]
