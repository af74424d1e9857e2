"""Leads, imports and suppressions as programs use them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from campaigns.models import Lead, Suppression
from campaigns.services import imports as service
from tests.api.conftest import Program
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db

FILE = (
    b"First name,Last name,LinkedIn,Company\n"
    b"Marta,Holm,https://www.linkedin.com/in/marta-holm,Holm AB\n"
    b"Nils,Berg,https://www.linkedin.com/in/nils-berg,Berg AS\n"
    b"Nobody,,,\n"
)


def test_a_file_becomes_leads(world: World, manager: Program) -> None:
    upload = {
        "client_id": str(world.agency.first.id),
        "file": SimpleUploadedFile("leads.csv", FILE, content_type="text/csv"),
    }
    status, made = manager.upload("imports", upload)
    assert (status, made["state"], made["headers"][2]) == (201, "uploaded", "LinkedIn")
    assert made["mapping"] == {"0": "first_name", "1": "last_name", "2": "linkedin", "3": "company"}
    path = f"imports/{made['id']}"
    assert manager("POST", f"{path}/confirm")[0] == 422
    assert (
        manager("PUT", f"{path}/mapping", {"mapping": {"0": "first_name"}})[1]["code"] == "VALIDATION_ERROR"
    )
    assert manager("PUT", f"{path}/mapping", {"mapping": made["mapping"]})[1]["state"] == "previewing"
    service.work(import_id=made["id"])
    shown = manager("GET", path)[1]
    assert (shown["state"], shown["counts"]) == ("previewed", {"create": 2, "invalid": 1})
    assert shown["sample"][0]["addresses"]["linkedin"][1] == "marta-holm"
    (error,) = manager("GET", f"{path}/errors")[1]["items"]
    assert (error["row_number"], error["values"][0]) == (4, "Nobody")
    assert manager("POST", f"{path}/confirm")[0] == 202
    service.work(import_id=made["id"])
    assert manager("GET", path)[1]["state"] == "done"
    assert Lead.objects.count() == 2
    found = manager("GET", "leads?q=holm+marta")[1]["items"]
    assert [(lead["full_name"], lead["company"]["name"]) for lead in found] == [("Marta Holm", "Holm AB")]
    assert found[0]["addresses"][0]["normalized"] == "marta-holm"
    assert manager("GET", "imports?filter[state]=done")[1]["items"][0]["id"] == made["id"]
    assert manager("GET", "imports?filter[state]=failed")[1]["items"] == []


def test_files_that_cannot_be_used(world: World, manager: Program, limited: Program) -> None:
    client_id = str(world.agency.first.id)
    empty = {"client_id": client_id, "file": SimpleUploadedFile("leads.csv", b" ")}
    status, error = manager.upload("imports", empty)
    assert (status, error["message"]) == (422, "The file is empty.")
    status, error = manager.upload("imports", {"client_id": client_id})
    assert (status, list(error["details"]["fields"])) == (422, ["file"])
    status, error = manager("POST", "imports", {"client_id": client_id})
    assert (status, error["code"]) == (422, "VALIDATION_ERROR")
    upload = {"client_id": client_id, "file": SimpleUploadedFile("leads.csv", FILE)}
    assert limited.upload("imports", upload)[0] == 404


def test_cancelling_while_it_is_checked(world: World, manager: Program) -> None:
    upload = {"client_id": str(world.agency.first.id), "file": SimpleUploadedFile("leads.csv", FILE)}
    made = manager.upload("imports", upload)[1]
    manager("PUT", f"imports/{made['id']}/mapping", {"mapping": made["mapping"]})
    assert manager("POST", f"imports/{made['id']}/cancel")[1]["cancel_requested"]
    service.work(import_id=made["id"])
    assert manager("GET", f"imports/{made['id']}")[1]["state"] == "cancelled"


def test_leads_are_paged_and_filtered(world: World, manager: Program, limited: Program) -> None:
    for number in range(5):
        world.lead(f"Person{number}", f"person-{number}")
    seen, cursor = [], ""
    for _ in range(3):
        page = manager("GET", f"leads?limit=2&order=asc&cursor={cursor}")[1]
        seen += [lead["first_name"] for lead in page["items"]]
        cursor = page["next_cursor"] or ""
    assert seen == [f"Person{number}" for number in range(5)]
    assert not cursor
    assert manager("GET", f"leads?filter[client]={world.agency.second.id}")[1]["items"] == []
    assert limited("GET", "leads")[1]["items"] == []
    assert manager("GET", "leads?filter[client]=x")[1]["details"]["fields"].keys() == {"filter[client]"}


def test_foreign_leads_and_imports_are_not_there(
    world: World, limited: Program, stranger: Program, manager: Program
) -> None:
    lead = world.lead("Marta", "marta")
    upload = {"client_id": str(world.agency.first.id), "file": SimpleUploadedFile("leads.csv", FILE)}
    made = manager.upload("imports", upload)[1]
    for program in (limited, stranger):
        assert program("GET", f"leads/{lead.id}")[0] == 404
        assert program("GET", f"imports/{made['id']}")[0] == 404
        assert program("POST", f"imports/{made['id']}/cancel")[0] == 404


def test_suppressing_and_letting_go(world: World, manager: Program, agent: Program, reader: Program) -> None:
    body = {
        "client_id": str(world.agency.first.id),
        "channel": "linkedin",
        "value": "https://www.linkedin.com/in/Marta-Holm/",
        "reason": "Asked on the phone",
        "expires_at": (WORKING + timedelta(days=30)).isoformat(),
    }
    status, made = manager("POST", "suppressions", body)
    assert (status, made["value"], made["source"]) == (201, "marta-holm", "person")
    # The same person again is the same entry.
    assert manager("POST", "suppressions", {**body, "expires_at": None})[1]["id"] == made["id"]
    whole = {"channel": "email", "value": "@Rival.Example", "is_domain": True}
    assert manager("POST", "suppressions", whole)[1]["value"] == "rival.example"
    assert len(manager("GET", "suppressions")[1]["items"]) == 2
    assert len(agent("GET", "suppressions?q=rival")[1]["items"]) == 1
    assert len(manager("GET", "suppressions?filter[channel]=linkedin")[1]["items"]) == 1
    assert agent("POST", "suppressions", whole)[0] == 403
    assert reader("DELETE", f"suppressions/{made['id']}")[0] == 403
    assert manager("DELETE", f"suppressions/{made['id']}") == (204, None)
    assert manager("DELETE", f"suppressions/{made['id']}")[0] == 404
    assert Suppression.objects.count() == 1


def test_who_cannot_be_suppressed(
    world: World, manager: Program, limited: Program, stranger: Program
) -> None:
    first = str(world.agency.first.id)
    for wrong, field in (
        ({"channel": "email", "value": "nobody"}, "value"),
        ({"channel": "sms", "value": "12"}, "value"),
        ({"channel": "linkedin", "value": "https://www.linkedin.com/company/x"}, "value"),
        ({"channel": "sms", "value": "example.com", "is_domain": True}, "value"),
        ({"channel": "email", "value": "a@b.example", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ):
        status, error = manager("POST", "suppressions", {"client_id": first, **wrong})
        assert (status, error["details"]["field"]) == (422, field)
    naive = {"channel": "email", "value": "a@b.example", "expires_at": "2030-01-01T00:00:00"}
    assert list(manager("POST", "suppressions", naive)[1]["details"]["fields"]) == ["expires_at"]
    # Offsets that the database refuses, and instants that have no year in UTC.
    far = {**naive, "expires_at": "2030-01-01T00:00:00+20:27"}
    assert manager("POST", "suppressions", far)[1]["expires_at"] == "2029-12-31T03:33:00Z"
    assert manager("POST", "suppressions", {**naive, "expires_at": "9999-12-31T23:59:59-14:00"})[0] == 422
    body = {"channel": "email", "value": "a@b.example"}
    assert limited("POST", "suppressions", body)[0] == 403
    assert limited("POST", "suppressions", {**body, "client_id": first})[0] == 404
    made = manager("POST", "suppressions", {**body, "client_id": first})[1]
    assert limited("DELETE", f"suppressions/{made['id']}")[0] == 404
    assert stranger("DELETE", f"suppressions/{made['id']}")[0] == 404


def test_text_that_no_column_can_hold(world: World, manager: Program) -> None:
    assert manager("GET", "leads?q=%00")[1]["code"] == "BAD_CHARACTERS"
    body = {"channel": "email", "value": "a@b.example", "reason": "a\x00b"}
    assert manager("POST", "suppressions", body)[0] == 400
    assert manager("POST", "suppressions", {**body, "reason": "\ud800"})[0] == 400
    assert manager("POST", "suppressions", {**body, "reason": "\U0001f44d"})[1]["reason"] == "\U0001f44d"
