from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inbox", "0002_email_subjects"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="sequence_step_number",
            field=models.PositiveSmallIntegerField(null=True),
        ),
    ]
