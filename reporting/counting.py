# ruff: noqa: S608 - statements are built from constants of this file; values travel as parameters
"""How facts become sums: which kinds count as what, and the statements that PostgreSQL runs.

One statement does it all, for an increment as for a rebuild: it takes signed facts (what was written, and what was
taken back), finds whom something happened to for the first time, and adds the differences to the sums. A person is
counted on the day of the first fact; when an earlier one arrives late, the person moves there.
"""

from __future__ import annotations

from typing import Final, LiteralString

#: Who counts, once per contact: a kind of fact and what it counts as.
PEOPLE: Final[tuple[tuple[str, str], ...]] = (
    ("enrolled", "enrolled"),
    ("invited", "invited"),
    ("invited", "contacted"),
    ("connected", "connected"),
    ("connected", "reached"),
    ("messaged", "messaged"),
    ("messaged", "contacted"),
    ("messaged", "reached"),
    ("emailed", "emailed"),
    ("emailed", "contacted"),
    ("texted", "texted"),
    ("texted", "contacted"),
    ("delivered", "delivered"),
    ("delivered", "reached"),
    ("opened", "opened"),
    ("clicked", "clicked"),
    ("machine_opened", "machine_opened"),
    ("machine_clicked", "machine_clicked"),
    ("bounced", "bounced"),
    ("complained", "complained"),
    ("unsubscribed", "unsubscribed"),
    ("replied", "replied"),
    ("replied", "reached"),
    ("positive", "positive"),
    ("meeting", "meeting"),
    ("away", "away"),
    ("qualified", "qualified"),
    ("disqualified", "disqualified"),
    ("ended", "ended"),
)
#: What counts by itself. ``promised`` and ``kept`` are answers to which a time was promised, and those within it.
EVENTS: Final[tuple[tuple[str, str], ...]] = (
    ("answered", "answered"),
    ("answered", "promised"),
    ("answered", "kept"),
    ("first_answered", "first_answered"),
    ("promise_broken", "promise_broken"),
    ("resolved", "resolved"),
)
#: Upper bounds of the times to reply, in seconds, with their names; the last has none.
WAITS: Final[tuple[tuple[int, str], ...]] = (
    (3_600, "within 1 h"),
    (4 * 3_600, "1 to 4 h"),
    (86_400, "4 to 24 h"),
    (2 * 86_400, "1 to 2 days"),
    (4 * 86_400, "2 to 4 days"),
    (7 * 86_400, "4 to 7 days"),
    (14 * 86_400, "1 to 2 weeks"),
)
LAST_WAIT: Final = "later"

_COLUMNS: Final = (
    "occurred_at, kind, client_id, campaign_id, coalesce(enrollment_id, lead_id) AS contact_id, lead_id, sender_id,"
    " in_time, node_id, variant_id, channel, domain, list_id, value"
)
_FACT: Final = f"id AS fact_id, {_COLUMNS}"
_RETRACTION: Final = f"fact_id, {_COLUMNS}"

#: What is new between two transactions: facts, those that were written in between and taken back after it, and what
#: was taken back in between of what had been counted before.
NEW: Final = f"""
    SELECT 1 AS sign, {_FACT} FROM reporting_fact
    WHERE organization_id = %(organization)s AND written_in >= %(low)s AND written_in < %(high)s
    UNION ALL
    SELECT 1, {_RETRACTION} FROM reporting_factretraction
    WHERE organization_id = %(organization)s AND written_in >= %(high)s
      AND fact_written_in >= %(low)s AND fact_written_in < %(high)s
    UNION ALL
    SELECT -1, {_RETRACTION} FROM reporting_factretraction
    WHERE organization_id = %(organization)s AND written_in >= %(low)s AND written_in < %(high)s
      AND coalesce(fact_written_in, 0) < %(low)s
"""
#: Everything below a transaction; of one client, or (``clients`` is null) of all.
ALL: Final = f"""
    SELECT 1 AS sign, {_FACT} FROM reporting_fact
    WHERE organization_id = %(organization)s AND coalesce(written_in, 0) < %(high)s
      AND (%(clients)s::uuid[] IS NULL OR client_id = ANY(%(clients)s))
    UNION ALL
    SELECT 1, {_RETRACTION} FROM reporting_factretraction
    WHERE organization_id = %(organization)s AND written_in >= %(high)s AND coalesce(fact_written_in, 0) < %(high)s
      AND (%(clients)s::uuid[] IS NULL OR client_id = ANY(%(clients)s))
"""
#: Firsts whose fact was taken back since the last count: they go, and whoever is left is looked for again.
FORGET: Final = """
DELETE FROM reporting_firstfact AS first USING reporting_factretraction AS gone
WHERE first.organization_id = %(organization)s AND gone.organization_id = %(organization)s
  AND first.contact_id = coalesce(gone.enrollment_id, gone.lead_id) AND first.fact_id = gone.fact_id
  AND gone.written_in >= %(low)s AND gone.written_in < %(high)s AND coalesce(gone.fact_written_in, 0) < %(low)s
RETURNING first.contact_id, first.kind, first.fact_id, gone.lead_id
"""


def _values(pairs: tuple[tuple[str, str], ...], counts_people: bool) -> str:
    return ", ".join(f"('{kind}', '{counted}', {str(counts_people).lower()})" for kind, counted in pairs)


def _wait() -> str:
    bounds = " ".join(f"WHEN value < {bound} THEN '{name}'" for bound, name in WAITS)
    return f"CASE {bounds} ELSE '{LAST_WAIT}' END"


#: Facts of the contacts that ``FORGET`` named, as far as they are counted: candidates for being the first now.
_LEFT: Final = f"""
    SELECT 0 AS sign, {_FACT} FROM reporting_fact
    WHERE organization_id = %(organization)s AND lead_id = ANY(%(gone_leads)s)
      AND coalesce(written_in, 0) < %(high)s
    UNION ALL
    SELECT 0, {_RETRACTION} FROM reporting_factretraction
    WHERE organization_id = %(organization)s AND lead_id = ANY(%(gone_leads)s)
      AND written_in >= %(high)s AND coalesce(fact_written_in, 0) < %(high)s
"""

_PLACE: Final = "client_id, campaign_id, sender_id, channel, node_id, variant_id, domain, list_id"
_CELL: Final = "client_id, campaign_id, sender_id, channel, node_id, variant_id, day, kind"
#: Whose subject it is. (There is no ``min`` of uuids before PostgreSQL 18.)
_OWNER: Final = "min(client_id::text)::uuid"
_SUMS: Final = "sum(n) AS n, sum(people) AS people, sum(timed) AS timed, sum(seconds) AS seconds"
#: Grain, the table of differences that it is added up from, subject, part, and what belongs to it.
_GRAINS: Final = (
    ("organization", "cell", "%(organization)s::uuid", "''", "true"),
    ("client", "cell", "client_id", "''", "true"),
    ("campaign", "cell", "campaign_id", "''", "campaign_id IS NOT NULL"),
    ("sender", "cell", "sender_id", "''", "sender_id IS NOT NULL"),
    ("campaign_sender", "cell", "campaign_id", "sender_id::text", "campaign_id IS NOT NULL AND sender_id IS NOT NULL"),
    ("channel", "cell", "campaign_id", "channel", "campaign_id IS NOT NULL AND channel <> ''"),
    ("step", "cell", "campaign_id", "node_id", "campaign_id IS NOT NULL AND node_id <> ''"),
    ("variant", "cell", "campaign_id", "node_id || '/' || variant_id", "campaign_id IS NOT NULL AND variant_id <> ''"),
    ("domain", "located", "campaign_id", "domain", "campaign_id IS NOT NULL AND domain <> ''"),
    ("sender_domain", "located", "sender_id", "domain", "sender_id IS NOT NULL AND domain <> ''"),
    ("list", "located", "campaign_id", "list_id::text", "campaign_id IS NOT NULL AND list_id IS NOT NULL"),
    ("hour", "located", "campaign_id", "to_char(hour, 'FM00')",
     "campaign_id IS NOT NULL AND kind IN ('contacted', 'replied', 'positive', 'opened')"),
    ("wait", "located", "campaign_id", _wait(),
     "campaign_id IS NOT NULL AND kind = 'replied' AND people <> 0 AND value IS NOT NULL"),
    ("sent_hour", "answered", "campaign_id", "to_char(hour, 'FM00')", "campaign_id IS NOT NULL"),
)  # fmt: skip


#: Other facts of the contacts that lost their first, and that first itself.
_SECOND: Final = f"""
        UNION ALL
        SELECT fact.*, counted, is_people FROM ({_LEFT}) AS fact JOIN meaning USING (kind)
        JOIN gone USING (contact_id, counted) WHERE is_people AND fact.fact_id <> gone.fact_id"""
_LOST: Final = f"""
    UNION ALL
    SELECT fact.*, gone.counted FROM gone
    JOIN (SELECT {_RETRACTION} FROM reporting_factretraction WHERE organization_id = %(organization)s) AS fact
      ON fact.fact_id = gone.fact_id"""


def statement(source: LiteralString | str, *, rollup: str, first: str, has_gone: bool) -> str:
    """The statement that counts ``source`` (``NEW``, ``ALL``) into two tables.

    Parameters: organization, low, high, clients, zones (a JSON object of time zones by client), and of ``FORGET``'s
    rows gone_contacts, gone_kinds, gone_facts (arrays side by side) and gone_leads. Mostly nothing was taken back
    (``has_gone``): then what deals with it is not planned either.
    """
    grains = "\n    UNION ALL\n".join(
        f"    SELECT '{grain}' AS grain, {subject} AS subject_id, day, left({part}, 255) AS part, kind,"
        f" {'NULL::uuid' if grain == 'organization' else _OWNER} AS client_id, {_SUMS}"
        f" FROM {table} WHERE {which} GROUP BY 2, 3, 4, 5"
        for grain, table, subject, part, which in _GRAINS
    )
    return f"""
WITH given AS MATERIALIZED ({source}),
meaning (kind, counted, is_people) AS (VALUES {_values(PEOPLE, True)}, {_values(EVENTS, False)}),
gone AS (
    SELECT * FROM unnest(%(gone_contacts)s::uuid[], %(gone_kinds)s::text[], %(gone_facts)s::uuid[])
      AS g (contact_id, counted, fact_id)
),
told AS MATERIALIZED (
    SELECT given.*, counted, is_people FROM given JOIN meaning USING (kind)
    WHERE (counted <> 'promised' OR in_time IS NOT NULL) AND (counted <> 'kept' OR in_time)
),
candidate AS (
    SELECT DISTINCT ON (contact_id, counted) * FROM (
        SELECT * FROM told WHERE sign = 1 AND is_people AND contact_id IS NOT NULL
        {_SECOND if has_gone else ""}
    ) AS all_of_them ORDER BY contact_id, counted, occurred_at, fact_id
),
better AS MATERIALIZED (
    SELECT candidate.*, known.first_at AS old_at, known.fact_id AS old_id FROM candidate
    LEFT JOIN {first} AS known ON known.organization_id = %(organization)s
      AND known.contact_id = candidate.contact_id AND known.kind = candidate.counted
    WHERE known.contact_id IS NULL OR (candidate.occurred_at, candidate.fact_id) < (known.first_at, known.fact_id)
),
remembered AS (
    INSERT INTO {first} AS known (organization_id, contact_id, kind, client_id, first_at, fact_id)
    SELECT %(organization)s, contact_id, counted, client_id, occurred_at, fact_id FROM better
    ON CONFLICT (organization_id, contact_id, kind)
      DO UPDATE SET first_at = excluded.first_at, fact_id = excluded.fact_id
),
moved AS (
    SELECT fact.*, better.counted FROM better
    JOIN (SELECT {_FACT} FROM reporting_fact) AS fact
      ON fact.occurred_at = better.old_at AND fact.fact_id = better.old_id
    UNION ALL
    SELECT fact.*, better.counted FROM better
    JOIN (SELECT {_RETRACTION} FROM reporting_factretraction WHERE organization_id = %(organization)s) AS fact
      ON fact.fact_id = better.old_id
    {_LOST if has_gone else ""}
),
difference AS (
    SELECT {_PLACE}, occurred_at, counted, value,
      sign AS n, 0 AS people, CASE WHEN NOT is_people AND value IS NOT NULL THEN sign ELSE 0 END AS timed,
      CASE WHEN is_people THEN 0 ELSE sign * coalesce(value, 0) END AS seconds FROM told
    UNION ALL
    SELECT {_PLACE}, occurred_at, counted, value,
      0, 1, (value IS NOT NULL)::int, coalesce(value, 0) FROM better
    UNION ALL
    SELECT {_PLACE}, occurred_at, counted, value,
      0, -1, -(value IS NOT NULL)::int, -coalesce(value, 0) FROM moved
),
zone AS (SELECT key::uuid AS client_id, value AS zone FROM jsonb_each_text(%(zones)s::jsonb)),
placed AS (
    SELECT difference.*, occurred_at AT TIME ZONE coalesce(zone, 'UTC') AS here, coalesce(zone, 'UTC') AS zone
    FROM difference LEFT JOIN zone USING (client_id)
),
located AS MATERIALIZED (
    SELECT {_PLACE}, counted AS kind,
      here::date AS day, extract(hour FROM here) AS hour, value, n, people, timed, seconds FROM placed
),
answered AS (
    SELECT client_id, campaign_id, counted AS kind, n, people, timed, seconds,
      left_here::date AS day, extract(hour FROM left_here) AS hour FROM (
        SELECT *, (occurred_at - make_interval(secs => value)) AT TIME ZONE zone AS left_here FROM placed
        WHERE counted IN ('replied', 'positive') AND value IS NOT NULL
    ) AS of_replies
),
cell AS MATERIALIZED (SELECT {_CELL}, {_SUMS} FROM located GROUP BY {_CELL})
INSERT INTO {rollup} AS known
    (organization_id, grain, subject_id, day, part, kind, client_id, n, people, timed, seconds)
SELECT %(organization)s, grain, subject_id, day, part, kind, client_id, n, people, timed, seconds FROM (
{grains}
) AS grained WHERE n <> 0 OR people <> 0 OR timed <> 0 OR seconds <> 0
ON CONFLICT (organization_id, grain, subject_id, day, part, kind) DO UPDATE SET
    n = known.n + excluded.n, people = known.people + excluded.people, timed = known.timed + excluded.timed,
    seconds = known.seconds + excluded.seconds
"""


#: What a fresh count says differently from what is stored. Parameters: organization.
DIFFERENCES: Final = """
SELECT grain, subject_id, day, part, kind, coalesce(stored.n, 0), coalesce(counted.n, 0),
  coalesce(stored.people, 0), coalesce(counted.people, 0)
FROM (SELECT * FROM reporting_rollup WHERE organization_id = %(organization)s) AS stored
FULL JOIN counted_rollup AS counted USING (grain, subject_id, day, part, kind)
WHERE coalesce(stored.n, 0) <> coalesce(counted.n, 0) OR coalesce(stored.people, 0) <> coalesce(counted.people, 0)
  OR coalesce(stored.timed, 0) <> coalesce(counted.timed, 0)
  OR coalesce(stored.seconds, 0) <> coalesce(counted.seconds, 0)
ORDER BY grain, day, kind LIMIT 100
"""
#: The organization's days again, from its clients'.
ORGANIZATION: Final = """
INSERT INTO reporting_rollup (organization_id, grain, subject_id, day, part, kind, n, people, timed, seconds)
SELECT organization_id, 'organization', organization_id, day, '', kind, sum(n), sum(people), sum(timed), sum(seconds)
FROM reporting_rollup WHERE organization_id = %(organization)s AND grain = 'client' GROUP BY organization_id, day, kind
"""
