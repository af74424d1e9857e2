"""Rows of a file that were found to be good: laid down by the preview, taken by the run a chunk at a time.

The run reads no file and makes no objects for people who are new: whoever is known or must not come in is found by a
statement for a chunk, the new ones go from the laid-down rows to their tables by a statement for each table, and only
those who are known already are completed one by one (``leads.upsert_batch``). What is taken is deleted in the same
transaction, so a run that was killed goes on with what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString
from uuid import UUID

from django.db import connection

from campaigns import identity
from campaigns.imports.mapping import RowDraft
from campaigns.models import ErasedAddress, LeadImport, LeadImportRow
from campaigns.services import leads
from project.core.clock import now
from project.core.db.bulk import insert_rows

#: Kinds of addresses as rows have them, and as leads' tables call them.
_KINDS: Final = {"linkedin": "linkedin", "email": "email", "phone": "sms"}
_PEOPLE: Final = ("first_name", "last_name", "title", "company", "country", "time_zone")

#: Rows that were laid down a moment ago have no statistics: without a word the planner reads whole tables for each of
#: them. For the rest of the transaction.
_BY_INDEX: Final = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
)
_KNOWN: Final = """
SELECT r.id, c.lead_id, 0 FROM campaigns_leadimportrow r JOIN campaigns_leadchannel c
    ON c.client_id = %(client)s AND c.kind = 'linkedin' AND c.normalized = r.linkedin
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.linkedin <> ''
UNION ALL
SELECT r.id, c.lead_id, 1 FROM campaigns_leadimportrow r JOIN campaigns_leadchannel c
    ON c.organization_id = %(organization)s AND c.kind = 'linkedin' AND c.provider_id = r.linkedin
    AND c.client_id = %(client)s
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.linkedin ~ '^A[CDE]'
UNION ALL
SELECT r.id, c.lead_id, 2 FROM campaigns_leadimportrow r JOIN campaigns_leadchannel c
    ON c.client_id = %(client)s AND c.kind = 'email' AND c.normalized = r.email
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.email <> ''
UNION ALL
SELECT r.id, c.lead_id, 3 FROM campaigns_leadimportrow r JOIN campaigns_leadchannel c
    ON c.client_id = %(client)s AND c.kind = 'sms' AND c.normalized = r.phone
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.phone <> ''
ORDER BY 3
"""
_STOPPED: Final = """
SELECT r.id FROM campaigns_leadimportrow r
CROSS JOIN LATERAL (VALUES
    ('linkedin', r.linkedin, false), ('email', r.email, false), ('sms', r.phone, false),
    ('email', split_part(r.email, '@', 2), true)
) AS way (kind, value, is_domain)
JOIN campaigns_suppression s ON s.organization_id = %(organization)s AND s.channel = way.kind
    AND s.value = way.value AND s.is_domain = way.is_domain
    AND (s.client_id IS NULL OR s.client_id = %(client)s) AND (s.expires_at IS NULL OR s.expires_at > %(now)s)
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND way.value <> ''
"""
_ERASED: Final = """
SELECT r.id FROM campaigns_leadimportrow r
CROSS JOIN LATERAL (VALUES ('linkedin', r.linkedin), ('email', r.email), ('sms', r.phone)) AS way (kind, value)
JOIN campaigns_erasedaddress e ON e.client_id = %(client)s AND e.channel = way.kind
    AND e.digest = encode(
        sha256(convert_to(%(organization)s::text || ':' || way.kind || ':' || way.value, 'UTF8')), 'hex'
    )
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND way.value <> ''
"""
_COMPANIES: Final = """
INSERT INTO campaigns_company (id, organization_id, created_at, updated_at, client_id, name, name_key, domain, country,
    fields)
SELECT DISTINCT ON (r.company_key) gen_random_uuid(), %(organization)s, %(now)s, %(now)s, %(client)s, r.company,
    r.company_key, '', '', '{}'
FROM campaigns_leadimportrow r
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.id <> ALL (%(others)s)
    AND r.company_key <> '' AND NOT EXISTS (
    SELECT FROM campaigns_company c WHERE c.client_id = %(client)s AND c.name_key = r.company_key
)
ORDER BY r.company_key, r.number
ON CONFLICT DO NOTHING
"""
_LEADS: Final = """
INSERT INTO campaigns_lead (id, organization_id, created_at, updated_at, client_id, company_id, first_name, last_name,
    title, country, time_zone, fields)
SELECT r.id, %(organization)s, %(now)s, %(now)s, %(client)s, c.id, r.first_name, r.last_name, r.title, r.country,
    r.time_zone, r.fields
FROM campaigns_leadimportrow r
LEFT JOIN campaigns_company c ON c.client_id = %(client)s AND c.name_key = r.company_key AND r.company_key <> ''
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.id <> ALL (%(others)s)
ORDER BY r.number
"""
_CHANNELS: Final = """
INSERT INTO campaigns_leadchannel (id, organization_id, created_at, updated_at, client_id, lead_id, kind, value,
    normalized, provider_id, member_urn)
SELECT gen_random_uuid(), %(organization)s, %(now)s, %(now)s, %(client)s, r.id, way.kind, way.value, way.normalized, '',
    ''
FROM campaigns_leadimportrow r CROSS JOIN LATERAL (VALUES
    ('linkedin', r.linkedin_written, r.linkedin), ('email', r.email_written, r.email),
    ('sms', r.phone_written, r.phone)
) AS way (kind, value, normalized)
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.id <> ALL (%(others)s) AND way.normalized <> ''
"""
_LINKS: Final = """
INSERT INTO campaigns_leadimportlead (id, organization_id, created_at, updated_at, lead_import_id, lead_id,
    created_lead, filled)
SELECT gen_random_uuid(), %(organization)s, %(now)s, %(now)s, %(import)s, r.id, true, '{}'
FROM campaigns_leadimportrow r WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.id <> ALL (%(others)s)
ON CONFLICT DO NOTHING
"""


@dataclass(slots=True)
class Taken:
    """What a chunk came to. ``stopped`` are rows of people who came onto a list since the preview."""

    last: int
    rows: int
    created: int = 0
    upserted: leads.Upserted = field(default_factory=leads.Upserted)
    stopped: list[LeadImportRow] = field(default_factory=list)


def lay_down(lead_import: LeadImport, drafts: Sequence[RowDraft]) -> None:
    """Keep good rows of a preview for the run; one statement."""
    insert_rows(LeadImportRow, [_stored(lead_import.id, draft) for draft in drafts])


def _stored(import_id: UUID, draft: RowDraft) -> dict[str, Any]:
    row: dict[str, Any] = {
        "lead_import_id": import_id,
        "number": draft.number,
        "company_key": identity.company_key(draft.company) if draft.company else "",
        "fields": draft.fields,
    }
    for name in _PEOPLE:
        row[name] = getattr(draft, name)
    row["time_zone"] = draft.time_zone[:64]
    for kind in _KINDS:
        row[f"{kind}_written"], row[kind] = draft.addresses.get(kind, ("", ""))
    return row


def clear(lead_import: LeadImport) -> None:
    """Forget what is laid down."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM campaigns_leadimportrow WHERE lead_import_id = %s", [lead_import.id])


def left(lead_import: LeadImport) -> int:
    """How many rows are still to be taken."""
    return int(LeadImportRow.objects.filter(lead_import=lead_import).count())


def take(lead_import: LeadImport, most: int) -> Taken | None:
    """Make or complete the people of the next rows, at most ``most`` of them; ``None`` when none is left.

    Runs in the caller's transaction. Batches that add people to one client go one after the other.
    """
    leads.lock_people(lead_import.client_id)
    numbers = list(
        LeadImportRow.objects.filter(lead_import=lead_import)
        .order_by("number")
        .values_list("number", flat=True)[:most]
    )
    if not numbers:
        return None
    taken = Taken(last=numbers[-1], rows=len(numbers))
    params: dict[str, Any] = {
        "import": lead_import.id,
        "last": taken.last,
        "client": lead_import.client_id,
        "organization": lead_import.organization_id,
        "now": now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_BY_INDEX)
    stopped = {row[0] for row in _rows(_STOPPED, params)}
    if ErasedAddress.objects.filter(client_id=lead_import.client_id).exists():
        stopped |= {row[0] for row in _rows(_ERASED, params)}
    known = {row_id for row_id, _, _ in _rows(_KNOWN, params)} - stopped
    params["others"] = [*stopped, *known]
    with connection.cursor() as cursor:
        cursor.execute(_COMPANIES, params)
        cursor.execute(_LEADS, params)
        taken.created = cursor.rowcount
        cursor.execute(_CHANNELS, params)
        cursor.execute(_LINKS, params)
    if known:
        drafts = [_draft(row) for row in LeadImportRow.objects.filter(id__in=known).order_by("number")]
        taken.upserted = leads.upsert_batch(client_id=lead_import.client_id, drafts=drafts)
    if stopped:
        taken.stopped = list(LeadImportRow.objects.filter(id__in=stopped).order_by("number"))
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM campaigns_leadimportrow WHERE lead_import_id = %(import)s AND number <= %(last)s",
            params,
        )
    return taken


def _rows(sql: LiteralString, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _draft(row: LeadImportRow) -> RowDraft:
    return RowDraft(
        number=row.number,
        values=[],
        fields=row.fields,
        addresses={
            kind: (getattr(row, f"{kind}_written"), getattr(row, kind))
            for kind in _KINDS
            if getattr(row, kind)
        },
        **{name: getattr(row, name) for name in _PEOPLE},
    )


def written(row: LeadImportRow) -> list[str]:
    """A row's cells as far as they are kept, for the file of errors."""
    cells = [row.first_name, row.last_name, row.title, row.company, row.country, row.time_zone]
    return [
        *cells,
        row.linkedin_written,
        row.email_written,
        row.phone_written,
        *map(str, row.fields.values()),
    ]
