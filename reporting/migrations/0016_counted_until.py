from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reporting", "0015_tries_and_forgotten_facts")]

    operations = [
        migrations.AlterField(
            model_name="rollupstate", name="counted_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="rollupstate", name="awaited_below", field=models.BigIntegerField(null=True)
        ),
        migrations.AddField(
            model_name="rollupstate", name="awaited_at", field=models.DateTimeField(null=True)
        ),
    ]
