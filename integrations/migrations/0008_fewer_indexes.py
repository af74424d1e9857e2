import django.db.models.deletion
from django.db import migrations

import project.core.models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0007_inbound_token")]

    operations = [
        migrations.AlterField(
            model_name="providereventkey",
            name="sender",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="integrations.senderaccount",
            ),
        ),
        migrations.AlterField(
            model_name="webhookkey",
            name="connection",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="integrations.connection",
            ),
        ),
    ]
