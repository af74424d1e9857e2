from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inbox", "0015_search_spans")]

    operations = [
        migrations.AddField(
            model_name="note", name="shown_to_client_at", field=models.DateTimeField(null=True)
        ),
    ]
