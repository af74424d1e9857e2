"""Full-text search: indexes on expressions (nothing is stored twice), and the functions that look into them.

The organization, and the organization with the thirty days in which a message was written, are words of each document.
So one index answers for one tenant, and the newest thirty days first.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

MESSAGE = """(to_tsvector('simple'::regconfig, sender_name || ' ' || subject || ' ' || left(body, 50000))
  || array_to_tsvector(ARRAY[organization_id::text, organization_id::text || ':' ||
     (extract(epoch FROM (occurred_at AT TIME ZONE 'UTC'))::bigint / 2592000)::text]))"""
LEAD = """(to_tsvector('simple'::regconfig, first_name || ' ' || last_name || ' ' || title)
  || array_to_tsvector(ARRAY[organization_id::text]))"""
COMPANY = """(to_tsvector('simple'::regconfig, name || ' ' || domain)
  || array_to_tsvector(ARRAY[organization_id::text]))"""
CONVERSATION = """(to_tsvector('simple'::regconfig, counterpart_name || ' ' || counterpart_id || ' ' || subject)
  || array_to_tsvector(ARRAY[organization_id::text]))"""

INDEXES = {
    "inbox_message_text": ("inbox_message", MESSAGE),
    "campaigns_lead_text": ("campaigns_lead", LEAD),
    "campaigns_company_text": ("campaigns_company", COMPANY),
    "inbox_conversation_text": ("inbox_conversation", CONVERSATION),
}


def _qualified(expression: str, alias: str) -> str:
    names = (
        "sender_name", "subject", "body", "organization_id", "occurred_at", "first_name", "last_name", "title",
        "domain", "counterpart_name", "counterpart_id",
    )  # fmt: skip
    for name in names:
        expression = expression.replace(name, f"{alias}.{name}")
    return expression.replace(", name ||", f", {alias}.name ||")


MESSAGES = f"""
CREATE OR REPLACE FUNCTION inbox_search_messages(
    wanted tsquery, clients uuid[], conversations uuid[], since timestamptz, until timestamptz, moment timestamptz,
    most integer
) RETURNS TABLE (message_id uuid, conversation_id uuid, occurred_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    scope text := coalesce(current_setting('app.scope', true), '');
    newest bigint := extract(epoch FROM (moment AT TIME ZONE 'UTC'))::bigint / 2592000;
    tokens text;
    found integer := 0;
BEGIN
    IF scope IN ('', 'platform') THEN
        RETURN;
    END IF;
    -- The newest thirty days, then the quarter before, then everything: common words are found before they cost.
    FOR step IN 1..3 LOOP
        SELECT CASE step
            WHEN 3 THEN quote_literal(scope)
            ELSE string_agg(quote_literal(scope || ':' || bucket), ' | ')
        END INTO tokens
        FROM generate_series(
            CASE step WHEN 1 THEN newest - 1 ELSE newest - 4 END, CASE step WHEN 1 THEN newest + 1 ELSE newest - 2 END
        ) AS bucket;
        RETURN QUERY
            SELECT m.id, m.conversation_id, m.occurred_at
            FROM inbox_message m
            JOIN inbox_conversation c ON c.id = m.conversation_id
            WHERE {_qualified(MESSAGE, "m")} @@ (('(' || tokens || ')')::tsquery && wanted)
              AND m.organization_id = scope::uuid AND m.deleted_at IS NULL
              AND (clients IS NULL OR c.client_id = ANY (clients))
              AND (conversations IS NULL OR m.conversation_id = ANY (conversations))
              AND (since IS NULL OR m.occurred_at >= since) AND (until IS NULL OR m.occurred_at < until)
              AND (step < 3 OR m.occurred_at < to_timestamp((newest - 4) * 2592000))
            ORDER BY m.occurred_at DESC, m.id DESC
            LIMIT most;
        GET DIAGNOSTICS found = ROW_COUNT;
        most := most - found;
        EXIT WHEN most <= 0;
    END LOOP;
END $$
"""  # noqa: S608 (built from the constants above)

PEOPLE = f"""
CREATE OR REPLACE FUNCTION inbox_search_people(wanted tsquery, clients uuid[], most integer)
RETURNS TABLE (conversation_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    scope text := coalesce(current_setting('app.scope', true), '');
    narrowed tsquery;
BEGIN
    IF scope IN ('', 'platform') THEN
        RETURN;
    END IF;
    narrowed := quote_literal(scope)::tsquery && wanted;
    RETURN QUERY
        SELECT c.id
        FROM inbox_conversation c
        WHERE c.organization_id = scope::uuid
          AND (clients IS NULL OR c.client_id = ANY (clients))
          AND c.id IN (
            SELECT o.id FROM inbox_conversation o
            WHERE o.lead_id = ANY (ARRAY(
                (SELECT l.id FROM campaigns_lead l WHERE {_qualified(LEAD, "l")} @@ narrowed LIMIT most)
                UNION
                (SELECT l.id FROM campaigns_lead l WHERE l.company_id = ANY (ARRAY(
                    SELECT f.id FROM campaigns_company f WHERE {_qualified(COMPANY, "f")} @@ narrowed LIMIT most
                 )) LIMIT most)
            ))
            AND o.organization_id = scope::uuid
            UNION
            (SELECT n.id FROM inbox_conversation n WHERE {_qualified(CONVERSATION, "n")} @@ narrowed LIMIT most)
          )
        ORDER BY c.last_message_at DESC
        LIMIT most;
END $$
"""  # noqa: S608 (built from the constants above)


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("campaigns", "0009_provider_run"), ("inbox", "0007_merged_index")]

    operations: ClassVar = [
        *(
            migrations.RunSQL(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} USING gin ({expression})",
                f"DROP INDEX IF EXISTS {name}",
            )
            for name, (table, expression) in INDEXES.items()
        ),
        migrations.RunSQL(
            MESSAGES,
            "DROP FUNCTION inbox_search_messages"
            "(tsquery, uuid[], uuid[], timestamptz, timestamptz, timestamptz, integer)",
        ),
        migrations.RunSQL(PEOPLE, "DROP FUNCTION inbox_search_people(tsquery, uuid[], integer)"),
    ]
