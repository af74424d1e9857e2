from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reporting", "0017_live_and_cohorts")]

    operations = [
        migrations.AddField(
            model_name="reportmailplan", name="on_since", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="reportmailplan",
            name="reply_to",
            field=models.EmailField(blank=True, db_default="", default="", max_length=254),
        ),
        migrations.AddField(
            model_name="reportrecipient",
            name="left_because",
            field=models.CharField(
                blank=True,
                choices=[
                    ("choice", "left"),
                    ("complained", "marked it as unwanted"),
                    ("bounced", "mail comes back"),
                    ("removed", "removed"),
                ],
                db_default="",
                default="",
                max_length=12,
            ),
        ),
    ]
