"""The client's people call replies qualified or not, comment, and see what the agency lets them see."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as Browser

from campaigns.models import ReplyReading
from inbox.models import Conversation, Note
from reporting.models import Fact
from reporting.redaction import COVER, cover
from tests.campaigns.conftest import WORKING, World
from tests.reporting.conftest import counted
from tests.reporting.test_reports import answered, report_of

__all__ = ["answered"]

pytestmark = pytest.mark.django_db


def judge(world: World, browser: Browser, verdict: str, **form: str) -> int:
    thread = Conversation.objects.get(has_inbound=True)
    path = world.agency.url(f"reports/replies/{thread.id}/judge/")
    return browser.post(path, {"verdict": verdict, **form}, headers={"HX-Request": "true"}).status_code


def test_the_clients_word_counts_and_the_latest_wins(answered: World, client: Browser) -> None:
    client.force_login(answered.agency.client_user)
    assert judge(answered, client, "disqualified", comment="They are a competitor.") == 200
    counted()
    people = report_of(answered)["people"]
    assert (people["positive"], people["disqualified"]) == (0, 1)
    assert ReplyReading.objects.get().intent == "not_interested"
    note = Note.objects.get()
    assert (note.body, note.author) == ("They are a competitor.", answered.agency.client_user)
    assert judge(answered, client, "qualified") == 200
    counted()
    people = report_of(answered)["people"]
    assert (people["positive"], people["qualified"], people["disqualified"]) == (1, 1, 0)
    assert Fact.objects.filter(kind__in=["qualified", "disqualified"]).count() == 1
    assert judge(answered, client, "perhaps") == 422
    page = client.get(answered.agency.url(f"reports/clients/{answered.agency.first.id}/")).content.decode()
    assert "qualified</span>" in page


def test_who_may_judge(answered: World, client: Browser) -> None:
    client.force_login(answered.agency.viewer)
    assert judge(answered, client, "qualified") == 403
    client.force_login(answered.agency.people["limited"])
    assert judge(answered, client, "qualified") in {403, 404}


def test_the_agency_says_what_is_seen(answered: World, client: Browser) -> None:
    answered.says(
        "marta",
        "Write to marta@haugen.test or call +47 22 12 34 56",
        WORKING + timedelta(minutes=9),
        message="m3",
    )
    report = answered.agency.url(f"reports/clients/{answered.agency.first.id}/")
    settings = f"{report}portal/"

    def seen() -> str:
        client.force_login(answered.agency.client_user)
        return client.get(report).content.decode()

    def allow(**form: str) -> None:
        client.force_login(answered.agency.manager)
        assert client.post(settings, form).status_code == 303

    assert "marta@haugen.test" in seen()
    allow(shows_replies="1", hides_addresses="1")
    page = seen()
    assert f"Write to {COVER} or call {COVER}" in page
    allow()
    assert "Latest replies" not in seen()
    client.force_login(answered.agency.manager)
    assert "marta@haugen.test" in client.get(report).content.decode(), "the agency reads everything"


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("a.b+c@mail.example.co", COVER),
        ("ring 0047 221 23 456 now", f"ring {COVER} now"),
        ("on 2026-12-01 at 10:00, or 01.12.2026", "on 2026-12-01 at 10:00, or 01.12.2026"),
        ("we need 12000 units in 2027", "we need 12000 units in 2027"),
    ],
)
def test_addresses_are_covered_and_figures_are_not(text: str, covered: str) -> None:
    assert cover(text) == covered
