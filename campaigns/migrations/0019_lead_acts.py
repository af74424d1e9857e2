"""Acts on leads with their journal; labels, owners and removal of leads; and who of them must not be contacted.

New columns are empty. Only leads that an entry of the do-not-contact list stands against are written.
"""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids
import project.core.models

#: The entries that stand, each for every address it is about.
MARK = """
UPDATE campaigns_lead AS l SET suppressed_until = found.until FROM (
    SELECT about.lead_id, max(coalesce(about.expires_at, '9999-01-01 00:00:00+00')) AS until FROM (
        SELECT a.lead_id, s.expires_at FROM campaigns_suppression s
        JOIN campaigns_leadchannel a ON a.organization_id = s.organization_id AND a.kind = s.channel
            AND a.normalized = s.value AND (s.client_id IS NULL OR s.client_id = a.client_id)
        WHERE NOT s.is_domain
        UNION ALL
        SELECT a.lead_id, s.expires_at FROM campaigns_suppression s
        JOIN campaigns_leadchannel a ON a.organization_id = s.organization_id AND a.kind = 'email'
            AND split_part(a.normalized, '@', 2) = s.value AND (s.client_id IS NULL OR s.client_id = a.client_id)
        WHERE s.is_domain AND s.channel = 'email'
    ) AS about
    WHERE about.expires_at IS NULL OR about.expires_at > now()
    GROUP BY about.lead_id
) AS found WHERE l.id = found.lead_id
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("campaigns", "0018_deals"),
        ("tenancy", "0002_user_time_zone"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="LeadAct",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("act", models.CharField(max_length=12)),
                ("given", models.JSONField(default=dict)),
                ("about", models.CharField(blank=True, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("undoing", "Being taken back"),
                            ("undone", "Taken back"),
                        ],
                        default="running",
                        max_length=8,
                    ),
                ),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("back", models.PositiveIntegerField(default=0)),
                ("kept", models.PositiveIntegerField(default=0)),
                ("undone_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="LeadActItem",
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
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("undone", "Taken back"),
                            ("kept", "Stays as it is"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("before", models.JSONField(default=dict)),
                ("why", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="LeadLabel",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("name", models.CharField(max_length=40)),
            ],
            options={
                "ordering": ["name"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="lead",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="lead",
            name="removed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="lead",
            name="suppressed_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="leadact",
            name="actor",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="leadact",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
            ),
        ),
        migrations.AddField(
            model_name="leadactitem",
            name="entry",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="items",
                to="campaigns.leadact",
            ),
        ),
        migrations.AddField(
            model_name="leadactitem",
            name="lead",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="campaigns.lead",
            ),
        ),
        migrations.AddField(
            model_name="leadactitem",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
            ),
        ),
        migrations.AddField(
            model_name="leadlabel",
            name="client",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenancy.client",
            ),
        ),
        migrations.AddField(
            model_name="leadlabel",
            name="lead",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="labels",
                to="campaigns.lead",
            ),
        ),
        migrations.AddField(
            model_name="leadlabel",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
            ),
        ),
        migrations.AddIndex(
            model_name="leadact",
            index=models.Index(fields=["organization", "actor", "-created_at"], name="lead_act_of_person"),
        ),
        migrations.AddIndex(
            model_name="leadact",
            index=models.Index(
                condition=models.Q(("state__in", ["running", "undoing"])),
                fields=["updated_at"],
                name="lead_act_running",
            ),
        ),
        migrations.AddIndex(
            model_name="leadactitem",
            index=models.Index(fields=["entry", "state", "id"], name="lead_act_item_next"),
        ),
        migrations.AddConstraint(
            model_name="leadactitem",
            constraint=models.UniqueConstraint(fields=("entry", "lead"), name="lead_act_item_once"),
        ),
        migrations.AddIndex(
            model_name="leadlabel",
            index=models.Index(fields=["organization", "name", "lead"], name="lead_label_by_name"),
        ),
        migrations.AddConstraint(
            model_name="leadlabel",
            constraint=models.UniqueConstraint(fields=("lead", "name"), name="lead_label_once"),
        ),
    ]
