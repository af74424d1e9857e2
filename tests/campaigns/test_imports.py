"""Files as people bring them: odd encodings, hostile cells, many rows, killed workers, two at once."""

from __future__ import annotations

import csv
import gc
import io
import os
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.db.models import F
from django.test import Client as Browser
from openpyxl import Workbook

from campaigns import identity
from campaigns.imports.mapping import draft, gaps, suggest
from campaigns.imports.reading import MAX_CELL, RawRow, UnreadableFile, detect, rows
from campaigns.models import (
    Enrollment,
    ErasedAddress,
    Lead,
    LeadChannel,
    LeadImport,
    LeadImportError,
    LeadImportLead,
    LeadImportRow,
    Suppression,
)
from campaigns.services import forgetting, imports, lead_acts, merging, suppression
from campaigns.tasks import sweep_imports
from inbox.models import Conversation, Message
from project.core.scoping import no_scope, organization_scope, platform_scope
from tests.campaigns.conftest import World
from tests.factories import Agency
from tests.killing import Killed, Killer


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def agency(kestrel: Agency) -> Iterator[Agency]:
    with kestrel.scope():
        yield kestrel


def upload(agency: Agency, content: bytes, name: str = "leads.csv") -> LeadImport:
    file = SimpleUploadedFile(name, content, content_type="text/csv")
    return imports.upload(client=agency.first, actor=agency.manager, upload=file)


def preview(agency: Agency, content: bytes) -> LeadImport:
    made = upload(agency, content)
    imports.set_mapping(lead_import=made, mapping=made.mapping, actor=agency.manager)
    imports.work(import_id=made.id)
    return made.refreshed()


def run(agency: Agency, made: LeadImport) -> LeadImport:
    imports.confirm(lead_import=made, actor=agency.manager)
    imports.work(import_id=made.id)
    return made.refreshed()


def read(content: bytes) -> tuple[list[str], list[RawRow]]:
    shape = detect(content[: 256 * 1024])
    return shape.headers, list(rows(io.BytesIO(content), shape))


def people(count: int, first: int = 0) -> bytes:
    lines = ["First name,Last name,Company,LinkedIn"]
    lines += [
        f"Ada{n},Row{n},Company {n % 500},https://www.linkedin.com/in/ada-row-{n}"
        for n in range(first, first + count)
    ]
    return "\n".join(lines).encode()


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TEXT = "Name;LinkedIn;Stadt\nZoë Müller;zoe-mueller;Köln\nJosé Ruiz;jose-ruiz;São Paulo\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "cp1252", "latin-1"])
def test_every_usual_encoding_is_read(encoding: str) -> None:
    content = b"\xff\xfe" + TEXT.encode("utf-16-le") if encoding == "utf-16-le-bom" else TEXT.encode(encoding)
    headers, found = read(content)
    assert headers == ["Name", "LinkedIn", "Stadt"]
    assert [row.cells for row in found] == [
        ["Zoë Müller", "zoe-mueller", "Köln"],
        ["José Ruiz", "jose-ruiz", "São Paulo"],
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_usual_delimiter_and_line_end_is_read(delimiter: str, end: str) -> None:
    lines = [["Name", '"Where, or; which"', "LinkedIn"], ["Ada", '"a, b; c | d"', "ada"]]
    headers, found = read(end.join(delimiter.join(cells) for cells in lines).encode())
    assert headers == ["Name", "Where, or; which", "LinkedIn"]
    assert found[0].cells == ["Ada", "a, b; c | d", "ada"]


def test_headers_that_repeat_stay_apart() -> None:
    headers, _ = read(b"Name,name,name (2),,,Name\n1,2,3,4,5,6\n")
    assert headers == ["Name", "name (2)", "name (2) (2)", "Column 4", "Column 5", "Name (3)"]
    assert len({header.lower() for header in headers}) == 6


def test_quoted_newlines_nul_bytes_and_empty_lines() -> None:
    _, found = read(b'Name,LinkedIn\n\n"Ada\nLovelace",a\x00da\n,\n  \nBob,bob\n')
    assert [row.cells for row in found] == [["Ada\nLovelace", "ada"], ["Bob", "bob"]]


def test_a_cell_of_two_megabytes_costs_its_row_only() -> None:
    content = b"Name,LinkedIn\n" + b"x" * 2_000_000 + b",ada\nBob,bob\n"
    _, found = read(content)
    assert "2,000,000 characters" in found[0].error
    assert len(found[0].cells[0]) == MAX_CELL
    assert (found[1].cells, found[1].error) == (["Bob", "bob"], "")


def test_quotes_that_never_close_cost_what_they_swallow_and_not_the_file() -> None:
    content = b'Name,LinkedIn\n"Ada,ada\n' + b"Bob,bob\n" * 600_000
    _, found = read(content)
    assert found[0].error
    assert any(row.cells == ["Bob", "bob"] and not row.error for row in found)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n \n", "empty"),
        (b"PK\x03\x04....", "spreadsheet"),
        (b"\x00\x01\x02\xfe\xff" * 100, "not text"),
        (b",,,\n1,2,3,4\n", "no column names"),
        (b",".join([b"c"] * 300), "300 columns"),
    ],
)
def test_files_that_cannot_be_used_say_why(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        detect(content)


@pytest.mark.parametrize("size", [1, 2, 3, 200, 5000])
def test_random_bytes_never_break_the_reader(size: int) -> None:
    for _ in range(30):
        content = os.urandom(size)
        try:
            shape = detect(content)
        except UnreadableFile:
            continue
        for row in rows(io.BytesIO(content), shape):
            assert draft(row, suggest(shape.headers), shape.headers).error is not None


@pytest.mark.django_db
def test_good_rows_are_imported_and_bad_ones_come_back_with_reasons(agency: Agency) -> None:
    suppression.suppress(client_id=None, channel="linkedin", value="eve", source="person")
    made = preview(
        agency,
        b"Name,LinkedIn,Score\nAda L,ada,1\nBob,linkedin.com/company/x,2\nAda again,ADA,3\nEve,eve,4\n"
        b"Carl,carl,5,too,many\n=cmd|' /C calc'!A0,dora,6\n",
    )
    assert made.state == "previewed"
    assert made.counts == {"create": 2, "invalid": 2, "duplicate": 1, "suppressed": 1}
    assert not Lead.objects.exists()
    done = run(agency, made)
    assert (done.state, done.counts) == ("done", made.counts)
    assert set(LeadChannel.objects.values_list("normalized", flat=True)) == {"ada", "dora"}
    reasons = dict(LeadImportError.objects.values_list("row_number", "reason"))
    assert "company page" in reasons[3]
    assert "earlier in the file" in reasons[4]
    assert "suppression" in reasons[5]
    assert "5 cells" in reasons[6]


@pytest.mark.django_db
def test_the_error_file_runs_no_formulas(agency: Agency, client: Browser) -> None:
    made = preview(agency, b"=1+1,LinkedIn\n=HYPERLINK(1),not a profile!\n@SUM(1),another one!\n")
    client.force_login(agency.manager)
    answer = client.get(agency.url(f"leads/imports/{made.id}/errors.csv"))
    text = b"".join(answer).decode()  # type: ignore[arg-type]
    assert "'=HYPERLINK(1)" in text
    assert "'@SUM(1)" in text
    assert "'=1+1" in text
    assert not any(cell.startswith(("=", "@")) for line in text.splitlines() for cell in line.split(","))


@pytest.mark.django_db
def test_importing_again_completes_and_doubles_nobody(agency: Agency) -> None:
    run(agency, preview(agency, b"First name,LinkedIn\nAda,ada\n,bob\n"))
    again = run(agency, preview(agency, b"First name,E-mail,LinkedIn\nAugusta,ada@x.test,ada\nBob,,bob\n"))
    assert again.counts == {"update": 2, "create": 0}
    assert sorted(Lead.objects.values_list("first_name", flat=True)) == ["Ada", "Bob"]
    assert LeadChannel.objects.filter(kind="email").get().lead.first_name == "Ada"


@pytest.mark.django_db
def test_mappings_are_checked_whatever_is_posted(agency: Agency, client: Browser) -> None:
    made = upload(agency, b"A,B,C\nx,ada,y\n")
    client.force_login(agency.manager)
    url = agency.url(f"leads/imports/{made.id}/mapping/")
    for hostile in (
        {},
        {"column-0": "organization_id", "column-1": "id", "column-2": "client"},
        {"column-0": "linkedin", "column-1": "linkedin"},
        {"column-1": "linkedin\x00"},
        {"column-99999": "linkedin", "column--1": "linkedin", "column-x": "email"},
    ):
        assert client.post(url, hostile).status_code == 422
    assert made.refreshed().state == "uploaded"
    many = {f"column-{number}": "linkedin" for number in range(3000)}
    assert client.post(url, many).status_code == 400
    assert client.post(url, {"column-1": "linkedin"}).status_code == 303
    assert made.refreshed().state == "previewing"


@pytest.mark.django_db
def test_a_cancelled_run_keeps_what_is_in_and_counts_it(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK", 10)
    monkeypatch.setattr(imports, "TAKEN_AT_ONCE", 10)
    made = preview(agency, people(35))
    imports.confirm(lead_import=made, actor=agency.manager)
    real = imports._link

    def cancel_after_one(lead_import: LeadImport, upserted: Any) -> None:
        real(lead_import, upserted)
        imports.cancel(lead_import=lead_import, actor=agency.manager)

    monkeypatch.setattr(imports, "_link", cancel_after_one)
    imports.work(import_id=made.id)
    made = made.refreshed()
    assert (made.state, made.rows_done, made.counts["create"]) == ("cancelled", 10, 10)
    assert Lead.objects.count() == LeadImportLead.objects.count() == 10


@pytest.mark.django_db
def test_a_run_killed_before_any_statement_goes_on_without_doubles(
    agency: Agency, monkeypatch: pytest.MonkeyPatch, time_machine: Any
) -> None:
    """Kill it again and again, a little later each time, until it is through."""
    monkeypatch.setattr(imports, "CHUNK", 10)
    monkeypatch.setattr(imports, "TAKEN_AT_ONCE", 10)
    made = preview(agency, people(30))
    imports.confirm(lead_import=made, actor=agency.manager)
    kills = 0
    for statement in range(1, 400):
        try:
            with connection.execute_wrapper(Killer(statement)), no_scope():
                sweep_imports.run()
        except Killed:
            kills += 1
        fresh = made.refreshed()
        assert fresh.rows_done == Lead.objects.count() == fresh.counts.get("create", 0), statement
        # The lease of the dead worker runs out.
        LeadImport.objects.filter(id=made.id, claimed_until__isnull=False).update(claimed_until=LONG_AGO)
        LeadImport.objects.filter(id=made.id).update(updated_at=LONG_AGO)
        if made.refreshed().state == "done":
            break
    assert kills > 10
    made = made.refreshed()
    assert (made.state, made.rows_done, made.counts["create"]) == ("done", 30, 30)
    assert Lead.objects.count() == LeadChannel.objects.count() == LeadImportLead.objects.count() == 30


@pytest.mark.django_db(transaction=True)
def test_the_same_file_twice_at_once_makes_nobody_twice(
    kestrel: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK", 20)
    monkeypatch.setattr(imports, "TAKEN_AT_ONCE", 20)
    with kestrel.scope():
        made = [preview(kestrel, people(120)) for _ in range(3)]
        for one in made:
            imports.confirm(lead_import=one, actor=kestrel.manager)
    start = threading.Barrier(3)

    def work(one: LeadImport) -> None:
        try:
            start.wait()
            with organization_scope(kestrel.id):
                imports.work(import_id=one.id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, made))
    with kestrel.scope():
        assert Lead.objects.count() == LeadChannel.objects.count() == 120
        counts = [one.refreshed().counts for one in made]
        assert sum(count["create"] for count in counts) == 120
        assert {one.refreshed().state for one in made} == {"done"}
        assert LeadImportLead.objects.count() == 360


@pytest.mark.django_db
def test_who_came_onto_a_list_or_was_erased_since_the_preview_stays_out(agency: Agency) -> None:
    made = preview(agency, people(6))
    gone = identity.digest(agency.id, "linkedin", "ada-row-2")
    ErasedAddress.objects.create(client=agency.first, channel="linkedin", digest=gone)
    Suppression.objects.create(client=None, channel="linkedin", value="ada-row-4", source="person")
    assert LeadImportRow.objects.count() == 6
    made = run(agency, made)
    assert (made.counts["create"], made.counts["suppressed"], made.rows_done) == (4, 2, 6)
    assert set(LeadImportError.objects.values_list("reason", flat=True)) == {"on the suppression list"}
    assert not LeadChannel.objects.filter(normalized__in=["ada-row-2", "ada-row-4"]).exists()
    # Nothing of the file is kept beside the leads.
    assert not LeadImportRow.objects.exists()


@pytest.mark.django_db
def test_two_rows_of_one_known_person_complete_one_lead(agency: Agency) -> None:
    run(agency, preview(agency, b"First name,E-mail,Phone\nAda,ada@x.test,\n"))
    lead = Lead.objects.get()
    LeadChannel.objects.create(
        client=agency.first, lead=lead, kind="sms", value="+46701740605", normalized="+46701740605"
    )
    rows = b"Last name,E-mail,Phone,City\nLind,ada@x.test,,Oslo\nBerg,,+46701740605,Bergen\n"
    made = upload(agency, rows)
    imports.set_mapping(lead_import=made, mapping=made.mapping, actor=agency.manager, overwrites=True)
    imports.work(import_id=made.id)
    made = run(agency, made)
    assert (made.counts.get("create", 0), made.counts["update"]) == (0, 1)
    found = lead.refreshed()
    assert (found.first_name, found.last_name, found.fields) == ("Ada", "Lind", {"City": "Bergen"})
    assert LeadImportLead.objects.get(lead_import=made).filled["fields"] == {"City": [None, "Bergen"]}


@pytest.mark.slow
@pytest.mark.django_db
def test_a_hundred_thousand_rows_are_checked_in_flat_memory_and_few_statements(agency: Agency) -> None:
    count = 100_000
    made = upload(agency, people(count))
    imports.set_mapping(lead_import=made, mapping=made.mapping, actor=agency.manager)
    assert _work(made, count) < 80
    assert (made.refreshed().state, made.refreshed().counts) == ("previewed", {"create": count})


@pytest.mark.django_db
def test_ten_thousand_rows_are_imported_in_flat_memory_and_few_statements(agency: Agency) -> None:
    count = 10_000
    made = upload(agency, people(count))
    imports.set_mapping(lead_import=made, mapping=made.mapping, actor=agency.manager)
    imports.work(import_id=made.id)
    imports.confirm(lead_import=made.refreshed(), actor=agency.manager)
    assert _work(made, count) < 80
    assert (made.refreshed().state, made.refreshed().rows_done) == ("done", count)
    assert Lead.objects.count() == count


def _work(made: LeadImport, count: int) -> float:
    """Work on an import; return by how many MiB the process's peak rose. Statements are bounded per chunk."""
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counted = Counted()
    with connection.execute_wrapper(counted):
        imports.work(import_id=made.id)
    # Chunks of a thousand rows, each a fixed number of statements.
    assert counted.statements < 40 * (count // imports.CHUNK), counted.statements
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


class Counted:
    """Counts statements."""

    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        self.statements += 1
        return execute(sql, params, many, context)


def test_the_preview_says_which_variables_will_be_blank() -> None:
    headers = ["First name", "Company", "City", "LinkedIn"]
    mapping = {"0": "first_name", "1": "company", "2": "custom", "3": "linkedin"}
    row = RawRow(2, ["", "Halden", " ", "https://www.linkedin.com/in/marta"], "")
    assert gaps(draft(row, mapping, headers), mapping, headers) == ["lead.first_name", "custom.City"]
    full = RawRow(3, ["Marta", "Halden", "Umeå", "https://www.linkedin.com/in/marta"], "")
    assert gaps(draft(full, mapping, headers), mapping, headers) == []


def spreadsheet(*lines: list[Any], hidden: bool = False) -> bytes:
    book = Workbook()
    if hidden:
        book.create_sheet("Notes", 0).sheet_state = "hidden"
    sheet = book.worksheets[-1]
    book.active = sheet
    for line in lines:
        sheet.append(line)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.django_db
def test_a_spreadsheet_is_imported_like_a_csv_file_and_its_columns_are_remembered(agency: Agency) -> None:
    lines: list[list[Any]] = [
        [],
        ["Who", "Mobile", "Since", "Profile LinkedIn", "Spare"],
        ["Zoë Müller", "+46 70 174 06 05", date(2024, 3, 1), "linkedin.com/in/zoe-mueller", None],
        [],
        ["José Ruiz", "#N/A", None, "linkedin.com/company/ruiz", None],
        ["Ada Row", "=HYPERLINK(1)", 1200.0, "linkedin.com/in/ada-row", None],
    ]
    made = upload(agency, spreadsheet(*lines, hidden=True), "people.xlsx")
    assert str(made.file.name).endswith(".xlsx")
    assert made.mapping["0"] == "custom"
    chosen = made.mapping | {"0": "full_name", "4": "skip"}
    imports.set_mapping(lead_import=made, mapping=chosen, actor=agency.manager)
    imports.work(import_id=made.id)
    made = made.refreshed()
    assert (made.state, made.counts["create"], made.counts["invalid"]) == ("previewed", 2, 1)
    # The row's number is the one that the spreadsheet shows.
    assert [error.row_number for error in made.row_errors.all()] == [5]
    run(agency, made)
    zoe, ada = Lead.objects.get(first_name="Zoë"), Lead.objects.get(first_name="Ada")
    assert (zoe.full_name, zoe.fields["Since"]) == ("Zoë Müller", "2024-03-01")
    assert (ada.fields["Since"], ada.channels.count()) == ("1200", 1)
    assert zoe.channels.get(kind="sms").normalized == "+46701740605"

    again = upload(agency, b"LinkedIn,Who\nada,Ada Row\n")
    assert again.mapping == {"0": "linkedin", "1": "custom"}
    turned = ["Mobile", "Who", "Profile LinkedIn", "Spare", "Since"]
    again = upload(agency, spreadsheet(turned, ["1", "2", "3", "4", "5"]), "turned.xlsx")
    assert again.mapping == {"0": "phone", "1": "full_name", "2": "linkedin", "3": "skip", "4": "custom"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (spreadsheet(), "is empty"),
        (spreadsheet(["A"] * 201), "201 columns"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old format"),
        (b"PK\x03\x04 no archive", "cannot be opened"),
    ],
)
def test_spreadsheets_that_cannot_be_used_say_why(agency: Agency, content: bytes, reason: str) -> None:
    with pytest.raises(imports.ImportRefused, match=reason):
        upload(agency, content, "x.xlsx")


@pytest.mark.django_db
def test_an_import_is_taken_back_except_for_those_who_replied_and_can_be_had_again(
    world: World, client: Browser
) -> None:
    agency = world.agency
    old = world.lead("Old", "old-one")
    Lead.objects.filter(id=old.id).update(last_name="", fields={"Tier": "B", "Since": "2019"})
    body = (
        "First name,Last name,LinkedIn,E-mail,Tier\n"
        "Old,Known,https://www.linkedin.com/in/old-one,old@known.test,A\n"
        "Nia,New,https://www.linkedin.com/in/nia,nia@new.test,C\n"
        "Rex,Replied,https://www.linkedin.com/in/rex,rex@new.test,C\n"
    )
    made = upload(agency, body.encode())
    mapping = {**made.mapping, "4": "custom"}
    imports.set_mapping(lead_import=made, mapping=mapping, actor=agency.manager)
    imports.work(import_id=made.id)
    [known] = [row for row in made.refreshed().sample if row["verdict"] == "update"]
    assert known["changes"] == [["last_name", "", "Known"]], "the file only fills what is blank"
    imports.set_mapping(lead_import=made, mapping=mapping, actor=agency.manager, overwrites=True)
    imports.work(import_id=made.id)
    [known] = [row for row in made.refreshed().sample if row["verdict"] == "update"]
    assert known["changes"] == [["last_name", "", "Known"], ["Tier", "B", "A"]]
    done = run(agency, made)
    assert (done.counts["create"], done.counts["update"]) == (2, 1)
    old = old.refreshed()
    assert (old.last_name, old.fields, old.channels.count()) == ("Known", {"Tier": "A", "Since": "2019"}, 2)
    world.launch()
    Enrollment.objects.filter(lead__first_name="Rex").update(stage="replied")

    client.force_login(agency.manager)
    page = agency.url(f"leads/imports/{made.id}/")
    assert "Undo the import" in client.get(page).content.decode()
    client.post(f"{page}undo/")
    assert "stay because they have replied" in client.get(page).content.decode()
    assert set(Lead.objects.filter(removed_at=None).values_list("first_name", flat=True)) == {"Old", "Rex"}
    assert Enrollment.objects.get(lead__first_name="Nia").status == Enrollment.Status.ENDED
    old = old.refreshed()
    assert (old.last_name, old.fields, old.channels.count()) == ("", {"Tier": "B", "Since": "2019"}, 1)
    assert client.post(f"{page}undo/", headers={"HX-Request": "true"}).status_code == 422

    act = made.refreshed().undo_act
    assert act is not None
    lead_acts.undo(entry_id=act.id, actor=agency.manager)
    old = old.refreshed()
    assert (old.last_name, old.fields["Tier"], old.channels.count()) == ("Known", "A", 2)
    assert Lead.objects.filter(removed_at=None).count() == 3
    assert made.refreshed().undone_at is None


@pytest.mark.django_db
def test_taking_an_import_back_keeps_who_is_there_for_another_reason(world: World, time_machine: Any) -> None:
    agency, manager = world.agency, world.agency.manager
    older, back = world.lead("Older", "older"), world.lead("Back", "back")
    Lead.objects.filter(id=back.id).update(removed_at=LONG_AGO)
    made = run(
        agency,
        preview(agency, b"First name,LinkedIn\nTwin,twin\nBack,back\nBoth,both\nAlone,alone\nWrote,wrote\n"),
    )
    twin, wrote = (Lead.objects.get(first_name=name) for name in ("Twin", "Wrote"))
    time_machine.shift(timedelta(minutes=1))
    run(agency, preview(agency, b"First name,LinkedIn\nBoth,both\n"))
    merging.merge(kept=older, other=twin, actor=manager)
    Conversation.objects.create(
        client=agency.first,
        sender=world.sender,
        lead=wrote,
        channel="linkedin",
        chat_id="c",
        last_message_at=LONG_AGO,
    )
    Message.objects.create(
        conversation=Conversation.objects.get(), revision=1, direction="inbound", state="received",
        occurred_at=LONG_AGO, body="Hello",
    )  # fmt: skip
    act = lead_acts.undo_import(lead_import=made, actor=manager)
    there = set(Lead.objects.filter(removed_at=None).values_list("first_name", flat=True))
    assert there == {"Older", "Both", "Wrote"}, "brought back by the file: gone again with it"
    why = dict(act.items.exclude(why="").values_list("lead__first_name", "why"))
    assert why == {
        "Older": "They were merged with somebody who was there otherwise.",
        "Both": "A later import lists them, too.",
        "Wrote": "They have replied.",
    }
    # Whoever is merged meanwhile does not come back as an empty row.
    alone = Lead.objects.get(first_name="Alone")
    Lead.objects.filter(id=alone.id).update(merged_into=older)
    lead_acts.undo(entry_id=act.id, actor=manager)
    assert alone.refreshed().removed_at is not None
    assert back.refreshed().removed_at is None


@pytest.mark.django_db
def test_whoever_stayed_for_a_later_import_goes_with_the_last_that_lists_them(
    world: World, time_machine: Any
) -> None:
    agency, manager = world.agency, world.agency.manager
    header = b"First name,LinkedIn\n"
    pia, quin, rut, old = b"Pia,pia\n", b"Quin,quin\n", b"Rut,rut\n", b"Old,old\n"
    world.lead("Old", "old")

    def imported(*people: bytes) -> LeadImport:
        time_machine.shift(timedelta(minutes=1))
        return run(agency, preview(agency, header + b"".join(people)))

    def after_undoing(made: LeadImport) -> tuple[set[str], dict[str, str]]:
        time_machine.shift(timedelta(minutes=1))
        act = lead_acts.undo_import(lead_import=made, actor=manager)
        there = set(Lead.objects.filter(removed_at=None).values_list("first_name", flat=True))
        return there, dict(act.items.exclude(why="").values_list("lead__first_name", "why"))

    later = "A later import lists them, too."
    first, second = imported(pia, quin, rut, old), imported(pia, quin, old)
    assert after_undoing(first) == ({"Old", "Pia", "Quin"}, {"Pia": later, "Quin": later})
    third = imported(quin)
    assert after_undoing(second) == ({"Old", "Quin"}, {"Quin": later})
    assert after_undoing(third) == ({"Old"}, {})
    # Whom somebody put back by hand is there for that, whatever lists them afterwards.
    Lead.objects.filter(first_name="Rut").update(removed_at=None)
    assert after_undoing(imported(rut)) == ({"Old", "Rut"}, {})
    # An earlier one that still stands keeps them, and nobody need be told.
    fourth, fifth, sixth = imported(pia), imported(pia), imported(pia)
    assert after_undoing(fourth)[1] == {"Pia": later}
    assert after_undoing(sixth) == ({"Old", "Rut", "Pia"}, {})
    assert after_undoing(fifth) == ({"Old", "Rut"}, {})


@pytest.mark.django_db
def test_an_import_without_its_file_is_not_begun_again(agency: Agency, client: Browser) -> None:
    made = preview(agency, b"First name,LinkedIn\n")
    client.force_login(agency.manager)
    url = agency.url(f"leads/imports/{made.id}/")
    again = "Check again with these columns"
    assert made.state == "failed"
    assert again in client.get(url).content.decode()
    LeadImport.objects.update(updated_at=LONG_AGO)
    with no_scope(), platform_scope("prune files"):
        assert forgetting.prune_files() == 1
    page = client.get(url).content.decode()
    assert again not in page
    assert "Upload the file again" in page
    answer = client.post(f"{url}mapping/", {"column-1": "linkedin"})
    assert answer.status_code == 422
    assert "The file of this import was deleted; upload it again." in answer.content.decode()
    assert made.refreshed().state == "failed"


@pytest.mark.django_db
def test_breaking_is_counted_anew_once_rows_are_in(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 10)
    monkeypatch.setattr(imports, "TAKEN_AT_ONCE", 10)
    made = preview(agency, people(40))
    imports.confirm(lead_import=made, actor=agency.manager)
    real, begun = imports._link, []

    def breaking(lead_import: LeadImport, upserted: Any) -> None:
        """In the first batch twice, and once more when two are in."""
        begun.append(made.refreshed().rows_done)
        if len(begun) in (1, 2, 5):
            raise ZeroDivisionError
        real(lead_import, upserted)

    monkeypatch.setattr(imports, "_link", breaking)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            imports.work(import_id=made.id)
        LeadImport.objects.update(claimed_until=LONG_AGO)
    assert (made.refreshed().state, made.refreshed().rows_done, made.refreshed().tries) == ("running", 20, 1)
    imports.work(import_id=made.id)
    assert (made.refreshed().state, Lead.objects.count()) == ("done", 40)


@pytest.mark.django_db
def test_an_import_that_always_breaks_ends_and_can_be_begun_anew(
    agency: Agency, monkeypatch: pytest.MonkeyPatch, time_machine: Any
) -> None:
    made = upload(agency, people(3))
    imports.set_mapping(lead_import=made, mapping=made.mapping, actor=agency.manager)

    def broken(**_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(imports, "classify", broken)
        time_machine.move_to(datetime(2026, 11, 18, 9, tzinfo=UTC), tick=False)
        for _ in range(imports.TRIES - 1):
            with pytest.raises(ZeroDivisionError):
                imports.work(import_id=made.id)
            time_machine.shift(timedelta(minutes=1))
        imports.work(import_id=made.id)
    made = made.refreshed()
    assert (made.state, made.error) == (
        "failed",
        "It broke 3 times (ZeroDivisionError). The worker's log says more.",
    )
    imports.set_mapping(lead_import=made, mapping=made.mapping, actor=agency.manager)
    imports.work(import_id=made.id)
    assert made.refreshed().state == "previewed"


@pytest.mark.django_db
def test_a_worker_that_lost_an_import_writes_nothing_more(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = upload(agency, people(3))
    imports.set_mapping(lead_import=made, mapping=made.mapping, actor=agency.manager)
    real = imports.classify

    def slow(**given: Any) -> Any:
        """So slow that the lease ran out and another worker began."""
        LeadImport.objects.filter(id=made.id).update(claims=F("claims") + 1)
        return real(**given)

    with monkeypatch.context() as patched:
        patched.setattr(imports, "classify", slow)
        imports.work(import_id=made.id)
    assert not LeadImportRow.objects.exists()
    assert (made.refreshed().state, made.refreshed().counts) == ("previewing", {})
    LeadImport.objects.update(claimed_until=LONG_AGO)
    imports.work(import_id=made.id)
    assert (made.refreshed().state, LeadImportRow.objects.count()) == ("previewed", 3)


@pytest.mark.django_db
def test_the_error_file_is_whole_and_has_each_cell_under_its_header(agency: Agency, client: Browser) -> None:
    long = "x" * 2_000
    made = preview(
        agency, f"Note,Left out,LinkedIn,Name\n{long},a,not a profile!,Eve\nB,b,bo,Bo Berg\n".encode()
    )
    imports.set_mapping(lead_import=made, mapping={**made.mapping, "1": "skip"}, actor=agency.manager)
    imports.work(import_id=made.id)
    suppression.suppress(client_id=agency.first.id, channel="linkedin", value="bo", source="person")
    run(agency, made.refreshed())
    client.force_login(agency.manager)
    text = b"".join(client.get(agency.url(f"leads/imports/{made.id}/errors.csv"))).decode()  # type: ignore[arg-type]
    lines = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    assert lines[0] == ["Row", "Reason", "Note", "Left out", "LinkedIn", "Name"]
    assert lines[1][2:] == [long, "a", "not a profile!", "Eve"]
    assert lines[2] == ["3", "on the suppression list", "B", "", "bo", "Bo Berg"]
