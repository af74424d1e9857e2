"""Leads that are merged, and what is left of those that were erased. New columns are empty."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids
import project.core.models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("campaigns", "0022_companies"),
        ("tenancy", "0002_user_time_zone"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="ErasedAddress",
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
                ("digest", models.CharField(max_length=64)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="LeadMerge",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("evidence", models.JSONField(default=list)),
                ("moved", models.JSONField(default=dict)),
                ("undone_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="lead",
            name="erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="lead",
            name="merged_into",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="merged",
                to="campaigns.lead",
            ),
        ),
        migrations.AddField(
            model_name="erasedaddress",
            name="client",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenancy.client",
            ),
        ),
        migrations.AddField(
            model_name="erasedaddress",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
            ),
        ),
        migrations.AddField(
            model_name="leadmerge",
            name="actor",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="leadmerge",
            name="client",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenancy.client",
            ),
        ),
        migrations.AddField(
            model_name="leadmerge",
            name="kept",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="merges",
                to="campaigns.lead",
            ),
        ),
        migrations.AddField(
            model_name="leadmerge",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
            ),
        ),
        migrations.AddField(
            model_name="leadmerge",
            name="other",
            field=project.core.models.OrganizationForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="campaigns.lead",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasedaddress",
            constraint=models.UniqueConstraint(
                fields=("client", "channel", "digest"), name="erased_address_once"
            ),
        ),
        migrations.AddIndex(
            model_name="leadmerge",
            index=models.Index(fields=["organization", "-created_at"], name="lead_merge_recent"),
        ),
    ]
