"""``import``: a file of people through upload, preview and run, as the product does it, row-level security on.

Beside it, in the same run: the same file read by Python's csv, copied to PostgreSQL and put into the same tables by one
statement each, as their owner, without checks. Of the rows 10 % are people who are known already, 8 % stand in the file
twice, 1 % cannot be used.
"""

from __future__ import annotations

import csv
import io
import resource
import time
from collections.abc import Iterator
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction

from campaigns.benchmarks.world import World, world
from campaigns.models import LeadImport
from campaigns.services import imports
from project.core.bench import BenchOptions, BenchResult, Target, median_of
from project.core.db.base import owner_connection
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Client, User

HEADERS = (
    "First name",
    "Last name",
    "Job title",
    "Company",
    "LinkedIn",
    "E-mail",
    "Phone",
    "Country",
    "City",
)
_TABLES = (
    "campaigns_leadimportlead", "campaigns_leadimporterror", "campaigns_leadimport", "campaigns_leadchannel",
    "campaigns_lead", "campaigns_company", "tenancy_auditentry",
)  # fmt: skip
_BARE = (
    """
    CREATE TEMP TABLE given (first_name text, last_name text, title text, company text, linkedin text, email text,
        phone text, country text, city text, id uuid DEFAULT gen_random_uuid()) ON COMMIT DROP
    """,
    """
    INSERT INTO campaigns_lead (id, organization_id, created_at, updated_at, client_id, first_name, last_name, title,
        country, time_zone, fields)
    SELECT id, %(organization)s, now(), now(), %(client)s, first_name, last_name, title, country, '',
        jsonb_build_object('City', city) FROM given
    """,
    """
    INSERT INTO campaigns_leadchannel (id, organization_id, created_at, updated_at, client_id, lead_id, kind, value,
        normalized, provider_id, member_urn)
    SELECT gen_random_uuid(), %(organization)s, now(), now(), %(client)s, id, kind, value, value || id, '', ''
    FROM given CROSS JOIN LATERAL (VALUES ('linkedin', linkedin), ('email', email), ('sms', phone)) AS way (kind, value)
    """,
)


def import_(options: BenchOptions) -> BenchResult:
    """Measure at a tenth of the rows and at all of them, in interleaved rounds."""
    rows, rounds = (3_000, 1) if options.quick else (100_000, 3)
    # What loads and grows once is not the file's.
    _at(500, 1, options)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    small = _at(rows // 10, rounds, options)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    large = _at(rows, rounds, options)
    figures = {
        **large,
        "rows": rows,
        "rows_per_s": rows / large["run_s"],
        "preview_rows_per_s": rows / large["preview_s"],
        "memory_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "memory_small_mb": (grown - before) / 1024,
    }
    return BenchResult(
        name="import",
        figures=figures,
        baseline={"bare_s": large["bare_s"], "bare_rows_per_s": rows / large["bare_s"], "small": small},
        ratios={
            "of_bare": large["bare_s"] / large["run_s"],
            "rows_per_s": figures["rows_per_s"],
            "preview_s": large["preview_s"],
            "memory_mb": figures["memory_mb"],
            "cost_per_row_growth": large["run_s"] / (10 * small["run_s"]),
        },
        targets={
            "of_bare": Target(0.35, "at_least"),
            "rows_per_s": Target(20_000, "at_least"),
            "preview_s": Target(10, "at_most"),
            "memory_mb": Target(80, "at_most"),
            "cost_per_row_growth": Target(1.2, "at_most"),
        },
    )


def _at(rows: int, rounds: int, options: BenchOptions) -> dict[str, float]:
    found = []
    for number in range(rounds):
        options.say(f"import: {rows:,} rows, round {number + 1} of {rounds}")
        with world(1, organizations=1, senders=1) as made:
            try:
                found.append(_round(made.organizations[0], rows, number))
            finally:
                _remove(made)
    return median_of(found)


def _round(organization_id: UUID, rows: int, number: int) -> dict[str, float]:
    with organization_scope(organization_id):
        client = Client.objects.get()
        actor = User.objects.create(email=f"import-{organization_id.hex}-{number}@bench.test", name="Import")
        known = _file(list(_people(rows // 10)))
        lead_import, _, _ = _product(client, actor, known)
        everything = _file(_rows(rows))
        bare = _bare(organization_id, client.id, everything)
        lead_import, preview_s, run_s = _product(client, actor, everything)
    counts = lead_import.counts
    wanted = {
        "update": rows // 10, "duplicate": rows * 8 // 100, "invalid": rows // 100,
        "create": rows - rows // 10 - rows * 8 // 100 - rows // 100,
    }  # fmt: skip
    if {name: counts.get(name, 0) for name in wanted} != wanted:
        raise RuntimeError(f"The import did not come to what is in the file: {counts}, not {wanted}.")
    return {"run_s": run_s, "preview_s": preview_s, "bare_s": bare}


def _product(client: Client, actor: User, content: bytes) -> tuple[LeadImport, float, float]:
    """Import a file; return the import, the seconds of its preview, and of its run."""
    made = imports.upload(
        client=client, actor=actor, upload=SimpleUploadedFile("people.csv", content, "text/csv")
    )
    took = []
    try:
        imports.set_mapping(lead_import=made, mapping=made.mapping, actor=actor)
        for step in ("preview", "run"):
            if step == "run":
                imports.confirm(lead_import=made, actor=actor)
            began = time.perf_counter()
            imports.work(import_id=made.id)
            took.append(time.perf_counter() - began)
        return made.refreshed(), took[0], took[1]
    finally:
        made.file.delete(save=False)


def _bare(organization_id: UUID, client_id: UUID, content: bytes) -> float:
    """Seconds of the same rows without checks; taken back at once."""
    with owner_connection(), platform_scope("benchmark"), transaction.atomic():
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(_BARE[0])
            source = csv.reader(io.StringIO(content.decode()))
            next(source)
            names = "first_name, last_name, title, company, linkedin, email, phone, country, city"
            with cursor.copy(f"COPY given ({names}) FROM STDIN") as copy:
                for row in source:
                    copy.write_row(row)
            for statement in _BARE[1:]:
                cursor.execute(statement, {"organization": organization_id, "client": client_id})
        took = time.perf_counter() - began
        transaction.set_rollback(True)
    return took


# --- the file -----------------------------------------------------------------------------------------


def _people(count: int, start: int = 0) -> Iterator[list[str]]:
    for number in range(start, start + count):
        yield [
            "Ada", f"Person {number}", "Controller", f"Company {number % 5_000} AB",
            f"https://www.linkedin.com/in/person-{number}/", f"Person{number}@company{number % 5_000}.example.com",
            f"+4670{1_000_000 + number}", "SE", "Stockholm",
        ]  # fmt: skip


def _rows(count: int) -> list[list[str]]:
    """Known people, new ones, repeated ones and unusable ones, well mixed."""
    twice, bad = count * 8 // 100, count // 100
    people = list(_people(count - twice - bad))
    repeated = [list(people[-number]) for number in range(1, twice + 1)]
    unusable = [["Ada", f"Bad {number}", "", "", "", "no address", "", "", ""] for number in range(bad)]
    every = max(len(people) // (twice + bad), 1)
    mixed, others = [], iter(unusable)
    for number, person in enumerate(people):
        mixed.append(person)
        if number % every == 0 and (row := next(others, None)) is not None:
            mixed.append(row)
    return [*mixed, *others, *repeated]


def _file(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([HEADERS, *rows])
    return text.getvalue().encode()


def _remove(made: World) -> None:
    with owner_connection(), platform_scope("remove what a benchmark made"), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM campaigns_scheduledaction WHERE organization_id = ANY(%s)", [made.organizations]
        )
        for table in ("campaigns_enrollmentsender", "campaigns_enrollment", *_TABLES):
            cursor.execute(f"DELETE FROM {table} WHERE organization_id = ANY(%s)", [made.organizations])  # noqa: S608
        for organization_id in made.organizations:
            User.objects.filter(email__startswith=f"import-{organization_id.hex}-").delete()
