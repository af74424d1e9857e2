"""Custom fields of leads with their kinds; their index, and the function that finds leads by a value (see 0012)."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import project.core.ids
import project.core.models

INDEX = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS campaigns_lead_fields ON campaigns_lead USING gin (fields jsonb_path_ops)
WHERE fields <> '{}'::jsonb
"""
FIND = """
CREATE OR REPLACE FUNCTION campaigns_find_leads_with(wanted jsonb, clients uuid[], most integer)
RETURNS TABLE (lead_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 200
SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    scope text := coalesce(current_setting('app.scope', true), '');
BEGIN
    IF scope IN ('', 'platform') THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT l.id FROM campaigns_lead l
        WHERE l.fields @> wanted AND l.fields <> '{}'::jsonb AND l.organization_id = scope::uuid
          AND l.removed_at IS NULL AND (clients IS NULL OR l.client_id = ANY (clients))
        LIMIT most;
END $$
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("campaigns", "0024_merged_index"), ("tenancy", "0002_user_time_zone")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="LeadField",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("name", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("number", "Number"),
                            ("date", "Day"),
                            ("yes_no", "Yes or no"),
                            ("choice", "One of a list"),
                            ("url", "Web address"),
                        ],
                        default="text",
                        max_length=8,
                    ),
                ),
                ("options", models.JSONField(default=list)),
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
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
            ],
            options={"ordering": ["name", "id"], "abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            model_name="leadfield",
            constraint=models.UniqueConstraint(fields=("client", "name"), name="lead_field_once"),
        ),
        migrations.RunSQL(INDEX, "DROP INDEX CONCURRENTLY IF EXISTS campaigns_lead_fields"),
        migrations.RunSQL(FIND, "DROP FUNCTION campaigns_find_leads_with(jsonb, uuid[], integer)"),
    ]
