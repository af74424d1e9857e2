import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids
import project.core.models


def own():
    return [
        (
            "id",
            models.UUIDField(
                default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
            ),
        ),
        ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
        ("updated_at", models.DateTimeField(auto_now=True)),
    ]


def organization():
    return (
        "organization",
        models.ForeignKey(
            on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
        ),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0007_fact_indexes"),
        ("campaigns", "0001_initial"),
        ("tenancy", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ShareLink",
            fields=[
                *own(),
                ("name", models.CharField(max_length=120)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("password", models.CharField(blank=True, max_length=128)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "campaign",
                    project.core.models.OrganizationForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="campaigns.campaign",
                    ),
                ),
                (
                    "client",
                    project.core.models.OrganizationForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.client",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                organization(),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [models.Index(fields=["client", "-created_at", "-id"], name="share_link_recent")],
            },
        ),
        migrations.CreateModel(
            name="ShareView",
            fields=[
                *own(),
                ("viewed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("address", models.GenericIPAddressField(null=True)),
                ("agent", models.CharField(blank=True, max_length=200)),
                (
                    "link",
                    project.core.models.OrganizationForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="views",
                        to="reporting.sharelink",
                    ),
                ),
                organization(),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [models.Index(fields=["link", "-viewed_at", "-id"], name="share_view_recent")],
            },
        ),
    ]
