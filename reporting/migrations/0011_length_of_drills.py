from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0010_report_mails"),
    ]

    operations = [
        migrations.AddField(
            model_name="drillrun",
            name="fault_s",
            field=models.FloatField(default=0),
        ),
    ]
