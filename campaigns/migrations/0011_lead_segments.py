import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import project.core.ids


def _columns() -> list:
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


def _links() -> list:
    return [
        (
            "organization",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.organization"
            ),
        ),
        (
            "owner",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0010_provider_run_job"),
        ("tenancy", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LeadSegment",
            fields=[
                *_columns(),
                ("name", models.CharField(max_length=60)),
                ("is_shared", models.BooleanField(default=False)),
                ("query", models.CharField(max_length=1000)),
                *_links(),
            ],
            options={"ordering": ["name", "id"], "abstract": False, "base_manager_name": "objects"},
        ),
        migrations.CreateModel(
            name="LeadColumns",
            fields=[
                *_columns(),
                ("columns", models.JSONField(default=list)),
                *_links(),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            model_name="leadsegment",
            constraint=models.UniqueConstraint(
                fields=("organization", "owner", "name"), name="lead_segment_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="leadcolumns",
            constraint=models.UniqueConstraint(fields=("organization", "owner"), name="lead_columns_once"),
        ),
    ]
