"""A search names few days or months, or none: each one that is named costs as much as the word itself.

Measured with 500,000 messages of one organization: a word in every fiftieth message took 194 ms among 59 named days, 12 ms
among 3 named months, 256 ms among 13 of them, and 32 ms among all messages.
"""

from __future__ import annotations

import importlib
from typing import ClassVar

from django.db import migrations

_days = importlib.import_module("inbox.migrations.0013_search_days")


def _tokens(mark: str, seconds: int) -> str:
    """The words of the days, or of the thirty days, between two moments."""
    first, last = _days._SECONDS.format("lower_end"), _days._SECONDS.format("newest")
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
    newest timestamptz;
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
            WHERE {_days._WORDS} @@ wanted AND {_days._LIMITS};
        RETURN;
    END IF;
    moment := least(moment, until);
    SELECT m.occurred_at INTO edge FROM inbox_message m
    WHERE m.organization_id = scope::uuid AND (until IS NULL OR m.occurred_at < until)
    ORDER BY m.occurred_at DESC OFFSET 4999 LIMIT 1;
    lower_end := coalesce(edge, '-infinity');
    -- Some messages may be dated ahead of the clock: their days are named only where there are any.
    SELECT max(m.occurred_at) INTO newest FROM inbox_message m
    WHERE m.organization_id = scope::uuid AND (until IS NULL OR m.occurred_at < until);
    newest := least(greatest(newest, moment), moment + interval '31 days');
    -- The newest 5,000 messages first: a word that stands in every one costs these, and no more. Then as far back as
    -- enough should be found, by how many there were (three months if there were none), and again. Then everything.
    FOR step IN 1..5 LOOP
        IF lower_end < newest - interval '150 days' THEN
            lower_end := '-infinity';
            tokens := quote_literal(scope);
        ELSIF lower_end >= newest - interval '9 days' THEN
            {_tokens("d", 86_400)};
        ELSE
            {_tokens("", 2_592_000)};
        END IF;
        -- Organization and time are compared so that no index by them is used: it names every message of that time, the
        -- words of the tokens those that fit.
        RETURN QUERY
            SELECT m.id, m.conversation_id, m.occurred_at
            FROM inbox_message m
            WHERE {_days._WORDS} @@ (('(' || tokens || ')')::tsquery && wanted)
              AND m.organization_id::text = scope AND m.occurred_at + interval '0' >= lower_end
              AND m.occurred_at + interval '0' < upper_end
              AND {_days._LIMITS};
        GET DIAGNOSTICS found = ROW_COUNT;
        most := most - found;
        total := total + found;
        EXIT WHEN most <= 0 OR lower_end = '-infinity';
        upper_end := lower_end;
        span := greatest(moment - lower_end, interval '1 hour');
        IF total > 0 THEN
            span := span * least(greatest(1.5 * (most + total) / total, 2), 10000);
        ELSE
            span := CASE WHEN span < interval '90 days' THEN interval '90 days' ELSE interval '1 year' END;
        END IF;
        lower_end := CASE WHEN step = 4 OR span > interval '150 days' THEN '-infinity' ELSE moment - span END;
    END LOOP;
END $$
"""  # noqa: S608 (built from the constants above)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("inbox", "0014_macros_and_pins")]

    operations: ClassVar = [migrations.RunSQL(MESSAGES, _days.MESSAGES)]
