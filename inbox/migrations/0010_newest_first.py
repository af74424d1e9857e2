"""Search looks through an organization's newest messages first, of which there is always the same number.

Before, a word that stands in every message was looked up in the newest sixty days, which are tens of thousands of
messages of a busy organization, each with its conversation.
"""

from __future__ import annotations

import importlib
from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

_search = importlib.import_module("inbox.migrations.0008_search")

#: What both looks have in common; ``clients`` is asked for each message only where somebody does not see all.
_FOUND = f"""
            SELECT m.id, m.conversation_id, m.occurred_at
            FROM inbox_message m
            WHERE {_search._qualified(_search.MESSAGE, "m")} @@ (('(' || tokens || ')')::tsquery && wanted)
              AND m.deleted_at IS NULL
              AND (clients IS NULL OR EXISTS (
                SELECT 1 FROM inbox_conversation c WHERE c.id = m.conversation_id AND c.client_id = ANY (clients)
              ))
              AND (conversations IS NULL OR m.conversation_id = ANY (conversations))
              AND (since IS NULL OR m.occurred_at >= since) AND (until IS NULL OR m.occurred_at < until)
"""  # noqa: S608 (built from constants)

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
    edge timestamptz;
    found integer := 0;
BEGIN
    IF scope IN ('', 'platform') THEN
        RETURN;
    END IF;
    -- The newest 5,000 messages first: a word that stands in every one costs these, and no more.
    SELECT m.occurred_at INTO edge FROM inbox_message m
    WHERE m.organization_id = scope::uuid ORDER BY m.occurred_at DESC OFFSET 4999 LIMIT 1;
    tokens := quote_literal(scope);
    IF edge > moment - interval '150 days' THEN
        SELECT string_agg(quote_literal(scope || ':' || bucket), ' | ') INTO tokens
        FROM generate_series(
            extract(epoch FROM (edge AT TIME ZONE 'UTC'))::bigint / 2592000 - 1, newest + 1
        ) AS bucket;
    END IF;
    edge := coalesce(edge, '-infinity');
    RETURN QUERY {_FOUND}
          AND m.organization_id = scope::uuid AND m.occurred_at >= edge
        ORDER BY m.occurred_at DESC, m.id DESC
        LIMIT most;
    GET DIAGNOSTICS found = ROW_COUNT;
    most := most - found;
    -- Then the newest thirty days, the quarter before, and everything. The organization is compared as text: its index
    -- names every message of the organization, which the token does already.
    FOR step IN 1..3 LOOP
        EXIT WHEN most <= 0 OR edge = '-infinity';
        SELECT CASE step
            WHEN 3 THEN quote_literal(scope)
            ELSE string_agg(quote_literal(scope || ':' || bucket), ' | ')
        END INTO tokens
        FROM generate_series(
            CASE step WHEN 1 THEN newest - 1 ELSE newest - 4 END, CASE step WHEN 1 THEN newest + 1 ELSE newest - 2 END
        ) AS bucket;
        RETURN QUERY {_FOUND}
              AND m.organization_id::text = scope AND m.occurred_at < edge
              AND (step < 3 OR m.occurred_at < to_timestamp((newest - 4) * 2592000))
            ORDER BY m.occurred_at DESC, m.id DESC
            LIMIT most;
        GET DIAGNOSTICS found = ROW_COUNT;
        most := most - found;
    END LOOP;
END $$
"""  # noqa: S608 (built from the constants above)


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("inbox", "0009_promises_due")]

    operations: ClassVar = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(fields=["organization", "-occurred_at"], name="message_newest"),
        ),
        migrations.RunSQL(MESSAGES, _search.MESSAGES),
    ]
