from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0009_provider_run")]

    operations = [
        migrations.AddField(
            model_name="campaignmirror",
            name="asked_status",
            field=models.CharField(blank=True, default="", max_length=16),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="campaignmirror",
            name="held_reason",
            field=models.CharField(blank=True, default="", max_length=300),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="campaignmirror",
            name="wanted",
            field=models.PositiveIntegerField(default=0),
        ),
    ]
