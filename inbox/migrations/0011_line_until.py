from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inbox", "0010_newest_first")]

    operations = [
        migrations.AddField(
            model_name="systemline",
            name="until",
            field=models.DateTimeField(null=True),
        ),
    ]
