"""A meeting that was marked by mistake is taken back to the stage before it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0039_paid_questions"),
    ]

    operations = [
        migrations.AddField(
            model_name="enrollment",
            name="stage_before_meeting",
            field=models.CharField(
                blank=True,
                choices=[
                    ("pending", "Pending"),
                    ("invited", "Invited"),
                    ("connected", "Connected"),
                    ("messaged", "Messaged"),
                    ("replied", "Replied"),
                    ("meeting", "Meeting"),
                    ("completed", "Completed"),
                    ("stopped", "Stopped"),
                    ("bounced", "Bounced"),
                    ("unsubscribed", "Unsubscribed"),
                    ("error", "Error"),
                ],
                db_default="",
                default="",
                max_length=16,
            ),
        ),
    ]
