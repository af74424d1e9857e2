"""A client's rules of outreach: what must be settled first, pages, operations; and decent hours for texts."""

# ruff: noqa: E501 (rows that say one thing stay on one line)

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.models import Brake, OutreachPolicy, SendOutcome
from campaigns.scheduling import ALWAYS, Calendar, CalendarNeverOpens, SendingWindow, is_open, zone
from campaigns.scheduling.phones import common_hours, spread_over_common_hours, zones_of_number
from campaigns.services import checklist, outreach, unsubscribes
from campaigns.services.campaigns import CampaignRefused
from project.tenancy.models import AuditEntry
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import WORKING

__all__ = ["post"]


# --- hours --------------------------------------------------------------------------------------------

NUMBERS = [
    "+46701234567",
    "+12125550123",
    "+13105550123",
    "+18005550123",
    "+79161234567",
    "+61412345678",
    "+9779812345678",
]
WINDOW = Calendar(
    windows=(SendingWindow.from_json({"weekdays": [0, 1, 2, 3, 4], "start": "08:00", "end": "21:00"}),)
)


def test_a_number_tells_its_zones() -> None:
    assert zones_of_number("+46701234567") == (zone("Europe/Stockholm"),)
    assert zone("America/New_York") in zones_of_number("+12125550123")
    assert len(zones_of_number("+18005550123")) > 3
    assert zones_of_number("nonsense") == ()


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 730 * 1440).map(
        lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.sampled_from(NUMBERS),
    st.sampled_from([Calendar(windows=(ALWAYS,)), WINDOW]),
    st.sampled_from(["Europe/Stockholm", "America/Los_Angeles", "UTC"]),
)
def test_no_text_leaves_at_an_indecent_hour_anywhere(
    moment: datetime, phone: str, calendar: Calendar, name: str
) -> None:
    zones, tz = zones_of_number(phone), zone(name)

    def leaves(at: datetime, seed: str = "a") -> datetime:
        return spread_over_common_hours(
            at, zones, seed=seed, from_hour=9, until_hour=20, calendar=calendar, tz=tz
        )

    try:
        at_once = [leaves(moment, f"lead-{number}") for number in range(8)]
    except CalendarNeverOpens:
        return
    for opens in at_once:
        assert opens >= moment
        assert is_open(opens, calendar, tz)
        assert all(9 <= opens.astimezone(place).hour < 20 for place in zones)
        assert leaves(opens) == opens
    if at_once[0] > moment:
        assert len(set(at_once)) > 4  # what waited for the morning does not leave in one burst


def test_hours_that_never_meet_are_said_to() -> None:
    night = Calendar(
        windows=(SendingWindow.from_json({"weekdays": [0, 1, 2, 3, 4], "start": "02:00", "end": "05:00"}),)
    )
    place = zone("Europe/Stockholm")
    with pytest.raises(CalendarNeverOpens):
        common_hours(WORKING, (place,), from_hour=9, until_hour=20, calendar=night, tz=place)


# --- what must be settled -----------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


def test_no_campaign_starts_before_consent_and_address_are_settled(post: Post) -> None:
    OutreachPolicy.objects.all().delete()
    post.lead("Ada")
    with pytest.raises(CampaignRefused) as refusal:
        post.launch()
    said = " ".join(refusal.value.problems)
    assert "consent basis" in said
    assert "postal address" in said
    assert "text messages" in said
    points = [point for point in checklist.check(post.campaign) if point.code == "consent"]
    assert [point.mends_rules for point in points] == [True, True]
    outreach.save(
        client=post.agency.first,
        values={"postal_address": "Storgatan 1", "email_basis": "consent", "sms_basis": "customer"},
        actor=post.agency.manager,
    )
    post.launch()
    assert post.campaign.status == "active"
    assert (
        AuditEntry.objects.get(action="client.outreach_rules_changed").data["after"]["sms_basis"]
        == "customer"
    )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"sms_basis": "legitimate_interest"}, "sms_basis"),
        ({"email_basis": "because"}, "email_basis"),
        ({"unsubscribe_text": " "}, "unsubscribe_text"),
        ({"sms_from_hour": 20, "sms_until_hour": 9}, "sms_until_hour"),
        ({"soft_bounce_days": 0}, "soft_bounce_days"),
        ({"postal_address": "x" * 401}, "postal_address"),
        ({"colour": 3}, "colour"),
    ],
)
def test_rules_that_make_no_sense_are_refused(post: Post, values: dict[str, Any], field: str) -> None:
    with pytest.raises(outreach.PolicyRefused) as refusal:
        outreach.save(client=post.agency.first, values=values, actor=post.agency.manager)
    assert refusal.value.field == field


# --- pages --------------------------------------------------------------------------------------------


@pytest.fixture
def desk(post: Post) -> Browser:
    made = Browser()
    made.force_login(post.agency.manager)
    return made


def test_the_rules_are_settled_on_their_page(post: Post, desk: Browser) -> None:
    OutreachPolicy.objects.all().delete()
    path = f"/o/{post.agency.slug}/settings/clients/{post.agency.first.id}/outreach/"
    assert b"consent basis" in desk.get(path).content
    form = {
        "postal_address": "Storgatan 1", "email_basis": "consent", "unsubscribe_text": "Leave", "unsubscribe_scope": "client",
        "soft_bounce_days": "14", "address_policy": "block", "sms_from_hour": "20", "sms_until_hour": "9", "email_footer": "on",
    }  # fmt: skip
    answer = desk.post(path, form)
    assert answer.status_code == 422
    assert b"Must be later" in answer.content
    assert b"Storgatan 1" in answer.content
    assert desk.post(path, {**form, "sms_from_hour": "9", "sms_until_hour": "18"}).status_code == 303
    policy = OutreachPolicy.objects.get()
    assert (policy.soft_bounce_days, policy.sms_until_hour, policy.track_opens) == (14, 18, False)


def test_brakes_are_listed_and_released(post: Post, desk: Browser) -> None:
    brake = Brake.objects.create(
        client=post.agency.first, scope="sender", target=str(post.mailbox.id), signal="bounce", counted=5, sample=80,
        reason="5 of the last 80 e-mails bounced (6.25 %).",
    )  # fmt: skip
    path = f"/o/{post.agency.slug}/campaigns/brakes/"
    page = desk.get(path)
    assert b"Leo Sand" in page.content
    assert b"Stays until somebody releases it" in page.content
    for _ in range(2):
        assert desk.post(f"{path}{brake.id}/release/").status_code in {200, 303}
    assert brake.refreshed().released_by == post.agency.manager
    assert b"Manager" in desk.get(path).content


# --- operations ---------------------------------------------------------------------------------------


def call(desk: Browser, post: Post, method: str, path: str, data: Any = None) -> Any:
    headers = {"X-Organization": post.agency.slug}
    body = {} if data is None else {"data": json.dumps(data), "content_type": "application/json"}
    answer = desk.generic(method, f"/api/v1{path}", headers=headers, **body)
    return answer.status_code, json.loads(answer.content) if answer.content else None


def test_rules_by_api(post: Post, desk: Browser) -> None:
    path = f"/clients/{post.agency.first.id}/outreach"
    status, found = call(desk, post, "GET", path)
    assert status == 200
    assert found["lacking"] == {"email": [], "sms": []}
    status, found = call(desk, post, "PATCH", path, {"postal_address": ""})
    assert status == 200
    assert found["lacking"]["email"]
    status, found = call(desk, post, "PATCH", path, {"sms_basis": "legitimate_interest"})
    assert (status, found["code"]) == (422, "VALIDATION_ERROR")


def test_unsubscribes_by_api(post: Post, desk: Browser) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    token = sent.payload["headers"]["List-Unsubscribe"].rsplit("/u/", 1)[1].rstrip(">")
    link = unsubscribes.find(token)
    assert link is not None
    unsubscribes.use(link, how="one_click")
    _, page = call(desk, post, "GET", "/unsubscribes?filter[standing]=true")
    assert [(row["value"], row["how"], row["lead_id"]) for row in page["items"]] == [
        ("ada@prospect.test", "one_click", str(lead.id))
    ]
    assert SendOutcome.objects.count() == 1
    _, counted = call(desk, post, "GET", "/unsubscribes/statistics?by=campaign")
    assert counted == [
        {"id": str(post.campaign.id), "sent": 1, "unsubscribed": 1, "rate": 1.0, "how": {"one_click": 1}}
    ]
    _, found = call(desk, post, "GET", "/unsubscribes/status?channel=email&address=ADA@prospect.test")
    assert found["suppressed"] is True
    assert found["suppressions"][0]["source"] == "one_click"
    status, refused = call(desk, post, "GET", "/unsubscribes/status?channel=email&address=nobody")
    assert (status, refused["details"]["field"]) == (422, "address")
    given = {"client_id": str(post.agency.first.id), "channel": "sms", "address": "+46 70 123 45 67"}
    status, made = call(desk, post, "POST", "/unsubscribes", given)
    assert (status, made["value"], made["how"]) == (201, "+46701234567", "person")


def test_brakes_and_addresses_by_api(post: Post, desk: Browser) -> None:
    brake = Brake.objects.create(
        client=post.agency.first, scope="domain", target="slow.test", signal="deferral", counted=6, sample=40,
        reason="6 of the last 40 e-mails were deferred (15 %).", ends_at=WORKING + timedelta(hours=1),
    )  # fmt: skip
    _, page = call(desk, post, "GET", "/brakes?filter[standing]=true")
    assert [row["id"] for row in page["items"]] == [str(brake.id)]
    assert call(desk, post, "POST", f"/brakes/{brake.id}/release")[0] == 200
    assert call(desk, post, "POST", f"/brakes/{brake.id}/release")[0] == 422
    given = {"client_id": str(post.agency.first.id), "addresses": ["info@kestrel.test", "no address"]}
    status, found = call(desk, post, "POST", "/addresses/check", given)
    assert status == 200
    assert {row["address"]: row["verdict"] for row in found} == {
        "info@kestrel.test": "risky", "no address": "invalid",
    }  # fmt: skip
