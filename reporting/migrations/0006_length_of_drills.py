from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0005_drills_and_snapshots"),
    ]

    operations = [
        migrations.AddField(
            model_name="drillrun",
            name="fault_s",
            field=models.FloatField(default=0),
        ),
    ]
