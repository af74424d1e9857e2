"""A client's report counts people from facts, says what it is counted from, and shows a client nothing else."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.test import Client as Browser

from campaigns.models import ReplyReading, VariantChoice
from campaigns.selectors import progress_of
from campaigns.services import campaigns, readings, steering, variants
from project.tenancy.models import AuditEntry
from reporting import exports, selectors, selectors_facts, selectors_live
from reporting.filters import Filters
from reporting.models import Fact
from reporting.selectors_rows import RowFilters
from tests.campaigns.conftest import WORKING, World
from tests.reporting.conftest import counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def answered(world: World, time_machine: Any) -> World:
    """Three invited, two connected and written to, one replied with interest."""
    for name in ("marta", "owen", "joost"):
        world.lead(name.title(), name)
    world.launch()
    world.tick()
    for outbound in world.queued():
        world.deliver(outbound)
    for name in ("marta", "owen"):
        world.accepts(name, WORKING + timedelta(minutes=1))
    time_machine.move_to(WORKING + timedelta(minutes=2), tick=False)
    world.tick()
    for outbound in world.queued():
        world.deliver(outbound)
    world.says("marta", "Sounds interesting, tell me more", WORKING + timedelta(minutes=5))
    counted()
    return world


def report_of(world: World, **given: str) -> dict[str, Any]:
    client = world.agency.first
    return selectors.client_report(client, Filters.of(given, ZoneInfo(client.time_zone)))


def campaign_report_of(world: World, **given: str) -> dict[str, Any]:
    world.campaign.refresh_from_db()
    return selectors.campaign_report(world.campaign, Filters.of(given, ZoneInfo("UTC")))


def steps(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [(step["label"], step["value"]) for step in report["funnel"]]


def test_the_funnel_counts_people(answered: World) -> None:
    assert steps(report_of(answered)) == [
        ("Enrolled", 3), ("Contacted", 3), ("Reached", 2), ("Replied", 1), ("Positive", 1), ("Meeting", 0),
    ]  # fmt: skip
    linkedin = report_of(answered)["channels"][0]
    assert (linkedin["channel"], steps(linkedin)[:4]) == (
        "linkedin",
        [("Invited", 3), ("Connected", 2), ("Messaged", 2), ("Replied", 1)],
    )


def test_what_a_reply_answers_gets_it(answered: World) -> None:
    report = campaign_report_of(answered)
    rows = {row["key"]: (row["sent"], row["replied"], row["positive"]) for row in report["steps"]}
    assert rows == {"invite": (3, 0, 0), "message": (2, 1, 1), "follow_up": (0, 0, 0)}
    assert report["waits"]["rows"][0] == {"name": "within 1 h", "value": 1, "width": 100.0}


def test_the_figures_of_a_page_add_up_and_agree_with_the_facts(answered: World) -> None:
    whole, one = report_of(answered), campaign_report_of(answered)
    for kind in ("contacted", "replied", "positive"):
        facts = (
            Fact.objects.filter(kind__in=selectors_sources(kind)).values("enrollment_id").distinct().count()
        )
        assert whole["people"][kind] == one["people"][kind] == facts
        assert whole["campaigns"]["all"][kind] == facts
        for rows in (whole["senders"], one["senders"], one["steps"]):
            assert sum(row[kind] for row in rows) == facts
        assert sum(getattr(point, kind) for point in whole["trend"].points) == facts
    assert whole["heat"]["total"] == whole["people"]["replied"]


def selectors_sources(kind: str) -> tuple[str, ...]:
    return {"contacted": ("invited", "messaged", "emailed", "texted")}.get(kind, (kind,))


def test_a_replayed_fact_is_counted_once(answered: World) -> None:
    before = Fact.objects.count()
    answered.says("marta", "Sounds interesting, tell me more", WORKING + timedelta(minutes=5))
    assert Fact.objects.count() == before


def test_a_note_of_absence_is_no_reply(answered: World) -> None:
    answered.says(
        "owen", "I am out of the office until 1 December.", WORKING + timedelta(minutes=6), message="m2"
    )
    counted()
    people = report_of(answered)["people"]
    assert (people["replied"], people["away"]) == (1, 1)
    assert [row.intent for row in ReplyReading.objects.order_by("occurred_at")] == [
        "interested",
        "out_of_office",
    ]
    assert progress_of([answered.campaign.id])[answered.campaign.id].replied == 1


def test_a_corrected_note_of_absence_becomes_a_reply_and_back(answered: World) -> None:
    answered.says(
        "owen", "I am out of the office until 1 December.", WORKING + timedelta(minutes=6), message="m2"
    )
    note = ReplyReading.objects.get(intent="out_of_office")
    real = ReplyReading.objects.get(intent="interested")

    def says(reading: ReplyReading, intent: str) -> tuple[int, ...]:
        readings.correct(reading=reading.refreshed(), intent=intent, actor=answered.agency.manager)
        counted()
        people = report_of(answered)["people"]
        return tuple(people[kind] for kind in ("replied", "positive", "away"))

    assert says(note, "question") == (2, 2, 0)
    assert says(note, "automatic") == (1, 1, 0)
    assert says(note, "not_now") == (2, 1, 0)
    assert says(note, "out_of_office") == (1, 1, 1)
    assert says(real, "out_of_office") == (0, 0, 2)
    assert says(real, "interested") == (1, 1, 1)
    assert campaign_report_of(answered)["waits"]["total"] == 1, "with what it answers"


def test_a_correction_and_a_meeting_change_the_figures(answered: World) -> None:
    manager = answered.agency.manager
    reading = ReplyReading.objects.get()
    readings.correct(reading=reading, intent="not_interested", actor=manager)
    counted()
    assert report_of(answered)["people"]["positive"] == 0
    readings.correct(reading=reading.refreshed(), intent="interested", actor=manager)
    for _ in range(2):
        steering.mark_meeting(enrollment_id=reading.enrollment_id, actor=manager)
    counted()
    people = report_of(answered)["people"]
    assert (people["positive"], people["meeting"]) == (1, 1)
    assert Fact.objects.filter(kind="meeting").count() == 1
    steering.unmark_meeting(enrollment_id=reading.enrollment_id, actor=manager)
    counted()
    people = report_of(answered)["people"]
    assert (people["positive"], people["meeting"]) == (1, 0)
    steering.mark_meeting(enrollment_id=reading.enrollment_id, actor=manager)
    counted()
    assert report_of(answered)["people"]["meeting"] == 1, "a mark after that counts again"


def links_of(client: Browser, path: str) -> dict[str, int]:
    """The addresses of rows on a page, each with the number that it stands for."""
    page = client.get(path).content.decode()
    found = re.findall(r'href="([^"]*reports/rows/[^"]*)">([\d,]+)</a>', page)
    return {address.replace("&amp;", "&"): int(shown) for address, shown in found}


def test_every_number_opens_as_many_rows(answered: World, client: Browser, time_machine: Any) -> None:
    time_machine.move_to(WORKING + timedelta(minutes=30), tick=False)
    client.force_login(answered.agency.manager)
    campaign = f"reports/campaigns/{answered.campaign.id}/"
    report = f"reports/clients/{answered.agency.first.id}/"
    for kind, in_time in (
        ("answered", True),
        ("answered", None),
        ("answered", False),
        ("promise_broken", None),
        ("first_answered", None),
        ("resolved", None),
    ):
        Fact.objects.create(
            kind=kind, key=f"{kind}:{in_time}", occurred_at=WORKING, client_id=answered.agency.first.id,
            user_id=answered.agency.agent.id, in_time=in_time,
        )  # fmt: skip
    for number in range(14):
        for kind in ("emailed", *(["bounced"] if number > 11 else [])):
            Fact.objects.create(
                kind=kind, key=f"{kind}:{number}", occurred_at=WORKING, client_id=answered.agency.first.id,
                campaign_id=answered.campaign.id, enrollment_id=uuid4(), channel="email", node_id="message",
                domain=f"d{number:02}.test", sender_id=answered.sender.id,
            )  # fmt: skip
    counted()
    domains = campaign_report_of(answered)["domains"]
    assert [(row["label"], row["emailed"], row["bounced"]) for row in domains[11:]] == [
        ("d11.test", 1, 0),
        ("2 others", 2, 2),
    ]
    pages = {
        "reports/inbox/": 12, campaign: 37, f"{campaign}cohorts/": 6,
        report: 35, f"{report}?channel=linkedin": 12, "reports/": 3,
        f"{report}?campaign={answered.campaign.id}&only=sender:{answered.sender.id}": 11, "reports/compare/": 3,
        "reports/live/": 2,
    }  # fmt: skip
    for path, least in pages.items():
        links = links_of(client, answered.agency.url(path))
        assert len(links) >= least, path
        for address, shown in links.items():
            rows = client.get(address).content.decode()
            assert rows.count("data-fact=") == shown, (path, address)


def test_there_is_no_forecast_where_nothing_is_sent(answered: World, client: Browser) -> None:
    client.force_login(answered.agency.manager)
    paths = (f"reports/campaigns/{answered.campaign.id}/", f"reports/clients/{answered.agency.first.id}/")
    for path in paths:
        assert "Nothing is being sent now" not in client.get(answered.agency.url(path)).content.decode()
    campaigns.pause(campaign=answered.campaign.refreshed(), actor=answered.agency.manager)
    for path, said in zip(paths, ("the campaign is paused", "no campaign here is running"), strict=True):
        assert said in client.get(answered.agency.url(path)).content.decode()
    assert report_of(answered)["outlook"]["positive"] is None


def test_a_narrowed_report_has_the_figures_of_its_part(
    answered: World, client: Browser, monkeypatch: Any
) -> None:
    whole = {**report_of(answered)["people"], "enrolled": 0}
    sender, list_id = str(answered.sender.id), str(answered.campaign.id)
    assert report_of(answered, channel="linkedin")["people"] == whole
    assert report_of(answered, only=f"sender:{sender}")["people"] == whole
    assert campaign_report_of(answered, sender=sender)["people"] == whole
    for nothing in ({"channel": "email"}, {"sender": list_id}, {"list": list_id}, {"campaign": sender}):
        assert not any(report_of(answered, **nothing)["people"].values()), nothing
    both = {"channel": "linkedin", "sender": sender}
    assert report_of(answered, **both)["people"] == whole, "counted from facts, the same"
    assert (
        campaign_report_of(answered, **both)["trend"].points == campaign_report_of(answered)["trend"].points
    )
    one = report_of(answered, channel="linkedin")["campaigns"]["rows"]
    assert report_of(answered, **both)["campaigns"]["rows"] == one
    for nothing in ({**both, "channel": "email"}, {**both, "list": list_id}):
        assert not any(report_of(answered, **nothing)["people"].values()), nothing
    assert report_of(answered, days="9" * 5000)["filters"].chosen == "28", (
        "no number that Python refuses to read"
    )
    odd = report_of(answered, channel="smoke")["people"]
    assert odd == {**whole, "enrolled": 3}, "what makes no sense narrows nothing"
    assert steps(report_of(answered, channel="linkedin"))[0] == ("Contacted", 3)
    client.force_login(answered.agency.manager)
    base = answered.agency.url(f"reports/clients/{answered.agency.first.id}/")
    page = client.get(f"{base}?channel=linkedin&sender={sender}").content.decode()
    assert f"Narrowed to LinkedIn, {answered.sender.name}" in page
    assert page.count(" selected") == 2
    monkeypatch.setattr(selectors_facts, "MOST", 3)
    for address in (base, f"{base}report.csv"):
        refused = client.get(f"{address}?channel=linkedin&sender={sender}")
        assert refused.status_code == 422
        assert "choose fewer days" in refused.content.decode()
    page = client.get(f"{base}?channel=email&before=0").content.decode()
    assert "Narrowed to E-mail" in page
    assert "?days=7&amp;before=0&amp;channel=email" in page, "other days keep what was chosen"
    text = b"".join(client.get(f"{base}report.csv?channel=email").streaming_content).decode()  # type: ignore[attr-defined]
    assert "Contacted,0," in text
    assert "Time to reply" not in text
    assert "tell me more" not in page


def test_today_is_compared_with_the_same_hours_of_weeks_before(answered: World, time_machine: Any) -> None:
    access = answered.agency.access(answered.agency.manager)
    time_machine.move_to(WORKING + timedelta(minutes=30), tick=False)
    for weeks, minutes in ((1, 0), (1, 29), (1, 31), (2, 0), (5, 0)):
        Fact.objects.create(
            kind="replied", key=f"{weeks}:{minutes}", client_id=answered.agency.second.id,
            occurred_at=WORKING - timedelta(weeks=weeks) + timedelta(minutes=minutes),
        )  # fmt: skip
    shown = selectors_live.today(access)
    pace = {row["kind"]: (row["today"], row["usual"]) for row in shown["pace"]}
    assert pace == {"contacted": (5, 0), "replied": (1, 0.8), "positive": (1, 0), "meeting": (0, 0)}
    assert [row["kind"] for row in shown["activity"]][:3] == ["positive", "replied", "connected"]
    assert len(shown["activity"]) == 8
    assert len(selectors_live.today(access, limit=3)["activity"]) == 3
    limited = answered.agency.access(answered.agency.client_user)
    assert [row["usual"] for row in selectors_live.today(limited)["pace"]] == [0, 0, 0, 0]


def test_hours_and_waits_open_what_they_count(answered: World, client: Browser) -> None:
    manager = answered.agency.access(answered.agency.manager)
    given = {"kind": "replied", "campaign": str(answered.campaign.id)}

    def found(**more: str) -> int:
        filters = RowFilters.of({**given, **more}, manager)
        assert filters is not None
        return filters.rows(manager).count()

    at = WORKING + timedelta(minutes=5)
    hour = f"{at.hour}-{at.hour + 1}"
    assert (found(hours=hour), found(hours=hour, weekday=str(at.weekday())), found(hours="1-2")) == (1, 1, 0)
    assert (found(hours=hour, left="1"), found(elsewhere="1"), found(wait="0"), found(wait="1")) == (
        1,
        0,
        1,
        0,
    )
    monday = (at - timedelta(days=at.weekday())).date()
    assert (found(cohort=str(monday)), found(cohort=str(monday - timedelta(days=7)))) == (1, 0)
    assert found(cohort=str(monday), within="7") == 1
    filters = RowFilters.of({**given, "cohort": str(monday), "hours": hour, "wait": "0"}, manager)
    assert filters is not None
    again = RowFilters.of(dict(parse_qsl(filters.query)), manager)
    assert again == filters, "the address says all of it"


def test_files_have_the_figures_and_are_audited(answered: World, client: Browser) -> None:
    answered.campaign.name = "=cmd|'/c calc'!A0"
    answered.campaign.save()
    client.force_login(answered.agency.manager)
    base = answered.agency.url(f"reports/clients/{answered.agency.first.id}/report")
    text = b"".join(client.get(f"{base}.csv").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert ["Contacted", "3", "3"] in list(csv.reader(io.StringIO(text)))
    assert "\n=cmd" not in text
    book = b"".join(client.get(f"{base}.xlsx").streaming_content)  # type: ignore[attr-defined]
    sheets = openpyxl.load_workbook(io.BytesIO(book))
    assert [cell.value for cell in sheets["Funnel"][3]] == ["Contacted", 3, 3]
    assert [cell.value for cell in sheets["Funnel linkedin"][2]] == ["Invited", 3, None]
    assert ["first_answers", 0] in [[cell.value for cell in row] for row in sheets["Answers"]]
    assert sheets["Campaigns"]["A2"].value.startswith("'=cmd")
    rows = client.get(answered.agency.url(f"reports/rows.csv?kind=replied&client={answered.agency.first.id}"))
    found = list(csv.DictReader(io.StringIO(b"".join(rows.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined]
    assert [(row["person"], row["step"]) for row in found] == [("Marta Lindqvist", "message")]
    assert AuditEntry.objects.filter(action="report.exported").count() == 3


def test_the_client_sees_the_reply_and_only_its_own_report(answered: World, client: Browser) -> None:
    agency = answered.agency
    foreign = campaigns.create(client=agency.second, name="Foreign", actor=agency.manager)
    client.force_login(agency.client_user)
    home = client.get(agency.url("reports/"), follow=True)
    page = home.content.decode()
    assert "tell me more" in page
    assert agency.url(f"reports/clients/{agency.first.id}/") in home.redirect_chain[-1][0]
    for path in (
        f"reports/clients/{agency.second.id}/", f"reports/clients/{agency.second.id}/report.csv",
        f"reports/campaigns/{foreign.id}/", f"reports/campaigns/{foreign.id}/cohorts/",
        f"reports/rows/?client={agency.second.id}", f"reports/rows.csv?campaign={foreign.id}",
    ):  # fmt: skip
        assert client.get(agency.url(path)).status_code == 404, path
    assert client.get(agency.url("inbox/")).status_code == 403


def test_days_are_the_clients(world: World, time_machine: Any) -> None:
    from reporting.services import facts

    facts.record(
        kind="replied", key="k", occurred_at=WORKING.replace(hour=23, minute=30),
        client_id=world.agency.first.id, lead_id=world.lead("Marta", "marta").id,
    )  # fmt: skip
    world.agency.first.time_zone = "Europe/Stockholm"
    world.agency.first.save()
    time_machine.move_to(WORKING + timedelta(days=2), tick=False)
    counted()
    trend = report_of(world, days="7")["trend"]
    assert {point.first.day: point.replied for point in trend.points}[19] == 1


def test_limits_and_reliability_of_a_clients_accounts(answered: World, client: Browser) -> None:
    agency = answered.agency
    client.force_login(agency.manager)
    page = client.get(agency.url(f"reports/sending/?client={agency.first.id}&days=28")).content.decode()
    assert f'data-usage="{answered.sender.id}:invite"' in page
    assert "Days at the limit" in page
    assert "<dt>Webhooks</dt>" in page
    other = client.get(agency.url(f"reports/sending/?client={agency.second.id}")).content.decode()
    assert str(answered.sender.id) not in other
    client.force_login(agency.client_user)
    assert client.get(agency.url("reports/sending/")).status_code == 403
    client.force_login(agency.people["limited"])
    assert client.get(agency.url(f"reports/sending/?client={agency.first.id}")).status_code == 404


def test_a_file_has_the_wordings_and_which_was_decided_on() -> None:
    verdict: Any = None
    trial = variants.Trial("opening", (), verdict, VariantChoice(variant_id="b"))
    row = {"trial": trial, "rows": [{"variant": "b", "positive": 2, "contacted": 9, "opted_out": 1}]}
    found = exports.tables(
        {
            "people": {}, "funnel": [], "trend": SimpleNamespace(points=[]), "channels": [], "notes": [],
            "trials": [row], "service": None, "outlook": {"until": WORKING.date()}, "heat": None,
        }
    )  # fmt: skip
    assert found[-1][2] == [["opening", "b", 2, 9, 1, "b"]]
