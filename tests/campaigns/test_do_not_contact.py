"""The page of who must not be contacted: finding, adding and taking off."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from campaigns.models import Suppression, Unsubscribe
from campaigns.services import suppression, unsubscribes
from campaigns.services.unsubscribes import Address
from integrations.services import suppressions
from tests.campaigns.conftest import World

pytestmark = pytest.mark.django_db


def test_somebody_is_put_on_the_list_and_taken_off(world: World, client: Browser) -> None:
    client.force_login(world.agency.manager)
    url = world.agency.url("leads/do-not-contact/")
    assert "Nobody on the list" in client.get(url).content.decode()
    assert url in client.get(world.agency.url("leads/")).content.decode()

    client.post(f"{url}add/", {"channel": "email", "value": "Ana@Example.COM", "reason": "<b>called</b>"})
    client.post(f"{url}add/", {"channel": "email", "value": "@rival.example"})
    person, domain = Suppression.objects.order_by("created_at")
    assert (person.value, person.is_domain, person.client_id) == ("ana@example.com", False, None)
    assert (domain.value, domain.is_domain) == ("rival.example", True)
    page = client.get(url).content.decode()
    assert "everybody at rival.example" in page
    assert "&lt;b&gt;called&lt;/b&gt;" in page

    assert "Not on the list" in client.get(url, {"q": "nobody"}).content.decode()
    found = client.get(url, {"q": "ANA@"}).content.decode()
    assert "ana@example.com" in found
    assert "rival.example" not in found
    client.post(f"{url}{person.id}/remove/")
    assert list(Suppression.objects.all()) == [domain]


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        ("email", ""),
        ("email", "a b@c"),
        ("email", "x" * 301),
        ("sms", "call me"),
        ("fax", "1"),
        ("email", "<i>"),
    ],
)
def test_bad_input_is_refused_with_the_reason(
    world: World, client: Browser, channel: str, value: str
) -> None:
    client.force_login(world.agency.manager)
    url = world.agency.url("leads/do-not-contact/add/")
    answer = client.post(url, {"channel": channel, "value": value})
    assert answer.status_code == 422
    assert "field-e" in answer.content.decode()
    assert not Suppression.objects.exists()


def test_a_wish_after_the_entry_was_taken_off_counts_as_new(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        suppressions, "take_back", lambda *, client_id, address: told.append((str(client_id), address))
    )
    who = Address(client_id=world.campaign.client_id, channel="email", value="ana@example.com")
    first = unsubscribes.record(address=who, how="link")
    suppression.remove(suppression=Suppression.objects.get(), actor=world.agency.manager)
    assert first.refreshed().undone_at is not None
    assert told == [(str(world.campaign.client_id), "ana@example.com")]
    assert unsubscribes.record(address=who, how="link").id != first.id
    assert Unsubscribe.objects.filter(undone_at=None).count() == 1
    assert unsubscribes.resubscribe(address=who)
    assert len(told) == 2, "the provider's list too, or it would drop what is sent"


def test_a_link_that_was_cut_off_has_a_page(client: Browser) -> None:
    answer = client.get("/u/01a1fde5")
    assert answer.status_code == 404
    assert "<h1" in answer.content.decode()


def test_a_reader_sees_the_list_and_no_acts(world: World, client: Browser) -> None:
    client.force_login(world.agency.viewer)
    url = world.agency.url("leads/do-not-contact/")
    page = client.get(url)
    assert page.status_code == 200
    assert "Add an address" not in page.content.decode()
    assert client.post(f"{url}add/", {"channel": "email", "value": "a@example.com"}).status_code == 403


def test_the_list_comes_in_and_goes_out_as_a_file(world: World, client: Browser) -> None:
    agency = world.agency
    client.force_login(agency.manager)
    url = agency.url("leads/do-not-contact/")
    nia = world.lead("Nia", "nia")
    body = (
        "Channel,Address,Reason\n,Ana@Example.COM,=cmd()\n,rival.example,\n,'+46701740615,\n"
        ",https://www.linkedin.com/in/nia,left\nfax,12,\n,not an address,\n"
    )
    given = {"file": SimpleUploadedFile("list.csv", body.encode()), "client": str(agency.first.id)}
    page = client.post(f"{url}file/", given).content.decode()
    assert "4 on the list, 2 left out" in page
    assert "Row 6, 12: A channel is email, sms or linkedin." in page
    assert "Row 7, not an address: This is no e-mail address" in page
    rows = Suppression.objects.filter(client=agency.first)
    assert set(rows.values_list("channel", "value", "is_domain", "source")) == {
        ("email", "ana@example.com", False, "import"), ("email", "rival.example", True, "import"),
        ("sms", "+46701740615", False, "import"), ("linkedin", "nia", False, "import"),
    }  # fmt: skip
    assert nia.refreshed().suppressed_until is not None

    answer = client.get(f"{url}list.csv")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert "'+46701740615" in text
    assert "'=cmd()" in text
    rows.delete()
    again = client.post(f"{url}file/", {"file": SimpleUploadedFile("list.csv", text.encode())})
    assert "4 on the list, none left out" in again.content.decode()
    assert Suppression.objects.get(value="ana@example.com", client=None).reason == "=cmd()"
    assert (
        client.post(f"{url}file/", {"file": SimpleUploadedFile("l.csv", b"x" * 600_000)}).status_code == 422
    )
    long = SimpleUploadedFile("l.csv", b"address\n" + b"a@b.test\n" * 1_001)
    assert "more than 1000 rows" in client.post(f"{url}file/", {"file": long}).content.decode()

    client.force_login(agency.limited)
    seen = b"".join(client.get(f"{url}list.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "ana@example.com" not in seen
