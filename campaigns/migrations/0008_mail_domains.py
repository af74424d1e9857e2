from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0007_variants")]

    operations = [
        migrations.AddIndex(
            model_name="leadchannel",
            index=models.Index(
                models.F("client"),
                models.Func(
                    models.F("normalized"),
                    models.Value("@"),
                    models.Value(2),
                    function="split_part",
                    output_field=models.TextField(),
                ),
                condition=models.Q(("kind", "email")),
                name="lead_channel_domain",
            ),
        ),
    ]
