import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids
import project.core.models
import reporting.models.mails


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
        (
            "organization",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
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
    ]


def options(*constraints, **more):
    return {
        "abstract": False,
        "base_manager_name": "objects",
        "constraints": list(constraints),
        **more,
    }


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0009_portal"),
        ("tenancy", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportMailPlan",
            fields=[
                *own(),
                ("is_on", models.BooleanField(default=False)),
                (
                    "weekday",
                    models.PositiveSmallIntegerField(
                        default=0, validators=[django.core.validators.MaxValueValidator(6)]
                    ),
                ),
                (
                    "hour",
                    models.PositiveSmallIntegerField(
                        default=8, validators=[django.core.validators.MaxValueValidator(23)]
                    ),
                ),
                ("needs_approval", models.BooleanField(default=True)),
            ],
            options=options(models.UniqueConstraint(fields=("client",), name="report_mail_plan_once")),
        ),
        migrations.CreateModel(
            name="ReportRecipient",
            fields=[
                *own(),
                ("address", models.EmailField(max_length=254)),
                (
                    "token",
                    models.CharField(default=reporting.models.mails._token, max_length=64, unique=True),
                ),
                ("left_at", models.DateTimeField(null=True)),
            ],
            options=options(
                models.UniqueConstraint(fields=("client", "address"), name="report_recipient_once"),
                ordering=["address", "id"],
            ),
        ),
        migrations.CreateModel(
            name="ReportMail",
            fields=[
                *own(),
                ("week", models.DateField()),
                ("subject", models.CharField(max_length=200)),
                ("text", models.TextField()),
                ("html", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waits for approval"),
                            ("sent", "Sent"),
                            ("dropped", "Not sent"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("sent_at", models.DateTimeField(null=True)),
                ("sent_to", models.PositiveIntegerField(default=0)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options=options(models.UniqueConstraint(fields=("client", "week"), name="report_mail_once")),
        ),
    ]
