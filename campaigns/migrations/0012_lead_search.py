"""Indexes of the table of leads, and the function that finds leads by words.

PostgreSQL cannot use an index on a text function below row-level security (docs/decisions/0016-search.md), so a function
of the owner looks into them: it reads the organization from the scope itself and finds nothing without one.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

LEAD = """(to_tsvector('simple'::regconfig, {0}first_name || ' ' || {0}last_name || ' ' || {0}title)
  || array_to_tsvector(ARRAY[{0}organization_id::text]))"""
COMPANY = """(to_tsvector('simple'::regconfig, {0}name || ' ' || {0}domain)
  || array_to_tsvector(ARRAY[{0}organization_id::text]))"""

#: The search of the inbox looks into the same ones; whichever migration comes first makes them.
INDEXES = {
    "campaigns_lead_text": ("campaigns_lead", LEAD.format("")),
    "campaigns_company_text": ("campaigns_company", COMPANY.format("")),
}

FIND = f"""
CREATE OR REPLACE FUNCTION campaigns_find_leads(
    words text[], title text, company text, clients uuid[], most integer
) RETURNS TABLE (lead_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 200
SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    scope text := coalesce(current_setting('app.scope', true), '');
    own tsquery;
    word text;
    wanted tsquery;
    within uuid[];
    found uuid[];
BEGIN
    IF scope IN ('', 'platform') THEN
        RETURN;
    END IF;
    own := quote_literal(scope)::tsquery;
    within := ARRAY(
        SELECT c.id FROM tenancy_client c
        WHERE c.organization_id = scope::uuid AND (clients IS NULL OR c.id = ANY (clients))
    );
    IF title <> '' THEN
        wanted := title::tsquery;
        found := ARRAY(
            SELECT l.id FROM campaigns_lead l
            WHERE {LEAD.format("l.")} @@ (own && wanted) AND l.client_id = ANY (within)
              AND to_tsvector('simple'::regconfig, l.title) @@ wanted
            LIMIT most
        );
    END IF;
    IF company <> '' THEN
        wanted := company::tsquery;
        found := ARRAY(
            SELECT l.id FROM campaigns_lead l
            WHERE l.company_id = ANY (ARRAY(
                SELECT f.id FROM campaigns_company f
                WHERE {COMPANY.format("f.")} @@ (own && wanted) AND f.client_id = ANY (within)
                LIMIT most
              ))
              AND (found IS NULL OR l.id = ANY (found))
            LIMIT most
        );
    END IF;
    FOREACH word IN ARRAY words LOOP
        -- A word with marks in it (a host, a double name) is looked for as it is, and as its parts.
        wanted := (
            SELECT quote_literal(word) || ':*' || coalesce(
                ' | (' || string_agg(quote_literal(part) || ':*', ' & ') || ')', '')
            FROM regexp_split_to_table(word, '[^[:alnum:]]+') AS part WHERE part <> ''
        )::tsquery;
        found := ARRAY(
            SELECT hit.id FROM (
                (SELECT l.id FROM campaigns_lead l
                 WHERE {LEAD.format("l.")} @@ (own && wanted) AND l.client_id = ANY (within) LIMIT most)
                UNION
                (SELECT l.id FROM campaigns_lead l
                 WHERE l.company_id = ANY (ARRAY(
                    SELECT f.id FROM campaigns_company f
                    WHERE {COMPANY.format("f.")} @@ (own && wanted) AND f.client_id = ANY (within) LIMIT most
                 )) LIMIT most)
                UNION
                (SELECT a.lead_id FROM campaigns_leadchannel a
                 WHERE a.client_id = ANY (within) AND a.kind = ANY (ARRAY['email', 'linkedin', 'sms'])
                   AND a.normalized >= word AND a.normalized < word || chr(1114111)
                   AND starts_with(a.normalized, word) LIMIT most)
                UNION
                (SELECT a.lead_id FROM campaigns_leadchannel a
                 WHERE a.client_id = ANY (within) AND a.kind = 'email'
                   AND split_part(a.normalized, '@', 2) = word LIMIT most)
            ) AS hit
            WHERE found IS NULL OR hit.id = ANY (found)
            LIMIT most
        );
    END LOOP;
    RETURN QUERY SELECT unnest(found);
END $$
"""  # noqa: S608 (built from the constants above)


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("campaigns", "0011_lead_segments")]

    operations: ClassVar = [
        *(
            migrations.RunSQL(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} USING gin ({expression})",
                migrations.RunSQL.noop,
            )
            for name, (table, expression) in INDEXES.items()
        ),
        migrations.RunSQL(FIND, "DROP FUNCTION campaigns_find_leads(text[], text, text, uuid[], integer)"),
        AddIndexConcurrently(
            model_name="lead",
            index=models.Index(fields=["organization", "-created_at", "-id"], name="lead_newest"),
        ),
        AddIndexConcurrently(
            model_name="sendoutcome",
            index=models.Index(
                fields=["organization", "lead_id"],
                name="send_outcome_acted",
                condition=models.Q(
                    ("opened_at__isnull", False),
                    ("clicked_at__isnull", False),
                    ("bounced_at__isnull", False),
                    _connector="OR",
                ),
            ),
        ),
    ]
