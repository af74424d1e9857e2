import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import project.core.ids
import reporting.models.facts

KINDS = [
    ("enrolled", "Enrolled"),
    ("invited", "Invited"),
    ("connected", "Connected"),
    ("messaged", "Messaged"),
    ("replied", "Replied"),
    ("emailed", "E-mailed"),
    ("texted", "Texted"),
    ("delivered", "Delivered"),
    ("opened", "Opened"),
    ("clicked", "Clicked"),
    ("machine_opened", "Opened by a machine"),
    ("machine_clicked", "Clicked by a machine"),
    ("bounced", "Bounced"),
    ("complained", "Marked as spam"),
    ("unsubscribed", "Unsubscribed"),
    ("positive", "Replied positively"),
    ("meeting", "Meeting agreed"),
    ("away", "Note of absence"),
    ("qualified", "Called qualified by the client"),
    ("disqualified", "Called not qualified by the client"),
    ("ended", "Ended"),
    ("answered", "Answered by an operator"),
    ("first_answered", "Answered for the first time"),
    ("promise_broken", "Answer late"),
    ("resolved", "Conversation closed"),
]
GRAINS = [
    ("organization", "Organization"),
    ("client", "Client"),
    ("campaign", "Campaign"),
    ("sender", "Sender"),
    ("campaign_sender", "Campaign, sender"),
    ("channel", "Campaign, channel"),
    ("step", "Campaign, step"),
    ("variant", "Campaign, step and variant"),
    ("domain", "Campaign, recipient domain"),
    ("sender_domain", "Sender, recipient domain"),
    ("list", "Campaign, list"),
    ("hour", "Campaign, hour"),
    ("sent_hour", "Campaign, hour of the answered message"),
    ("wait", "Campaign, time to reply"),
]
# A default that is computed for each row would have the whole ledger rewritten: it is for rows to come.
WRITTEN_IN = """
ALTER TABLE reporting_fact ADD COLUMN written_in bigint;
ALTER TABLE reporting_fact ALTER COLUMN written_in SET DEFAULT pg_current_xact_id()::text::bigint;
"""


def organization(**options):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization", **options
    )


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0005_drills_and_snapshots"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="FactRetraction",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("fact_id", models.UUIDField()),
                ("occurred_at", models.DateTimeField()),
                ("kind", models.CharField(choices=KINDS, max_length=24)),
                ("client_id", models.UUIDField()),
                ("campaign_id", models.UUIDField(null=True)),
                ("enrollment_id", models.UUIDField(null=True)),
                ("lead_id", models.UUIDField(null=True)),
                ("sender_id", models.UUIDField(null=True)),
                ("in_time", models.BooleanField(null=True)),
                ("node_id", models.CharField(blank=True, max_length=80)),
                ("variant_id", models.CharField(blank=True, max_length=80)),
                ("channel", models.CharField(blank=True, max_length=16)),
                ("domain", models.CharField(blank=True, max_length=255)),
                ("list_id", models.UUIDField(null=True)),
                ("value", models.BigIntegerField(null=True)),
                ("fact_written_in", models.BigIntegerField(null=True)),
                (
                    "written_in",
                    models.BigIntegerField(
                        db_default=reporting.models.facts.CurrentTransaction(), editable=False, null=True
                    ),
                ),
                ("organization", organization()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["organization", "written_in"], name="retraction_by_transaction")
                ],
            },
        ),
        migrations.CreateModel(
            name="FirstFact",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "contact_id",
                        "kind",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("contact_id", models.UUIDField()),
                ("kind", models.CharField(max_length=24)),
                ("client_id", models.UUIDField()),
                ("first_at", models.DateTimeField()),
                ("fact_id", models.UUIDField()),
                ("organization", organization(db_constraint=False, db_index=False)),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.CreateModel(
            name="Rollup",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "grain",
                        "subject_id",
                        "day",
                        "part",
                        "kind",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("grain", models.CharField(choices=GRAINS, max_length=16)),
                ("subject_id", models.UUIDField()),
                ("day", models.DateField()),
                ("part", models.CharField(blank=True, max_length=255)),
                ("kind", models.CharField(max_length=24)),
                ("client_id", models.UUIDField(null=True)),
                ("n", models.BigIntegerField(default=0)),
                ("people", models.BigIntegerField(default=0)),
                ("timed", models.BigIntegerField(default=0)),
                ("seconds", models.BigIntegerField(default=0)),
                ("organization", organization(db_constraint=False, db_index=False)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization", "client_id", "grain", "day"], name="rollup_by_client"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RollupState",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("counted_below", models.BigIntegerField()),
                ("counted_at", models.DateTimeField()),
                ("zones", models.JSONField(default=dict)),
                ("rebuilt_at", models.DateTimeField(null=True)),
                ("organization", organization()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("organization",), name="rollup_state_once")],
            },
        ),
        migrations.AddField(
            model_name="fact",
            name="channel",
            field=models.CharField(blank=True, default="", max_length=16),
        ),
        migrations.AddField(
            model_name="fact",
            name="domain",
            field=models.CharField(blank=True, default="", max_length=255),
        ),
        migrations.AddField(model_name="fact", name="list_id", field=models.UUIDField(null=True)),
        migrations.AddField(
            model_name="fact",
            name="variant_id",
            field=models.CharField(blank=True, default="", max_length=80),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(WRITTEN_IN, "ALTER TABLE reporting_fact DROP COLUMN written_in")
            ],
            state_operations=[
                migrations.AddField(
                    model_name="fact",
                    name="written_in",
                    field=models.BigIntegerField(
                        db_default=reporting.models.facts.CurrentTransaction(), editable=False, null=True
                    ),
                )
            ],
        ),
        migrations.AlterField(
            model_name="fact", name="kind", field=models.CharField(choices=KINDS, max_length=24)
        ),
    ]
