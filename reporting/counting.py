# ruff: noqa: S608 - statements are built from constants of this file; values travel as parameters
"""How facts become sums: which kinds count as what, and the statements that PostgreSQL runs.

One statement does it all, for an increment as for a rebuild: it takes signed facts (what was written, and what was
taken back), finds whom something happened to for the first time, and adds the differences to the sums. A person is
counted on the day of the first fact; when an earlier one arrives late, the person moves there.
"""

from __future__ import annotations

from dataclasses import dataclass
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
#: What is counted by recipient domain, of which there are nearly as many as people; the rest is in no report.
DOMAIN_KINDS: Final = (
    "emailed", "delivered", "opened", "bounced", "complained", "unsubscribed", "replied", "positive", "meeting",
)  # fmt: skip

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
#: Whose facts are new between two transactions, and whether some of theirs were taken back.
CLIENTS: Final = """
SELECT client_id, bool_or(is_gone) FROM (
    SELECT client_id, false AS is_gone FROM reporting_fact
    WHERE organization_id = %(organization)s AND written_in >= %(low)s AND written_in < %(high)s
    UNION ALL
    SELECT client_id, true FROM reporting_factretraction
    WHERE organization_id = %(organization)s AND written_in >= %(low)s
) AS told GROUP BY client_id
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

#: Kinds of facts, what they count as, and whether that counts people; SQL values.
MEANINGS: Final = f"{_values(PEOPLE, True)}, {_values(EVENTS, False)}"
#: SQL: what a time to reply (``value``, seconds) is called.
WAIT: Final = _wait()
_PLACE: Final = "client_id, campaign_id, sender_id, channel, node_id, variant_id, domain, list_id"
_CELL: Final = "client, campaign_id, sender_id, channel, node_id, variant_id, day, kind"


def _sums(n: str = "n") -> str:
    return f"sum({n}) AS n, sum(people) AS people, sum(timed) AS timed, sum(seconds) AS seconds"


@dataclass(frozen=True, slots=True)
class _Grain:
    """A grain: the table of differences that it is added up from, its subject, and its part."""

    name: str
    source: str
    subject: str
    #: Columns (or an expression) that tell parts apart, and how they are written; nothing: it has one part.
    by: str = ""
    part: str = "''"
    where: str = "true"
    #: What of the source is its ``n``.
    n: str = "n"

    @property
    def sql(self) -> str:
        """Its sums. What a part is called is written once for each sum, not for each row; so is whose it is."""
        columns = ", ".join(filter(None, (self.subject, "day", "kind", self.by)))
        whose = "NULL::int" if self.name == "organization" else "min(client)"
        subject = self.subject or "%(organization)s::uuid"
        return (
            f"    SELECT '{self.name}' AS grain, {subject} AS subject_id, day, {self.part} AS part, kind,"
            f" {whose} AS client, {_sums(self.n)} FROM {self.source} WHERE {self.where} GROUP BY {columns}"
        )


def _of(*names: str) -> str:
    """A condition: these are known."""
    ids = {"campaign_id", "sender_id", "list_id"}
    return " AND ".join(f"{name} IS NOT NULL" if name in ids else f"{name} <> ''" for name in names)


_HOUR: Final = "to_char(hour, 'FM00')"
_GRAINS: Final = (
    _Grain("organization", "cell", ""),
    _Grain("client", "cell", "client_id"),
    _Grain("campaign", "cell", "campaign_id", where=_of("campaign_id")),
    _Grain("sender", "cell", "sender_id", where=_of("sender_id")),
    _Grain("campaign_sender", "cell", "campaign_id", "sender_id", "sender_id::text", _of("campaign_id", "sender_id")),
    _Grain("channel", "cell", "campaign_id", "channel", "channel", _of("campaign_id", "channel")),
    _Grain("step", "cell", "campaign_id", "node_id", "node_id", _of("campaign_id", "node_id")),
    _Grain("variant", "cell", "campaign_id", "node_id, variant_id", "node_id || '/' || variant_id",
           _of("campaign_id", "variant_id")),
    _Grain("domain", "located", "campaign_id", "domain", "domain",
           f"{_of('campaign_id', 'domain')} AND kind IN {DOMAIN_KINDS}"),
    _Grain("list", "located", "campaign_id", "list_id", "list_id::text", _of("campaign_id", "list_id")),
    _Grain("hour", "located", "campaign_id", "hour", _HOUR,
           f"{_of('campaign_id')} AND kind IN ('contacted', 'replied')"),
    # First replies only, and so counted by people: a first that an earlier one displaced is a fact that stays.
    _Grain("wait", "located", "campaign_id", WAIT, WAIT,
           f"{_of('campaign_id')} AND kind = 'replied' AND people <> 0 AND value IS NOT NULL", n="people"),
    _Grain("sent_hour", "answered", "campaign_id", "hour", _HOUR, _of("campaign_id")),
)  # fmt: skip


#: Other facts of the contacts that lost their first.
_SECOND: Final = f"""
        UNION ALL
        SELECT fact.*, counted, is_people FROM ({_LEFT}) AS fact JOIN meaning USING (kind)
        JOIN gone USING (contact_id, counted) WHERE is_people AND fact.fact_id <> gone.fact_id"""
#: Those of them that are first now, and are not among what is new.
_NEXT: Final = f"""
    UNION ALL
    SELECT {_PLACE}, occurred_at, counted, value, 0, 1, (value IS NOT NULL)::int, coalesce(value, 0)
    FROM candidate JOIN first USING (fact_id, counted) WHERE sign = 0"""
#: What was first until it was taken back.
_LOST: Final = f"""
    UNION ALL
    SELECT fact.*, gone.counted FROM gone
    JOIN (SELECT {_RETRACTION} FROM reporting_factretraction WHERE organization_id = %(organization)s) AS fact
      ON fact.fact_id = gone.fact_id"""


def statement(source: LiteralString | str, *, rollup: str, first: str, has_gone: bool) -> str:
    """The statement that counts ``source`` (``NEW``, ``ALL``) into two tables.

    Parameters: organization, low, high, clients, zones (a JSON object of time zones by client), of ``FORGET``'s rows
    gone_contacts, gone_kinds, gone_facts (arrays side by side) and gone_leads, and of what is not kept any more
    forgotten (the instant before which facts are gone; whoever was first before it stays so) and since (the day from
    which sums are written). Mostly nothing was taken back: without ``has_gone`` what deals with it is not planned.
    """
    grains = "\n    UNION ALL\n".join(grain.sql for grain in _GRAINS)
    return f"""
WITH given AS MATERIALIZED ({source}),
meaning (kind, counted, is_people) AS (VALUES {MEANINGS}),
zone AS MATERIALIZED (
    SELECT key::uuid AS client_id, value AS zone, (row_number() OVER ())::int AS client
    FROM jsonb_each_text(%(zones)s::jsonb)
),
gone AS (
    SELECT * FROM unnest(%(gone_contacts)s::uuid[], %(gone_kinds)s::text[], %(gone_facts)s::uuid[])
      AS g (contact_id, counted, fact_id)
),
told AS MATERIALIZED (
    SELECT given.*, counted, is_people FROM given JOIN meaning USING (kind)
    WHERE (counted <> 'promised' OR in_time IS NOT NULL) AND (counted <> 'kept' OR in_time)
),
candidate AS MATERIALIZED (
    SELECT DISTINCT ON (contact_id, counted) * FROM (
        SELECT * FROM told WHERE sign = 1 AND is_people AND contact_id IS NOT NULL
        {_SECOND if has_gone else ""}
    ) AS all_of_them ORDER BY contact_id, counted, occurred_at, fact_id, sign DESC
),
fresh AS (
    INSERT INTO {first} AS known (organization_id, contact_id, kind, client_id, first_at, fact_id)
    SELECT %(organization)s, contact_id, counted, client_id, occurred_at, fact_id FROM candidate
    ON CONFLICT (organization_id, contact_id, kind) DO NOTHING
    RETURNING known.fact_id, known.kind AS counted
),
earlier AS MATERIALIZED (
    SELECT candidate.*, known.first_at AS old_at, known.fact_id AS old_id FROM candidate
    LEFT JOIN fresh USING (fact_id, counted)
    CROSS JOIN LATERAL (
        SELECT first_at, fact_id FROM {first} AS held WHERE held.organization_id = %(organization)s
          AND held.contact_id = candidate.contact_id AND held.kind = candidate.counted LIMIT 1
    ) AS known
    WHERE fresh.fact_id IS NULL AND known.first_at >= %(forgotten)s
      AND (candidate.occurred_at, candidate.fact_id) < (known.first_at, known.fact_id)
),
corrected AS (
    UPDATE {first} AS known SET first_at = earlier.occurred_at, fact_id = earlier.fact_id FROM earlier
    WHERE known.organization_id = %(organization)s AND known.contact_id = earlier.contact_id
      AND known.kind = earlier.counted
),
first AS MATERIALIZED (
    SELECT fact_id, counted FROM fresh UNION ALL SELECT fact_id, counted FROM earlier
),
moved AS (
    SELECT fact.*, earlier.counted FROM earlier
    CROSS JOIN LATERAL (
        SELECT {_FACT} FROM reporting_fact WHERE occurred_at = earlier.old_at AND id = earlier.old_id LIMIT 1
    ) AS fact
    UNION ALL
    SELECT fact.*, earlier.counted FROM earlier
    JOIN (SELECT {_RETRACTION} FROM reporting_factretraction WHERE organization_id = %(organization)s) AS fact
      ON fact.fact_id = earlier.old_id
    {_LOST if has_gone else ""}
),
difference AS (
    SELECT {_PLACE}, occurred_at, counted, value, sign AS n, (is_first IS NOT NULL)::int AS people,
      CASE WHEN value IS NULL THEN 0 WHEN is_people THEN (is_first IS NOT NULL)::int ELSE sign END AS timed,
      CASE WHEN value IS NULL THEN 0 WHEN is_people AND is_first IS NULL THEN 0 WHEN is_people THEN value
        ELSE sign * value END AS seconds
    FROM told LEFT JOIN (SELECT fact_id, counted, true AS is_first FROM first) AS firsts USING (fact_id, counted)
    UNION ALL
    SELECT {_PLACE}, occurred_at, counted, value,
      0, -1, -(value IS NOT NULL)::int, -coalesce(value, 0) FROM moved
    {_NEXT if has_gone else ""}
),
placed AS (
    SELECT difference.*, client, occurred_at AT TIME ZONE coalesce(zone, 'UTC') AS here, coalesce(zone, 'UTC') AS zone
    FROM difference LEFT JOIN zone USING (client_id)
),
located AS MATERIALIZED (
    SELECT {_PLACE}, client, counted AS kind,
      here::date AS day, extract(hour FROM here) AS hour, value, n, people, timed, seconds FROM placed
),
answered AS (
    SELECT client, campaign_id, counted AS kind, n, people, timed, seconds,
      left_here::date AS day, extract(hour FROM left_here) AS hour FROM (
        SELECT *, (occurred_at - make_interval(secs => value)) AT TIME ZONE zone AS left_here FROM placed
        WHERE counted = 'replied' AND value IS NOT NULL
    ) AS of_replies
),
cell AS MATERIALIZED (SELECT client_id, {_CELL}, {_sums()} FROM located GROUP BY client_id, {_CELL})
INSERT INTO {rollup} AS known
    (organization_id, grain, subject_id, day, part, kind, client_id, n, people, timed, seconds)
SELECT %(organization)s, grain, subject_id, day, part, kind, zone.client_id, n, people, timed, seconds FROM (
{grains}
) AS grained LEFT JOIN zone USING (client)
WHERE day >= %(since)s AND (n <> 0 OR people <> 0 OR timed <> 0 OR seconds <> 0)
ON CONFLICT (organization_id, grain, subject_id, day, part, kind) DO UPDATE SET
    n = known.n + excluded.n, people = known.people + excluded.people, timed = known.timed + excluded.timed,
    seconds = known.seconds + excluded.seconds
"""


#: Whose first is counted anew: those who were first on the day ``since`` or later. Parameters: organization, zones,
#: since, clients (null: all).
FORGET_FIRSTS: Final = """
DELETE FROM reporting_firstfact WHERE organization_id = %(organization)s
  AND (%(clients)s::uuid[] IS NULL OR client_id = ANY(%(clients)s))
  AND (first_at AT TIME ZONE coalesce(%(zones)s::jsonb ->> client_id::text, 'UTC'))::date >= %(since)s
"""
#: The firsts that ``FORGET_FIRSTS`` would leave, for a count beside what is stored.
KEPT_FIRSTS: Final = """
INSERT INTO counted_first SELECT * FROM reporting_firstfact WHERE organization_id = %(organization)s
  AND (first_at AT TIME ZONE coalesce(%(zones)s::jsonb ->> client_id::text, 'UTC'))::date < %(since)s
"""
#: Sums by domain of which nothing is left, once somebody was erased: the domain may have been their own.
FORGET_DOMAINS: Final = """
DELETE FROM reporting_rollup WHERE organization_id = %(organization)s AND grain = 'domain'
  AND client_id = ANY(%(clients)s) AND n = 0 AND people = 0 AND timed = 0 AND seconds = 0
"""
#: What a fresh count says differently from what is stored. Parameters: organization, since.
DIFFERENCES: Final = """
SELECT grain, subject_id, day, part, kind, coalesce(stored.n, 0), coalesce(counted.n, 0),
  coalesce(stored.people, 0), coalesce(counted.people, 0)
FROM (SELECT * FROM reporting_rollup WHERE organization_id = %(organization)s AND day >= %(since)s) AS stored
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
