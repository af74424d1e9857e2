import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import project.core.ids
import project.core.models

#: The one sender of each enrollment becomes its sender on that sender's channel.
CARRY_OVER = """
INSERT INTO campaigns_enrollmentsender
    (id, organization_id, enrollment_id, channel, choice, sender_id, reason, assigned_at, created_at, updated_at)
SELECT gen_random_uuid(), enrollment.organization_id, enrollment.id, sender.channel, '', sender.id,
    'Assigned when the lead was enrolled.', enrollment.created_at, now(), now()
FROM campaigns_enrollment AS enrollment
JOIN integrations_senderaccount AS sender ON sender.id = enrollment.sender_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0002_snippets"),
        ("integrations", "0002_channels"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="EnrollmentSender",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "channel",
                    models.CharField(
                        choices=[("linkedin", "LinkedIn"), ("email", "E-mail"), ("sms", "SMS")], max_length=16
                    ),
                ),
                ("choice", models.CharField(blank=True, max_length=80)),
                ("reason", models.CharField(max_length=200)),
                ("assigned_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "enrollment",
                    project.core.models.OrganizationForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sender_links",
                        to="campaigns.enrollment",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
                (
                    "sender",
                    project.core.models.OrganizationForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="enrollment_links",
                        to="integrations.senderaccount",
                    ),
                ),
            ],
            options={
                "ordering": ["assigned_at", "id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddConstraint(
            model_name="enrollmentsender",
            constraint=models.UniqueConstraint(
                fields=("enrollment", "channel", "choice"), name="enrollment_sender_once"
            ),
        ),
        migrations.AddField(
            model_name="campaignsender",
            name="pools",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="enrollment", name="sender"),
    ]
