import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids

#: A pass over an account's messages that was complete tells up to when they are known.
CARRY_OVER = """
UPDATE integrations_senderaccount AS sender SET inbound_synced_at = cursor.read_until
FROM integrations_synccursor AS cursor
WHERE cursor.sender_id = sender.id AND cursor.resource = 'messages'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0003_limits"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PlatformSwitch",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_on", models.BooleanField(default=True, editable=False, unique=True)),
                ("reason", models.CharField(blank=True, max_length=200)),
                (
                    "switched_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        migrations.AddField(
            model_name="killswitch",
            name="node_id",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AlterField(
            model_name="killswitch",
            name="level",
            field=models.CharField(
                choices=[
                    ("organization", "Organization"),
                    ("client", "Client"),
                    ("campaign", "Campaign"),
                    ("sender", "Sender"),
                    ("node", "Step"),
                ],
                max_length=16,
            ),
        ),
        migrations.RemoveConstraint(model_name="killswitch", name="kill_switch_once"),
        migrations.AddConstraint(
            model_name="killswitch",
            constraint=models.UniqueConstraint(
                fields=("organization", "level", "target_id", "node_id"), name="kill_switch_once"
            ),
        ),
        migrations.AddField(
            model_name="senderaccount",
            name="inbound_synced_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
    ]
