import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids
import project.core.models


def _own():
    return [
        (
            "id",
            models.UUIDField(
                default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
            ),
        ),
        ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
        ("updated_at", models.DateTimeField(auto_now=True)),
        (
            "organization",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
            ),
        ),
    ]


def _key(to, *, related_name="+", null=False):
    options = {"blank": True, "null": True} if null else {}
    return project.core.models.OrganizationForeignKey(
        db_constraint=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name=related_name,
        to=to,
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0004_engine"),
        ("tenancy", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(model_name="campaign", name="own_holidays", field=models.JSONField(default=list)),
        migrations.CreateModel(
            name="OwnHoliday",
            fields=[
                *_own(),
                ("day", models.DateField()),
                ("name", models.CharField(blank=True, max_length=80)),
                ("client", _key("tenancy.client", null=True)),
                ("campaign", _key("campaigns.campaign", null=True)),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.CreateModel(
            name="Simulation",
            fields=[
                *_own(),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=12,
                    ),
                ),
                ("days", models.PositiveIntegerField(default=60)),
                ("script", models.JSONField(default=dict)),
                ("starts_at", models.DateTimeField(null=True)),
                ("runs_done", models.PositiveIntegerField(default=0)),
                ("runs_total", models.PositiveIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("result", models.JSONField(default=dict)),
                ("error", models.CharField(blank=True, max_length=300)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("client", _key("tenancy.client")),
                ("campaign", _key("campaigns.campaign", related_name="simulations")),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            model_name="ownholiday",
            constraint=models.UniqueConstraint(
                fields=("organization", "client", "campaign", "day"),
                name="own_holiday_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddIndex(
            model_name="simulation",
            index=models.Index(fields=["campaign", "-created_at", "-id"], name="simulation_recent"),
        ),
        migrations.AddIndex(
            model_name="simulation",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running"])),
                fields=["updated_at"],
                name="simulation_open",
            ),
        ),
    ]
