from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0015_sends_by_variant")]

    operations = [
        migrations.AddField(
            model_name="connection", name="webhooks_pass", field=models.JSONField(default=dict)
        ),
        migrations.AddField(
            model_name="connection", name="webhooks_pass_until", field=models.DateTimeField(null=True)
        ),
    ]
