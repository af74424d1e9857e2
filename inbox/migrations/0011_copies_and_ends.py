from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inbox", "0010_newest_first")]

    operations = [
        migrations.AddField(
            model_name="systemline",
            name="until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="blind_copied_to",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="replydraft",
            name="cc",
            field=models.CharField(blank=True, default="", max_length=2000),
        ),
        migrations.AddField(
            model_name="replydraft",
            name="bcc",
            field=models.CharField(blank=True, default="", max_length=2000),
        ),
    ]
