import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0008_fewer_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReplayRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("criteria", models.JSONField(default=dict)),
                ("client_ids", models.JSONField(null=True)),
                ("until", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("changed", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("skipped", models.PositiveIntegerField(default=0)),
                ("position_received_at", models.DateTimeField(null=True)),
                ("position_id", models.UUIDField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("claims", models.PositiveIntegerField(default=0)),
                ("cancel_requested", models.BooleanField(default=False)),
                ("error", models.TextField(blank=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="connection",
            name="last_limited_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="limited_webhooks",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="connection",
            name="webhook_findings",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="connection",
            name="webhooks_check_error",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="webhooks_checked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="senderaccount",
            name="webhooks_silent_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="forgiven_attempts",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="last_replay_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="replayrun",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
            ),
        ),
        migrations.AddField(
            model_name="replayrun",
            name="requested_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="replayrun",
            index=models.Index(fields=["organization", "-created_at", "-id"], name="replay_run_recent"),
        ),
        migrations.AddIndex(
            model_name="replayrun",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running"])),
                fields=["created_at"],
                name="replay_run_open",
            ),
        ),
    ]
