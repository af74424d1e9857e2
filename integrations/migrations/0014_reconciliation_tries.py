from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0013_sender_care")]

    operations = [
        migrations.AddField(
            model_name="reconciliationreport",
            name="tries",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="reconciliationreport",
            name="next_try_at",
            field=models.DateTimeField(null=True),
        ),
    ]
