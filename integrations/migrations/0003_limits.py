"""Limits of any scope and window, their use under one key, warm-up plans, request slots; reservations of outbox
rows name the counters that they charged.
"""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import project.core.ids
import project.core.models

SCOPES = [
    ("sender", "Account"),
    ("client", "Client"),
    ("organization", "Organization"),
    ("domain", "Recipient domain"),
    ("connection", "Connection"),
]
WINDOWS = [
    ("second", "Second"),
    ("minute", "Minute"),
    ("hour", "Hour"),
    ("day", "Day"),
    ("week", "Week"),
    ("growth", "Growth from week to week"),
]

#: Daily use and limits of accounts get their new names; what outbox rows hold becomes a list of counters.
FORWARD = """
UPDATE integrations_ratelimit SET subject = sender_id::text;
UPDATE integrations_rateusage
    SET subject = sender_id::text, key = 'sender:' || sender_id || ':' || action || ':day:' || day;
"""
HELD = """
UPDATE integrations_outboundmessage
    SET reservation = jsonb_build_object('keys', jsonb_build_array(
        'sender:' || sender_id || ':' || action || ':day:' || reserved_day))
    WHERE reserved_day IS NOT NULL;
"""
HELD_BACK = """
UPDATE integrations_outboundmessage
    SET reserved_day = split_part(reservation->'keys'->>0, ':', 5)::date
    WHERE reservation IS NOT NULL;
"""


def row_fields():
    """The columns that every tenant table has."""
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


def link(to, related_name="+", **options):
    """A foreign key within the organization."""
    return project.core.models.OrganizationForeignKey(
        db_constraint=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name=related_name,
        to=to,
        **options,
    )


ORGANIZATION = models.ForeignKey(
    on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
)
TENANT = {"abstract": False, "base_manager_name": "objects"}


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0002_channels"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="ratelimit", name="rate_limit_once"),
        migrations.RemoveConstraint(model_name="rateusage", name="rate_usage_once"),
        migrations.RenameField(model_name="ratelimit", old_name="per_day", new_name="cap"),
        migrations.AddField(
            "ratelimit", "scope", models.CharField(choices=SCOPES, default="sender", max_length=16)
        ),
        migrations.AddField("ratelimit", "subject", models.CharField(blank=True, max_length=120)),
        migrations.AddField(
            "ratelimit", "window", models.CharField(choices=WINDOWS, default="day", max_length=8)
        ),
        migrations.AlterField("ratelimit", "action", models.CharField(blank=True, max_length=24)),
        migrations.AlterField(
            "ratelimit", "sender", link("integrations.senderaccount", "limits", blank=True, null=True)
        ),
        migrations.AddField(
            "rateusage", "key", models.CharField(default="", max_length=250), preserve_default=False
        ),
        migrations.AddField(
            "rateusage", "scope", models.CharField(choices=SCOPES, default="sender", max_length=16)
        ),
        migrations.AddField("rateusage", "subject", models.CharField(blank=True, max_length=120)),
        migrations.AddField(
            "rateusage", "window", models.CharField(choices=WINDOWS, default="day", max_length=8)
        ),
        migrations.AlterField("rateusage", "action", models.CharField(blank=True, max_length=24)),
        migrations.AlterField(
            "rateusage", "sender", link("integrations.senderaccount", "usage", blank=True, null=True)
        ),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "ratelimit",
            models.UniqueConstraint(
                fields=("organization", "subject", "scope", "action", "window"), name="rate_limit_once"
            ),
        ),
        migrations.AddConstraint(
            "rateusage",
            models.UniqueConstraint(fields=("organization", "key"), name="rate_usage_once"),
        ),
        migrations.AddIndex(
            "rateusage",
            models.Index(fields=["sender", "window", "day"], name="rate_usage_by_sender"),
        ),
        migrations.AddField("outboundmessage", "reservation", models.JSONField(null=True)),
        migrations.RunSQL(HELD, HELD_BACK),
        migrations.RemoveField("outboundmessage", "reserved_day"),
        migrations.CreateModel(
            name="RequestSlots",
            fields=[
                *row_fields(),
                ("next_slot_at", models.DateTimeField()),
                ("given", models.PositiveBigIntegerField(default=0)),
                ("connection", link("integrations.connection")),
                ("organization", ORGANIZATION),
            ],
            options=TENANT,
        ),
        migrations.CreateModel(
            name="WarmupPlan",
            fields=[
                *row_fields(),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("ip", "Dedicated IP, by the hour"),
                            ("domain_new", "New sending domain"),
                            ("domain_known", "Sending domain with a history"),
                            ("mailbox", "Mailbox"),
                            ("linkedin", "LinkedIn seat"),
                        ],
                        max_length=16,
                    ),
                ),
                ("started_on", models.DateField()),
                ("ceiling", models.PositiveIntegerField(blank=True, null=True)),
                ("held_days", models.PositiveIntegerField(default=0)),
                ("held_since", models.DateField(blank=True, null=True)),
                ("hold_reason", models.CharField(blank=True, max_length=200)),
                ("stopped_at", models.DateTimeField(blank=True, null=True)),
                ("organization", ORGANIZATION.clone()),
                ("sender", link("integrations.senderaccount", "warmups")),
            ],
            options=TENANT,
        ),
        migrations.AddConstraint(
            "requestslots",
            models.UniqueConstraint(fields=("connection",), name="request_slots_once"),
        ),
        migrations.AddConstraint(
            "warmupplan",
            models.UniqueConstraint(
                condition=models.Q(("stopped_at", None)), fields=("sender",), name="warmup_one_per_sender"
            ),
        ),
    ]
