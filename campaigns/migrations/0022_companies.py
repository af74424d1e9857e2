"""Indexes of the table of companies, and the function that finds companies by words (see 0012)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

FIND = """
CREATE OR REPLACE FUNCTION campaigns_find_companies(words text, clients uuid[]) RETURNS TABLE (company_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 200
SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    scope text := coalesce(current_setting('app.scope', true), '');
    wanted tsquery;
BEGIN
    IF scope IN ('', 'platform') THEN
        RETURN;
    END IF;
    wanted := (
        SELECT string_agg(quote_literal(part) || ':*', ' & ')
        FROM regexp_split_to_table(words, '[^[:alnum:]]+') AS part WHERE part <> ''
    )::tsquery;
    RETURN QUERY
        SELECT f.id FROM campaigns_company f
        WHERE (to_tsvector('simple'::regconfig, f.name || ' ' || f.domain)
               || array_to_tsvector(ARRAY[f.organization_id::text])) @@ (quote_literal(scope)::tsquery && wanted)
          AND to_tsvector('simple'::regconfig, f.name || ' ' || f.domain) @@ wanted
          AND f.organization_id = scope::uuid
          AND (clients IS NULL OR f.client_id = ANY (clients))
        LIMIT 10000;
END $$
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("campaigns", "0021_import_undo")]

    operations: ClassVar = [
        migrations.RunSQL(FIND, "DROP FUNCTION campaigns_find_companies(text, uuid[])"),
        AddIndexConcurrently(
            model_name="company",
            index=models.Index(fields=["organization", "name", "id"], name="company_by_name"),
        ),
        AddIndexConcurrently(
            model_name="company",
            index=models.Index(fields=["client", "name", "id"], name="company_of_client_by_name"),
        ),
    ]
