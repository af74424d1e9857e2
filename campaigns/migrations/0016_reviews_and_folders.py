"""Reviews of plans, and folders, tags and origins of campaigns. New columns have constant defaults."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids
import project.core.models

PERSON = {
    "null": True,
    "on_delete": django.db.models.deletion.SET_NULL,
    "related_name": "+",
    "to": settings.AUTH_USER_MODEL,
}


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("campaigns", "0015_draft_revisions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.AddField("campaign", "needs_approval", models.BooleanField(default=False)),
        migrations.AddField("campaign", "folder", models.CharField(blank=True, max_length=80)),
        migrations.AddField("campaign", "tags", models.JSONField(blank=True, default=list)),
        migrations.AddField(
            "campaign",
            "copied_from",
            project.core.models.OrganizationForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="campaigns.campaign",
            ),
        ),
        migrations.CreateModel(
            name="PlanReview",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("plan_hash", models.CharField(max_length=64)),
                ("plan", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Waits for a decision"),
                            ("approved", "Approved"),
                            ("declined", "Changes wanted"),
                        ],
                        default="asked",
                        max_length=10,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
                (
                    "campaign",
                    project.core.models.OrganizationForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviews",
                        to="campaigns.campaign",
                    ),
                ),
                ("asked_by", models.ForeignKey(**PERSON)),
                ("decided_by", models.ForeignKey(**PERSON)),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            model_name="planreview",
            constraint=models.UniqueConstraint(fields=("campaign", "plan_hash"), name="plan_review_once"),
        ),
        migrations.AddIndex(
            model_name="planreview",
            index=models.Index(fields=["campaign", "-created_at", "-id"], name="plan_review_recent"),
        ),
    ]
