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
        (
            "organization",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
            ),
        ),
    ]


def link(to):
    return project.core.models.OrganizationForeignKey(
        db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=to
    )


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0008_sharing"),
        ("inbox", "0001_initial"),
        ("tenancy", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PortalPolicy",
            fields=[
                *own(),
                ("shows_replies", models.BooleanField(default=True)),
                ("hides_addresses", models.BooleanField(default=False)),
                ("client", link("tenancy.client")),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("client",), name="portal_policy_once")],
            },
        ),
        migrations.CreateModel(
            name="ReplyVerdict",
            fields=[
                *own(),
                (
                    "verdict",
                    models.CharField(
                        choices=[("qualified", "Qualified"), ("disqualified", "Not qualified")], max_length=16
                    ),
                ),
                ("decided_at", models.DateTimeField()),
                ("client", link("tenancy.client")),
                ("conversation", link("inbox.conversation")),
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
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("conversation",), name="reply_verdict_once")],
            },
        ),
    ]
