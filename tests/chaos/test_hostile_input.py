"""What strangers and members send: markup, templates, foreign ids, NUL bytes, too much; and no CSRF mark."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns.models import Campaign, CampaignSender, Company, Lead, LeadImport
from campaigns.services import checklist
from inbox.models import Conversation
from integrations.events import MessageReceived
from integrations.models import SenderAccount, WebhookDelivery
from integrations.services.events import record_event
from integrations.values import Direction, Person
from project.core.scoping import no_scope
from project.tenancy.access import ROLE_PERMISSIONS, Permission
from tests.architecture.routes import routes
from tests.campaigns.conftest import WORKING, World
from tests.factories import Agency

pytestmark = pytest.mark.django_db

MARKUP = '<script>alert(1)</script><img src=x onerror="alert(2)">'


@pytest.fixture
def admin(world: World) -> Browser:
    made = Browser()
    made.force_login(world.agency.admin)
    return made


@pytest.fixture
def thread(world: World) -> Conversation:
    """A thread in which everything that people can write is markup."""
    lead = world.lead(MARKUP[:100], "marta")
    company = Company.objects.create(client=world.agency.first, name=MARKUP, name_key="x")
    Lead.objects.filter(id=lead.id).update(company=company, title=MARKUP, fields={MARKUP: MARKUP})
    person = Person(provider_id="ACoAA_marta", name=MARKUP)
    record_event(
        MessageReceived(
            provider="unipile", account_id="acc_erik", occurred_at=WORKING, message_id="a", chat_id="c",
            direction=Direction.INBOUND, sender=person, counterpart=person, participants=(person,), text=MARKUP,
        ),
        sender=world.sender,
        source="webhook",
    )  # fmt: skip
    return Conversation.objects.get()


def assert_inert(text: str) -> None:
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_markup_is_shown_as_text_everywhere(world: World, thread: Conversation, admin: Browser) -> None:
    world.launch()
    agency = world.agency
    lead = thread.lead
    assert lead is not None
    for page in (
        "inbox/?view=all",
        f"inbox/{thread.id}/",
        f"inbox/{thread.id}/thread/",
        f"inbox/{thread.id}/context/",
        "leads/",
        f"leads/{lead.id}/",
        f"campaigns/{world.campaign.id}/leads/",
        f"campaigns/{world.campaign.id}/",
        f"reports/clients/{agency.first.id}/",
    ):
        assert_inert(admin.get(agency.url(page)).content.decode())
    cursor = f"live/since?cursor=0&streams=conversation:{thread.id}"
    assert "<script>alert" not in admin.get(agency.url(cursor)).content.decode()


def test_a_webhook_s_payload_is_shown_as_text(world: World, admin: Browser) -> None:
    body = json.dumps({"event": MARKUP, "text": "\x00\ud800"}).encode()
    delivery = WebhookDelivery.objects.create(
        connection_id=world.connection.id, provider="unipile", event_type=MARKUP[:80], body=body, payload_hash="x",
        state="rejected", reason=MARKUP, headers={"X-Evil": MARKUP},
    )  # fmt: skip
    assert_inert(admin.get(world.agency.url(f"ops/webhooks/{delivery.id}/")).content.decode())
    assert_inert(admin.get(world.agency.url("ops/webhooks/")).content.decode())


def test_an_imported_cell_is_shown_as_text(world: World, admin: Browser) -> None:
    made = LeadImport.objects.create(
        client=world.agency.first, file_name=MARKUP, headers=[MARKUP], state="previewed", mapping={"0": "custom"},
        counts={"create": 1}, sample=[{"number": 2, "values": [MARKUP], "verdict": "create", "error": MARKUP}],
    )  # fmt: skip
    assert_inert(admin.get(world.agency.url(f"leads/imports/{made.id}/")).content.decode())
    assert_inert(admin.get(world.agency.url("leads/imports/")).content.decode())


@pytest.mark.parametrize(
    "text",
    [
        "{{ lead.__class__.__mro__ }}",
        "{{ settings.SECRET_KEY }}",
        "{% include '/etc/passwd' %}",
        "{% for i in (1..99999999) %}x{% endfor %}",
        "{{ lead.first_name | append: lead.first_name | nonsense }}",
        "{% render 'x' %}",
        "{{ lead.first_name",
    ],
)
def test_templates_reach_nothing_but_their_variables(world: World, text: str) -> None:
    nodes = [dict(node) for node in world.campaign.draft_plan["nodes"]]
    nodes[0] = {**nodes[0], "content": {"note": text}}
    Campaign.objects.filter(id=world.campaign.id).update(
        draft_plan={**world.campaign.draft_plan, "nodes": nodes}
    )
    points = checklist.check(world.campaign.refreshed())
    assert any(point.where == "plan" and not point.ok for point in points)


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=%ED%A0%80",
        "cursor=%00",
        "cursor=eyJ9",
        "client=%00",
        "view=%00",
        "stage=%00",
        "state=%00",
        "days=%00",
    ],
)
def test_odd_questions_are_no_errors_of_ours(world: World, admin: Browser, query: str) -> None:
    for page in ("inbox/", "leads/", "campaigns/", f"campaigns/{world.campaign.id}/leads/", "ops/webhooks/",
                 f"reports/clients/{world.agency.first.id}/", "settings/audit/"):  # fmt: skip
        assert admin.get(world.agency.url(f"{page}?{query}")).status_code in {200, 400, 404}


def test_nul_bytes_in_forms_are_no_errors_of_ours(world: World, thread: Conversation, admin: Browser) -> None:
    agency = world.agency
    token = {"client_token": uuid.uuid4(), "seen_revision": thread.refreshed().revision}
    campaign = agency.url(f"campaigns/{world.campaign.id}/edit/")
    posts: list[tuple[str, dict[str, Any]]] = [
        (agency.url(f"inbox/{thread.id}/replies/"), {"body": "a\x00b", **token}),
        (agency.url(f"inbox/{thread.id}/notes/"), {"body": "a\x00b"}),
        (agency.url("campaigns/new/"), {"name": "a\x00b", "client": agency.first.id}),
        (f"{campaign}sequence/", {"step_kind": ["message"], "step_text": ["a\x00b"], "step_id": ["x\x00"]}),
        (f"{campaign}settings/", {"name": "a\x00", "time_zone": "\x00", "audience": "\x00", "senders": ["\x00"]}),
        (agency.url("ops/switches/throw/"), {"level": "client", "target": agency.first.id, "reason": "\x00"}),
        (agency.url(f"ops/sync/{world.sender.id}/start/"), {"resource": "\x00"}),
        (agency.url("settings/clients/add/"), {"name": "a\x00b"}),
        (agency.url("settings/members/invite/"), {"email": "a\x00@b.test", "role": "agent\x00"}),
    ]  # fmt: skip
    for address, data in posts:
        answer = admin.post(address, data, headers={"HX-Request": "true"})
        assert answer.status_code < 500, (address, answer.status_code)


def test_nul_bytes_in_the_api_are_no_errors_of_ours(
    world: World, thread: Conversation, admin: Browser
) -> None:
    for text in ("a\\u0000b", "a\\ud800b"):
        body = f'{{"name": "{text}", "reason": "{text}", "body": "{text}"}}'
        for address in ("/api/v1/clients", f"/api/v1/conversations/{thread.id}/notes", "/api/v1/tokens"):
            answer = admin.post(
                address, body, content_type="application/json",
                headers={"X-Organization": world.agency.slug, "Idempotency-Key": uuid.uuid4().hex},
            )  # fmt: skip
            assert answer.status_code < 500, (address, answer.content[:300])


def test_posts_that_are_too_large_are_refused(world: World, thread: Conversation, admin: Browser) -> None:
    token = {"client_token": uuid.uuid4(), "seen_revision": thread.refreshed().revision}
    base = world.agency.url(f"inbox/{thread.id}/")
    assert admin.post(f"{base}replies/", {"body": "x" * 8001, **token}).status_code == 422
    huge = "body=" + "x" * (6 * 1024 * 1024)
    answer = admin.post(f"{base}notes/", huge, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in {400, 413}


ACTS = [route for route in routes() if route.is_scoped and isinstance(route.rule, Permission)]


@pytest.mark.parametrize("route", ACTS, ids=str)
def test_no_act_without_its_csrf_mark(kestrel: Agency, route: Any) -> None:
    admin = Browser(enforce_csrf_checks=True)
    admin.force_login(kestrel.admin)
    given: dict[str, Any] = {"organization_slug": kestrel.slug, "form": "csv"}
    values = {name: given.get(name, uuid.uuid4()) for name in route.arguments}
    with no_scope():
        assert admin.post(route.path(values)).status_code == 403


def test_ids_of_others_in_bodies_are_refused(
    rival: Agency, world: World, thread: Conversation, admin: Browser
) -> None:
    agency = world.agency
    with no_scope(), rival.scope():
        theirs = Lead.objects.create(client=rival.first, first_name="Theirs")
    second = Lead.objects.create(client=agency.second, first_name="Of another client")
    base = agency.url(f"inbox/{thread.id}/")
    for person in (rival.agent, agency.viewer, agency.client_user):
        assert admin.post(f"{base}assignment/", {"assignee": person.id}).status_code == 422
    # Somebody of another client's team only.
    assert admin.post(f"{base}assignment/", {"assignee": agency.limited.id}).status_code == 422
    before = thread.lead_id
    for lead in (theirs, second):
        assert admin.post(f"{base}lead/", {"lead": lead.id}).status_code == 422
    fresh = thread.refreshed()
    assert (fresh.lead_id, fresh.assignee_id) == (before, None)


def test_settings_take_no_senders_and_imports_of_others(rival: Agency, world: World, admin: Browser) -> None:
    agency = world.agency
    other = SenderAccount.objects.create(
        client=agency.second, connection=world.connection, channel="linkedin", name="Second's", status="ok",
        provider_account_id="acc_second",
    )  # fmt: skip
    foreign = LeadImport.objects.create(client=agency.second, file_name="second.csv")
    with no_scope(), rival.scope():
        theirs = LeadImport.objects.create(client=rival.first, file_name="theirs.csv")
    address = agency.url(f"campaigns/{world.campaign.id}/edit/settings/")
    good = {
        "name": "Cold chain", "time_zone": "Europe/Stockholm", "weekdays": ["0"], "start": "09:00", "end": "17:00",
        "audience": "all", "senders": [str(world.sender.id)],
    }  # fmt: skip
    assert admin.post(address, good).status_code == 200
    for bad in (
        {"senders": [str(other.id)]},
        {"senders": [str(uuid.uuid4())]},
        {"audience": str(foreign.id)},
        {"audience": str(theirs.id)},
        {"audience": "everybody"},
    ):
        assert admin.post(address, {**good, **bad}).status_code == 422, bad
    fresh = world.campaign.refreshed()
    assert fresh.audience["kind"] == "all"
    assert CampaignSender.objects.get(campaign=fresh).sender_id == world.sender.id


def test_a_client_user_reaches_reports_only(world: World, thread: Conversation) -> None:
    assert Permission.INBOX_VIEW not in ROLE_PERMISSIONS["client"]
    admin = Browser()
    admin.force_login(world.agency.client_user)
    for page in (
        "inbox/",
        f"inbox/{thread.id}/",
        "campaigns/",
        "leads/",
        "senders/",
        "ops/webhooks/",
        "settings/",
    ):
        assert admin.get(world.agency.url(page)).status_code == 403
    assert admin.get(world.agency.url(f"reports/clients/{world.agency.first.id}/")).status_code == 200
    assert admin.get(world.agency.url(f"reports/clients/{world.agency.second.id}/")).status_code == 404
