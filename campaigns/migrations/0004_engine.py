import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids
import project.core.models

KEY = {
    "default": project.core.ids.uuid7,
    "editable": False,
    "primary_key": True,
    "serialize": False,
}


def _id():
    return ("id", models.UUIDField(**KEY))


def _stamps():
    return [
        ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
        ("updated_at", models.DateTimeField(auto_now=True)),
    ]


def _organization():
    return (
        "organization",
        models.ForeignKey(
            on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
        ),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0003_enrollment_senders"),
        ("integrations", "0004_switches_and_freshness"),
        ("tenancy", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="EngineLane",
            fields=[
                _id(),
                *_stamps(),
                ("claimed_until", models.DateTimeField(null=True)),
                ("claimed_by", models.CharField(blank=True, max_length=80)),
                ("served_at", models.DateTimeField(null=True)),
                ("crashes", models.PositiveSmallIntegerField(default=0)),
                ("next_slot_at", models.DateTimeField(null=True)),
                _organization(),
                (
                    "sender",
                    project.core.models.OrganizationForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.senderaccount",
                    ),
                ),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            model_name="enginelane",
            constraint=models.UniqueConstraint(
                fields=("organization", "sender"), name="engine_lane_once", nulls_distinct=False
            ),
        ),
        migrations.CreateModel(
            name="EngineSettings",
            fields=[
                _id(),
                *_stamps(),
                ("is_running", models.BooleanField(default=True)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("fresh_minutes", models.PositiveSmallIntegerField(null=True)),
                (
                    "changed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                _organization(),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            model_name="enginesettings",
            constraint=models.UniqueConstraint(fields=("organization",), name="engine_settings_once"),
        ),
        migrations.CreateModel(
            name="SchedulerState",
            fields=[
                _id(),
                *_stamps(),
                ("name", models.CharField(default="engine", editable=False, max_length=16, unique=True)),
                ("is_running", models.BooleanField(default=True)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("changed_by", models.CharField(blank=True, max_length=120)),
                ("last_tick_at", models.DateTimeField(null=True)),
                ("last_worker", models.CharField(blank=True, max_length=80)),
                ("last_claimed", models.PositiveIntegerField(default=0)),
                ("last_done", models.PositiveIntegerField(default=0)),
            ],
            options={"abstract": False},
        ),
        migrations.AddField(
            model_name="campaign",
            name="reply_stops",
            field=models.CharField(
                choices=[
                    ("campaign", "This campaign"),
                    ("lead", "All campaigns of the client that write to the lead"),
                    ("company", "All campaigns of the client that write to the lead's company"),
                ],
                default="lead",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="campaign", name="exclusive", field=models.BooleanField(default=False)
        ),
        migrations.AddField(
            model_name="campaign", name="reentry_days", field=models.PositiveSmallIntegerField(default=0)
        ),
        migrations.RemoveField(model_name="scheduledaction", name="claimed_until"),
        migrations.RemoveIndex(model_name="scheduledaction", name="action_due"),
        migrations.AddIndex(
            model_name="scheduledaction",
            index=models.Index(
                condition=models.Q(("state", "due")),
                fields=["organization", "sender", "due_at", "id"],
                name="action_by_lane",
            ),
        ),
    ]
