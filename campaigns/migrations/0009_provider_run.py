import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import project.core.ids
import project.core.models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0008_mail_domains"),
        ("integrations", "0007_inbound_token"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="kind",
            field=models.CharField(
                choices=[("native", "Run here"), ("provider", "Run by a provider")],
                default="native",
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="CampaignMirror",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("provider_campaign_id", models.CharField(blank=True, max_length=120)),
                ("provider_name", models.CharField(blank=True, max_length=160)),
                ("asked_at", models.DateTimeField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("starting", "Starting"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("stopped", "Stopped"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("archived", "Archived"),
                            ("unknown", "Unknown"),
                        ],
                        default="draft",
                        max_length=16,
                    ),
                ),
                ("raw_status", models.CharField(blank=True, max_length=60)),
                ("status_at", models.DateTimeField(null=True)),
                ("statistics", models.JSONField(default=dict)),
                ("statistics_at", models.DateTimeField(null=True)),
                (
                    "job",
                    models.CharField(
                        choices=[
                            ("idle", "Nothing to do"),
                            ("due", "To be done"),
                            ("blocked", "Needs a person"),
                        ],
                        default="idle",
                        max_length=8,
                    ),
                ),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("claims", models.PositiveIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("step", models.CharField(blank=True, max_length=16)),
                ("error_kind", models.CharField(blank=True, max_length=40)),
                ("error", models.CharField(blank=True, max_length=400)),
                ("senders_digest", models.CharField(blank=True, max_length=64)),
                ("schedule_digest", models.CharField(blank=True, max_length=64)),
                ("settings_digest", models.CharField(blank=True, max_length=64)),
                ("sequence_digest", models.CharField(blank=True, max_length=64)),
                ("webhook_ids", models.JSONField(default=list)),
                ("webhooks_at", models.DateTimeField(null=True)),
                (
                    "message_sync_status",
                    models.CharField(
                        choices=[
                            ("never", "Not read yet"),
                            ("ok", "Up to date"),
                            ("limited", "The provider gives out less"),
                            ("failing", "Failing"),
                        ],
                        default="never",
                        max_length=8,
                    ),
                ),
                ("last_message_sync_at", models.DateTimeField(null=True)),
                ("last_message_sync_error", models.CharField(blank=True, max_length=400)),
                ("message_sync_note", models.CharField(blank=True, max_length=300)),
                ("last_lead_sync_at", models.DateTimeField(null=True)),
                ("last_lead_sync_error", models.CharField(blank=True, max_length=400)),
                ("lead_sync_note", models.CharField(blank=True, max_length=300)),
                ("next_sync_at", models.DateTimeField(null=True)),
                (
                    "campaign",
                    project.core.models.OrganizationForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mirrors",
                        to="campaigns.campaign",
                    ),
                ),
                (
                    "connection",
                    project.core.models.OrganizationForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="integrations.connection",
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
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="EnrollmentMirror",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("key", models.CharField(max_length=300)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting to be handed over"),
                            ("handing", "Being handed over"),
                            ("added", "At the provider"),
                            ("refused", "Refused by the provider"),
                            ("withheld", "Not handed over"),
                            ("stopping", "To be stopped at the provider"),
                            ("stopped", "Stopped at the provider"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("added_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("provider_lead_id", models.CharField(blank=True, max_length=120)),
                ("membership_id", models.CharField(blank=True, max_length=120)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("in_progress", "In progress"),
                            ("paused", "Paused"),
                            ("replied", "Replied"),
                            ("completed", "Completed"),
                            ("stopped", "Stopped"),
                            ("blocked", "Blocked"),
                            ("failed", "Failed"),
                            ("unknown", "Unknown"),
                        ],
                        default="pending",
                        max_length=12,
                    ),
                ),
                ("raw_status", models.CharField(blank=True, max_length=60)),
                ("category", models.CharField(blank=True, max_length=80)),
                ("step_number", models.PositiveSmallIntegerField(default=0)),
                ("synced_at", models.DateTimeField(null=True)),
                (
                    "enrollment",
                    project.core.models.OrganizationForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mirrors",
                        to="campaigns.enrollment",
                    ),
                ),
                (
                    "mirror",
                    project.core.models.OrganizationForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="people",
                        to="campaigns.campaignmirror",
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
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="campaignmirror",
            index=models.Index(
                condition=models.Q(("job", "due")), fields=["not_before"], name="campaign_mirror_due"
            ),
        ),
        migrations.AddIndex(
            model_name="campaignmirror",
            index=models.Index(
                condition=models.Q(("next_sync_at__isnull", False)),
                fields=["next_sync_at"],
                name="campaign_mirror_sync",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignmirror",
            constraint=models.UniqueConstraint(fields=("campaign",), name="campaign_mirror_once"),
        ),
        migrations.AddConstraint(
            model_name="campaignmirror",
            constraint=models.UniqueConstraint(
                condition=models.Q(("provider_campaign_id", ""), _negated=True),
                fields=("connection", "provider_campaign_id"),
                name="campaign_mirror_provider_id",
            ),
        ),
        migrations.AddIndex(
            model_name="enrollmentmirror",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "handing", "stopping"])),
                fields=["mirror", "not_before", "id"],
                name="enrollment_mirror_due",
            ),
        ),
        migrations.AddIndex(
            model_name="enrollmentmirror",
            index=models.Index(
                condition=models.Q(("provider_lead_id", ""), _negated=True),
                fields=["mirror", "provider_lead_id"],
                name="enrollment_mirror_lead",
            ),
        ),
        migrations.AddConstraint(
            model_name="enrollmentmirror",
            constraint=models.UniqueConstraint(fields=("enrollment",), name="enrollment_mirror_once"),
        ),
        migrations.AddConstraint(
            model_name="enrollmentmirror",
            constraint=models.UniqueConstraint(fields=("mirror", "key"), name="enrollment_mirror_key"),
        ),
    ]
