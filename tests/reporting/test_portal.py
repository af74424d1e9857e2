"""The client's people call replies qualified or not, comment, and see what the agency lets them see."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from campaigns.models import PlanReview, ReplyReading
from campaigns.services import campaigns
from inbox.models import Conversation, Note
from inbox.services import notes
from project.core.realtime.models import StreamEvent
from project.core.scoping import no_scope, platform_scope
from project.tenancy.models import AuditEntry, Membership, MembershipClient
from reporting.models import Fact, PortalPolicy, ReplyVerdict
from reporting.redaction import COVER, cover
from reporting.services import portal, sharing
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


def test_comments_without_a_verdict_are_seen_by_both_sides(answered: World, client: Browser) -> None:
    client.force_login(answered.agency.client_user)
    assert judge(answered, client, "comment", comment="We know them from the fair.") == 200
    assert judge(answered, client, "comment", comment=" ") == 422
    assert Note.objects.get().author == answered.agency.client_user
    assert not ReplyVerdict.objects.exists()
    report = answered.agency.url(f"reports/clients/{answered.agency.first.id}/")
    assert "We know them from the fair." in client.get(report).content.decode()
    notes.add_note(
        conversation_id=Conversation.objects.get(has_inbound=True).id,
        author=answered.agency.manager,
        body="Ask Ann",
    )
    assert "Ask Ann" not in client.get(report).content.decode(), "what the agency notes stays with it"


def test_the_agency_answers_a_comment_from_its_report_and_from_the_thread(
    answered: World, client: Browser
) -> None:
    """Both sides read it at once, wherever it was written; what else is noted stays with the agency."""
    agency, thread = answered.agency, Conversation.objects.get(has_inbound=True)
    report = agency.url(f"reports/clients/{agency.first.id}/")
    api = f"/api/v1/conversations/{thread.id}/comments"

    def events() -> int:
        with no_scope(), platform_scope("test"):
            return StreamEvent.objects.filter(stream__startswith="report:").count()

    client.force_login(agency.client_user)
    here = {"X-Organization": agency.slug}
    said = client.post(api, {"text": "Is she the owner?"}, content_type="application/json", headers=here)
    assert (said.status_code, said.json()["is_client"]) == (201, True)
    client.force_login(agency.agent)
    assert "Is she the owner?" in client.get(report).content.decode()
    before = events()
    assert judge(answered, client, "comment", comment="She runs the plant.") == 200
    assert events() > before, "the client's open page fetches it"
    told = notes.add_note(conversation_id=thread.id, author=agency.manager, body="she calls on Monday")
    notes.show_to_client(note_id=told.id, actor=agency.manager)
    notes.add_note(conversation_id=thread.id, author=agency.manager, body="clients like that are rare")
    client.force_login(agency.client_user)
    page = client.get(report).content.decode()
    assert "She runs the plant." in page
    assert "she calls on Monday" in page
    assert "are rare" not in page
    rows = client.get(api, headers=here).json()
    assert [(row["is_client"], row["body"]) for row in rows] == [
        (True, "Is she the owner?"), (False, "She runs the plant."), (False, "she calls on Monday"),
    ]  # fmt: skip


def test_who_may_not_read_replies_can_not_by_saying_something_either(
    answered: World, client: Browser
) -> None:
    agency, thread = answered.agency, Conversation.objects.get(has_inbound=True)
    PortalPolicy.objects.create(client=agency.first, shows_replies=False)
    client.force_login(agency.client_user)
    assert judge(answered, client, "comment", comment="Hm") == 404
    here = {"X-Organization": agency.slug}
    for path in ("comments", "verdict"):
        method = client.post if path == "comments" else client.put
        body = {"text": "Hm", "verdict": "qualified"}
        address = f"/api/v1/conversations/{thread.id}/{path}"
        assert method(address, body, content_type="application/json", headers=here).status_code == 404
    assert not Note.objects.exists()
    client.force_login(agency.agent)
    assert judge(answered, client, "comment", comment="Hm") == 200


def test_logo_and_approvals_by_the_api(answered: World, client: Browser) -> None:
    agency = answered.agency
    here, logo = {"X-Organization": agency.slug}, f"/api/v1/clients/{agency.first.id}/logo"
    client.force_login(agency.manager)
    for data, status in ((b"<svg/>", 422), (PNG, 204)):
        file = SimpleUploadedFile("logo.png", data)
        assert client.post(logo, {"logo": file}, headers=here).status_code == status
    waiting = PlanReview.objects.create(
        campaign=answered.campaign, plan_hash="a", plan={}, asked_by=agency.manager
    )
    foreign = campaigns.create(client=agency.second, name="Foreign", actor=agency.manager)
    PlanReview.objects.create(campaign=foreign, plan_hash="a", plan={}, asked_by=agency.manager)
    client.force_login(agency.client_user)
    shown = client.get(logo, headers=here)
    assert (shown.content, shown.headers["Content-Type"]) == (PNG, "image/png")
    assert client.delete(logo, headers=here).status_code == 403
    (row,) = client.get("/api/v1/approvals?state=asked", headers=here).json()["items"]
    assert (row["id"], row["campaign_id"]) == (str(waiting.id), str(answered.campaign.id))
    assert client.get("/api/v1/approvals?state=approved", headers=here).json()["items"] == []
    client.force_login(agency.manager)
    assert client.delete(logo, headers=here).status_code == 204
    assert client.get(logo, headers=here).status_code == 204


PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


def test_the_clients_logo(answered: World, client: Browser) -> None:
    agency = answered.agency
    base = agency.url(f"reports/clients/{agency.first.id}/")

    def put(data: bytes) -> int:
        file = SimpleUploadedFile("logo.png", data, content_type="image/png")
        return client.post(f"{base}portal/logo/", {"logo": file}).status_code

    client.force_login(agency.manager)
    assert put(b"<svg onload=alert(1)>") == 422, "the bytes say what it is, not the name"
    assert put(PNG + bytes(portal.LOGO_BYTES)) == 422
    assert put(PNG) == 303
    client.force_login(agency.client_user)
    assert put(PNG) == 403
    page = client.get(base).content.decode()
    found = re.search(r'src="([^"]*/logo\?[^"]*)"', page)
    assert found is not None
    image = client.get(found[1])
    assert (image.content, image.headers["Content-Type"]) == (PNG, "image/png")
    assert image.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(agency.url(f"reports/clients/{agency.second.id}/logo")).status_code == 404
    with_secret = sharing.create(
        access=agency.access(agency.manager), client=agency.first, name="Board", password="a long secret"
    )[1]
    open_link = sharing.create(access=agency.access(agency.manager), client=agency.first, name="All")[1]
    stranger = Browser()
    assert stranger.get(f"/share/{with_secret}/logo").status_code == 404
    assert f"/share/{open_link}/logo" in stranger.get(f"/share/{open_link}").content.decode()
    assert stranger.get(f"/share/{open_link}/logo").content == PNG
    client.force_login(agency.manager)
    client.post(f"{base}portal/logo/")
    assert client.get(f"{base}logo").status_code == 204


def test_the_clients_people_find_what_waits_for_their_word(answered: World, client: Browser) -> None:
    agency = answered.agency
    campaign = campaigns.create(client=agency.first, name="Spring fair", actor=agency.manager)
    foreign = campaigns.create(client=agency.second, name="Foreign", actor=agency.manager)
    for one in (campaign, foreign):
        PlanReview.objects.create(campaign=one, plan_hash="a", plan={}, asked_by=agency.manager)
    client.force_login(agency.client_user)
    page = client.get(agency.url("reports/approvals/")).content.decode()
    assert agency.url(f"campaigns/{campaign.id}/review/") in page
    assert 'Approvals <b class="num font-semibold">1</b>' in page
    assert "Foreign" not in page


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


def test_a_note_is_seen_by_the_client_only_when_it_is_shown_to_it(answered: World, client: Browser) -> None:
    agency = answered.agency
    thread = Conversation.objects.get(has_inbound=True)
    report = agency.url(f"reports/clients/{agency.first.id}/")
    private = notes.add_note(conversation_id=thread.id, author=agency.agent, body="Margin is thin here")

    def seen(by: str = "client") -> str:
        client.force_login(agency.people[by])
        return client.get(report).content.decode()

    def post(path: str, **form: str) -> int:
        client.force_login(agency.agent)
        return client.post(agency.url(path), form, headers={"HX-Request": "true"}).status_code

    assert post(f"inbox/{thread.id}/notes/", body="Call her on +47 22 12 34 56", show_to_client="1") == 200
    shown = Note.objects.get(shown_to_client_at__isnull=False)
    assert "Call her on +47 22 12 34 56" in seen()
    assert "Margin is thin here" not in seen()
    portal.set_policy(
        access=agency.access(agency.manager), client=agency.first, shows_replies=True, hides_addresses=True
    )
    assert f"Call her on {COVER}" in seen(), "what is covered in replies is covered in notes, too"
    # Shown and kept back afterwards, by whoever may answer; the page of the thread says which it is.
    assert post(f"inbox/notes/{private.id}/showing/") == 204
    assert "Margin is thin here" in seen()
    client.force_login(agency.agent)
    assert (
        client.get(agency.url(f"inbox/{thread.id}/")).content.decode().count("Note that the client sees") == 4
    )
    assert client.delete(agency.url(f"inbox/notes/{private.id}/showing/")).status_code == 204
    assert client.delete(agency.url(f"inbox/notes/{shown.id}/showing/")).status_code == 204
    page = seen()
    assert ("Margin is thin here" in page, f"Call her on {COVER}" in page) == (False, False)
    told = AuditEntry.objects.filter(action__startswith="note.").order_by("created_at", "id")
    assert [one.action for one in told] == [
        "note.shown_to_client", "note.shown_to_client", "note.hidden_from_client", "note.hidden_from_client",
    ]  # fmt: skip
    # What the client wrote itself is not taken out of its sight.
    own = portal.comment(access=agency.access(agency.client_user), conversation=thread, text="We know them")
    assert client.delete(agency.url(f"inbox/notes/{own.id}/showing/")).status_code == 403
    client.force_login(agency.agent)
    refused = client.delete(agency.url(f"inbox/notes/{own.id}/showing/"))
    assert (refused.status_code, "go on seeing it" in refused.content.decode()) == (422, True)


def test_whoever_has_no_name_is_covered_like_what_they_wrote(answered: World, client: Browser) -> None:
    agency = answered.agency
    Conversation.objects.filter(has_inbound=True).update(
        lead=None, counterpart_name="", counterpart_id="kari@fjord.test"
    )
    Conversation.objects.filter(has_inbound=True).update(counterpart_name="kari@fjord.test")
    report = agency.url(f"reports/clients/{agency.first.id}/")
    client.force_login(agency.client_user)
    assert "kari@fjord.test" in client.get(report).content.decode()
    portal.set_policy(
        access=agency.access(agency.manager), client=agency.first, shows_replies=True, hides_addresses=True
    )
    assert "kari@fjord.test" not in client.get(report).content.decode()


def test_people_of_two_clients_stay_in_the_clients_frame(answered: World, client: Browser) -> None:
    agency = answered.agency
    membership = Membership.objects.get(user=agency.client_user)
    MembershipClient.objects.create(membership=membership, client=agency.second)
    client.force_login(agency.client_user)
    for path in ("reports/", "reports/compare/"):
        page = client.get(agency.url(path)).content.decode()
        assert "portal-head" in page, path
        assert str(agency.first) in page
