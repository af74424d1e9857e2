"""Custom fields with kinds: values in one form, checked when imported and when changed, and found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from campaigns.lead_filters import LeadFilters, found_leads
from campaigns.lead_values import InvalidValue, clean
from campaigns.models import Lead, LeadField
from campaigns.services import imports, lead_fields
from project.core.refusals import Refused
from tests.campaigns.conftest import World


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        ("number", "1 200,50", "1200.5"), ("number", "1,234.5", "1234.5"), ("number", "1.234.567", "1234567"),
        ("number", "-3", "-3"), ("number", "1000", "1000"), ("number", "0.125", "0.125"),
        ("date", "2026-5-3", "2026-05-03"), ("date", "3.5.2026", "2026-05-03"), ("yes_no", "Ja", "yes"),
        ("yes_no", "0", "no"), ("choice", "gold", "Gold"), ("url", "example.com/a", "https://example.com/a"),
        ("text", "  two   words ", "two words"), ("number", "", ""),
    ],
)  # fmt: skip
def test_values_are_brought_into_one_form(kind: str, written: str, kept: str) -> None:
    assert clean(kind, written, options=["Gold", "Silver"]) == kept


@pytest.mark.parametrize(
    ("kind", "written", "why"),
    [
        ("number", "1,234", "two ways"), ("number", "many", "a number"), ("number", "NaN", "a number"),
        ("number", "1e99", "a number"), ("date", "5/3/2026", "a day, as"), ("date", "2026-02-30", "that there is"),
        ("yes_no", "perhaps", "yes or no"), ("choice", "Bronze", "Gold, Silver"), ("url", "javascript:alert(1)", "web"),
    ],
)  # fmt: skip
def test_what_does_not_fit_says_what_is_expected(kind: str, written: str, why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        clean(kind, written, options=["Gold", "Silver"])


@pytest.mark.django_db
def test_imports_check_values_and_the_table_finds_them(
    world: World, tmp_path: Path, settings: Any, client: Browser
) -> None:
    settings.MEDIA_ROOT = tmp_path
    agency = world.agency
    client.force_login(agency.manager)
    page = agency.url("leads/fields/")
    asked = {"client": str(agency.first.id), "name": "Tier", "kind": "choice", "options": ""}
    assert client.post(page, asked).status_code == 422
    client.post(page, {**asked, "options": "Gold\nSilver\nGold"})
    lead_fields.define(client=agency.first, name="Staff", kind="number", options=[], actor=agency.manager)
    assert LeadField.objects.get(name="Tier").options == ["Gold", "Silver"]
    body = (
        "First name,LinkedIn,Tier,Staff\n"
        'Ada,https://www.linkedin.com/in/ada-1,gold,"1 200"\n'
        "Bo,https://www.linkedin.com/in/bo-1,Bronze,3\n"
    )
    made = imports.upload(
        client=agency.first, actor=agency.manager, upload=SimpleUploadedFile("a.csv", body.encode())
    )
    imports.set_mapping(
        lead_import=made,
        mapping={"0": "first_name", "1": "linkedin", "2": "custom", "3": "custom"},
        actor=agency.manager,
    )
    imports.work(import_id=made.id)
    [bad] = made.row_errors.all()
    assert bad.reason == "Tier “Bronze”: expected one of: Gold, Silver"
    imports.confirm(lead_import=made.refreshed(), actor=agency.manager)
    imports.work(import_id=made.id)
    ada = Lead.objects.get(first_name="Ada")
    assert ada.fields == {"Tier": "Gold", "Staff": "1200"}

    def found(user: Any, **given: str) -> list[Lead]:
        access = agency.access(user)
        return list(found_leads(access, LeadFilters.of(given, access)))

    assert found(agency.manager, field="Tier", value="Gold") == [ada]
    assert found(agency.manager, field="Tier", value="gold") == []
    assert found(agency.limited, field="Tier", value="Gold") == []
    assert "Tier" in client.get(agency.url("leads/?field=Tier&value=Gold")).content.decode()

    url = agency.url(f"leads/{ada.id}/")
    assert 'name="field-Tier"' in client.get(url).content.decode()
    refused = client.post(f"{url}change/", {"field-Staff": "many"})
    assert (refused.status_code, refused.content.decode()) == (
        422, "Staff: expected a number, such as 1200 or 12.5.",
    )  # fmt: skip
    client.post(
        f"{url}change/", {"last_name": "Lovelace", "company": "Engines", "field-Tier": "", "field-New": "x"}
    )
    ada = ada.refreshed()
    assert (ada.full_name, str(ada.company)) == ("Ada Lovelace", "Engines")
    assert ada.fields == {"Staff": "1200", "New": "x"}
    with pytest.raises(Refused, match="two letters"):
        lead_fields.change_lead(lead=ada, values={"country": "X"}, fields={}, actor=agency.manager)
    client.post(agency.url(f"leads/fields/{LeadField.objects.get(name='Tier').id}/delete/"))
    assert not LeadField.objects.filter(name="Tier").exists()
