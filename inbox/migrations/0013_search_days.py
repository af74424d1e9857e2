"""The day of a message is a word of its document, so that search finds the newest messages in the index alone.

Before, an organization's newest 5,000 messages were read and their words worked out anew for a frequent word, and a search
among the messages of some people looked at every message with the word.
"""

from __future__ import annotations

import importlib
from typing import ClassVar

from django.db import migrations

_search = importlib.import_module("inbox.migrations.0008_search")
_newest_first = importlib.import_module("inbox.migrations.0010_newest_first")

_SECONDS = "extract(epoch FROM ({} AT TIME ZONE 'UTC'))::bigint"
_MESSAGE_SECONDS = _SECONDS.format("occurred_at")
MESSAGE = f"""(to_tsvector('simple'::regconfig, sender_name || ' ' || subject || ' ' || left(body, 50000))
  || array_to_tsvector(ARRAY[organization_id::text, organization_id::text || ':' || ({_MESSAGE_SECONDS} / 2592000)::text,
     organization_id::text || ':d' || ({_MESSAGE_SECONDS} / 86400)::text]))"""
_WORDS = _search._qualified(MESSAGE, "m")
_LIMITS = """m.deleted_at IS NULL
              AND (clients IS NULL OR EXISTS (
                SELECT 1 FROM inbox_conversation c WHERE c.id = m.conversation_id AND c.client_id = ANY (clients)
              ))
              AND (since IS NULL OR m.occurred_at >= since) AND (until IS NULL OR m.occurred_at < until)
            ORDER BY m.occurred_at DESC, m.id DESC
            LIMIT most"""


def _tokens(mark: str, seconds: int) -> str:
    """The words of the days, or of the thirty days, between two moments. Some may be dated ahead of the clock."""
    first, last = _SECONDS.format("lower_end"), _SECONDS.format("(moment + interval '31 days')")
    return f"""SELECT string_agg(quote_literal(scope || ':{mark}' || number), ' | ') INTO tokens
            FROM generate_series({first} / {seconds}, {last} / {seconds}) AS number"""  # noqa: S608 (built from constants)


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
    tokens text;
    edge timestamptz;
    lower_end timestamptz;
    upper_end timestamptz := 'infinity';
    span interval;
    found integer := 0;
    total integer := 0;
BEGIN
    IF scope IN ('', 'platform') THEN
        RETURN;
    END IF;
    -- Of some conversations: their messages are few, whatever words are in them.
    IF conversations IS NOT NULL THEN
        RETURN QUERY
            SELECT m.id, m.conversation_id, m.occurred_at
            FROM unnest(conversations) AS given
            CROSS JOIN LATERAL (
                SELECT * FROM inbox_message t
                WHERE t.conversation_id = given AND t.organization_id = scope::uuid OFFSET 0
            ) AS m
            WHERE {_WORDS} @@ wanted AND {_LIMITS};
        RETURN;
    END IF;
    moment := least(moment, until);
    SELECT m.occurred_at INTO edge FROM inbox_message m
    WHERE m.organization_id = scope::uuid AND (until IS NULL OR m.occurred_at < until)
    ORDER BY m.occurred_at DESC OFFSET 4999 LIMIT 1;
    lower_end := coalesce(edge, '-infinity');
    -- The newest 5,000 messages first: a word that stands in every one costs these, and no more. Then as far back as
    -- enough should be found, by how many there were (sixty days if there were none), and again. Then everything.
    FOR step IN 1..5 LOOP
        IF lower_end = '-infinity' THEN
            tokens := quote_literal(scope);
        ELSIF lower_end >= moment - interval '60 days' THEN
            {_tokens("d", 86_400)};
        ELSE
            {_tokens("", 2_592_000)};
        END IF;
        -- Organization and time are compared so that no index by them is used: it names every message of that time, the
        -- words of the tokens those that fit.
        RETURN QUERY
            SELECT m.id, m.conversation_id, m.occurred_at
            FROM inbox_message m
            WHERE {_WORDS} @@ (('(' || tokens || ')')::tsquery && wanted)
              AND m.organization_id::text = scope AND m.occurred_at + interval '0' >= lower_end
              AND m.occurred_at + interval '0' < upper_end
              AND {_LIMITS};
        GET DIAGNOSTICS found = ROW_COUNT;
        most := most - found;
        total := total + found;
        EXIT WHEN most <= 0 OR lower_end = '-infinity';
        upper_end := lower_end;
        span := greatest(moment - lower_end, interval '1 hour');
        IF total > 0 THEN
            span := span * greatest(1.5 * (most + total) / total, 2);
        ELSE
            span := CASE WHEN span < interval '60 days' THEN interval '60 days' ELSE interval '3 years' END;
        END IF;
        lower_end := CASE WHEN step = 4 OR span > interval '2 years' THEN '-infinity' ELSE moment - span END;
    END LOOP;
END $$
"""  # noqa: S608 (built from the constants above)


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("inbox", "0012_shown_indexes")]

    operations: ClassVar = [
        migrations.RunSQL(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS inbox_message_words ON inbox_message USING gin ({MESSAGE})",
            "DROP INDEX IF EXISTS inbox_message_words",
        ),
        migrations.RunSQL(MESSAGES, _newest_first.MESSAGES),
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS inbox_message_text",
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS inbox_message_text ON inbox_message USING gin ({_search.MESSAGE})",
        ),
    ]
