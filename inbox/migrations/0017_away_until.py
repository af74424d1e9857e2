from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inbox", "0016_notes_for_clients")]

    operations = [
        migrations.AddField(
            model_name="workinghours", name="away_until", field=models.DateTimeField(null=True)
        ),
    ]
