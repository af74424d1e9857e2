"""Rows of a file that were found to be good: laid down by the preview, taken by the run a chunk at a time.

The run reads no file and makes no objects for people who are new: whoever is known or must not come in is found by a
statement each for a chunk, the new ones go from the laid-down rows to their tables by a statement for each table, and
only those who are known already are completed one by one (``leads.upsert_batch``). What is taken is deleted in the same
transaction, so a run that was killed goes on with what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection

from campaigns import identity
from campaigns.imports.mapping import RowDraft
from campaigns.models import LeadImport, LeadImportRow
from campaigns.services import leads
from project.core.clock import now
from project.core.db.bulk import any_of, insert_rows, text_array

#: Kinds of addresses as rows have them.
_KINDS: Final = ("linkedin", "email", "phone")
_PEOPLE: Final = ("first_name", "last_name", "title", "company", "country", "time_zone")

#: Companies come as arrays: see ``leads`` on joins with tables that grow within the transaction.
_LEADS: Final = """
INSERT INTO campaigns_lead (id, organization_id, created_at, updated_at, client_id, company_id, first_name, last_name,
    title, country, time_zone, fields)
SELECT r.id, %(organization)s, %(now)s, %(now)s, %(client)s, c.id, r.first_name, r.last_name, r.title, r.country,
    r.time_zone, r.fields
FROM campaigns_leadimportrow r
LEFT JOIN unnest(%(company_keys)s::text[], %(company_ids)s::uuid[]) AS c (name_key, id) ON c.name_key = r.company_key
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.id <> ALL (%(others)s::uuid[])
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
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.id <> ALL (%(others)s::uuid[])
    AND way.normalized <> ''
"""
_LINKS: Final = """
INSERT INTO campaigns_leadimportlead (id, organization_id, created_at, updated_at, lead_import_id, lead_id,
    created_lead, filled)
SELECT gen_random_uuid(), %(organization)s, %(now)s, %(now)s, %(import)s, r.id, true, '{}'
FROM campaigns_leadimportrow r
WHERE r.lead_import_id = %(import)s AND r.number <= %(last)s AND r.id <> ALL (%(others)s::uuid[])
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


def count_people(made: int) -> None:
    """Have the server count the tables of people anew if a run has made more of them than it knows of.

    Until then it takes a table that was empty for a small one, and goes through it for each row that refers to it.
    Outside a transaction: the counted tables are not altered, indexed or vacuumed until its end.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT campaigns_count_people(%s)", [made])


def take(lead_import: LeadImport, most: int) -> Taken | None:
    """Make or complete the people of the next rows, at most ``most`` of them; ``None`` when none is left.

    Runs in the caller's transaction. Batches that add people to one client go one after the other.
    """
    leads.lock_people(lead_import.client_id)
    rows = LeadImportRow.objects.filter(lead_import=lead_import).order_by("number")
    found = list(rows.values_list("id", "number", "company_key", "company", *_KINDS)[:most])
    if not found:
        return None
    taken = Taken(last=found[-1][1], rows=len(found))
    keys = {
        row_id: [(kind, value) for kind, value in zip(_KINDS, ways, strict=True) if value]
        for row_id, _, _, _, *ways in found
    }
    everything = [key for ways in keys.values() for key in ways]
    barred = leads.suppressed_keys(client_id=lead_import.client_id, keys=everything)
    there = leads.existing_leads(client_id=lead_import.client_id, keys=everything)
    stopped = {row_id for row_id, ways in keys.items() if any(key in barred for key in ways)}
    known = {row_id for row_id, ways in keys.items() if any(key in there for key in ways)} - stopped
    companies = leads.companies_of(
        lead_import.client_id,
        {key: name for row_id, _, key, name, *_ in found if key and row_id not in stopped | known},
    )
    params: dict[str, Any] = {
        "import": lead_import.id,
        "last": taken.last,
        "client": lead_import.client_id,
        "organization": lead_import.organization_id,
        "now": now(),
        "others": [*stopped, *known],
        "company_keys": text_array(companies),
        "company_ids": text_array(map(str, companies.values())),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LEADS, params)
        taken.created = cursor.rowcount
        cursor.execute(_CHANNELS, params)
        cursor.execute(_LINKS, params)
    if known:
        drafts = [_draft(row) for row in rows.filter(id__in=any_of(known))]
        taken.upserted = leads.upsert_batch(
            client_id=lead_import.client_id, drafts=drafts, overwrite=lead_import.overwrites
        )
    if stopped:
        taken.stopped = list(rows.filter(id__in=any_of(stopped)))
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM campaigns_leadimportrow WHERE lead_import_id = %(import)s AND number <= %(last)s",
            params,
        )
    return taken


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
