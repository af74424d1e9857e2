"""The builder as a manager uses it: a branching campaign over three channels, step by step, and what is refused."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns.models import Campaign
from campaigns.services import editing
from tests.campaigns.conftest import World

pytestmark = pytest.mark.django_db


class Builder:
    """One manager's builder of one campaign: sends what its forms send, with the version that was seen last."""

    def __init__(self, browser: Browser, world: World, campaign: Campaign) -> None:
        self.browser, self.campaign = browser, campaign
        self.base = world.agency.url(f"campaigns/{campaign.id}/edit/")
        self.page = ""
        self.look()

    def look(self, query: str = "") -> str:
        answer = self.browser.get(f"{self.base}{query}")
        assert answer.status_code == 200
        self.page = answer.content.decode()
        return self.page

    def does(self, status: int = 200, version: int | None = None, **fields: Any) -> str:
        seen = self.campaign.refreshed().draft_version if version is None else version
        answer = self.browser.post(
            f"{self.base}plan/", {"version": seen, **fields}, headers={"HX-Request": "true"}
        )
        assert answer.status_code == status, answer.content.decode()[:2000]
        self.page = answer.content.decode()
        return self.page

    def node(self, node_id: str) -> dict[str, Any]:
        nodes = {node["id"]: node for node in self.campaign.refreshed().draft_plan["nodes"]}
        return dict(nodes[node_id])


@pytest.fixture
def builder(world: World, client: Browser) -> Builder:
    client.force_login(world.agency.manager)
    campaign = Campaign.objects.create(client=world.agency.first, name="New", time_zone="Europe/Oslo")
    return Builder(client, world, campaign)


def test_a_branching_campaign_is_built_from_nothing(world: World, builder: Builder) -> None:
    world.lead("Marta", "marta")
    assert "Write at least one step." in builder.page
    builder.does(op="insert", kind="email")
    assert 'data-inspected="email"' in builder.page, "what was added is open"
    assert "The body is empty." in builder.page
    builder.does(op="insert", kind="invite", at_node="email")
    builder.does(op="insert", kind="message", at_node="invite")
    builder.does(op="insert", kind="sms", at_node="invite", at_exit="transitions[1].to")
    builder.does(op="insert", kind="branch", at_node="sms")
    typed = builder.does(op="content", node="email", subject="Cold rooms", body="Hi {{ lead.frist_name }}")
    assert "There is no variable called lead.frist_name." in typed
    assert "data-inspected" not in typed, "what is being typed is left alone"
    builder.does(op="content", node="email", subject="Cold rooms", body="Hi {{ lead.first_name }}")
    builder.does(op="content", node="sms", text="A word?")
    builder.does(op="content", node="message", text="Thanks")
    builder.does(op="label", node="email", label="Intro")
    builder.does(
        op="ways", node="email", way_on=["no_reply", "open"], way_after=["2", "6"], way_within=["", "3"],
        way_after_unit=["working", "hours"], way_within_unit=["days", "days"], way_to=["invite", "sms"],
    )  # fmt: skip
    assert builder.node("email")["transitions"] == [
        {"on": "no_reply", "after": "P2D", "workingDays": True, "to": "invite"},
        {"on": "open", "after": "PT6H", "within": "P3D", "to": "sms"},
    ]
    builder.does(
        op="rules", node="branch", test_rule=["0", "0"], test_what=["event:click@sms", "field:lead.country"],
        test_op=["happened", "in"], test_value=["", "SE, NO"], rule_to=["message"], **{"else": "end"},
    )  # fmt: skip
    assert builder.node("branch")["rules"] == [
        {
            "if": [
                {"event": "click", "node": "sms", "op": "happened"},
                {"field": "lead.country", "op": "in", "value": ["SE", "NO"]},
            ],
            "to": "message",
        }
    ]
    errors = editing.errors_of(builder.campaign, editing.plan_of_draft(builder.campaign.refreshed()))
    assert [(error.node, error.code) for error in errors] == [("message", "not_connected")]
    page = builder.look("?node=branch")
    assert "1 Intro" in page
    assert "Only connections get LinkedIn messages." in builder.look("?node=message")
    for tab in ("timing", "senders", "variants"):
        assert 'data-inspected="email"' in builder.look(f"inspect/?node=email&tab={tab}")


def test_a_plan_to_begin_with_is_a_start_and_can_be_undone(builder: Builder) -> None:
    assert "E-mail, LinkedIn, text message" in builder.page
    builder.does(op="begin", **{"with": "three_channels"})
    assert "E-mail, LinkedIn, text message" not in builder.page
    assert "4 E-mail" in builder.page
    builder.does(422, op="begin", **{"with": "nothing"})
    builder.does(op="undo")
    assert builder.campaign.refreshed().draft_plan == {}


def test_waits_variants_moves_and_undo(builder: Builder) -> None:
    builder.does(op="insert", kind="email")
    builder.does(op="insert", kind="wait", at_node="email")
    builder.does(op="wait", node="wait", amount="90", unit="minutes")
    assert builder.node("wait")["duration"] == "PT90M"
    assert 'value="90"' in builder.page
    assert "Not a duration" in builder.does(422, op="wait", node="wait", amount="soon", unit="days")
    builder.does(op="content", node="email", subject="A", body="First")
    builder.does(op="variants", node="email", operation="add")
    builder.does(op="content", node="email", variant="B", subject="A", body="Second")
    builder.does(op="variants", node="email", variant_id=["A", "B"], variant_weight=["3", "1"])
    assert "75 %" in builder.page
    assert [(one["id"], one["content"]["body"]) for one in builder.node("email")["variants"]] == [
        ("A", "First"),
        ("B", "Second"),
    ]
    builder.does(op="shift", node="wait", up="1")
    assert builder.campaign.refreshed().draft_plan["startNodeId"] == "wait"
    builder.does(op="undo")
    assert builder.campaign.refreshed().draft_plan["startNodeId"] == "email"
    builder.does(op="paste", nodes=json.dumps([builder.node("wait")]), at_node="email")
    assert builder.node("wait_2")["duration"] == "PT90M"
    builder.does(op="remove", node="wait_2")
    assert "History" in builder.look()
    assert "Removed Wait 1 hour 30 minutes" in builder.look("history/")


def test_who_is_late_is_told_and_keeps_what_they_typed(world: World, builder: Builder) -> None:
    builder.does(op="insert", kind="sms")
    seen = builder.campaign.refreshed().draft_version
    change = editing.parse_edit({"op": "label", "node": "sms", "label": "Ping"})
    editing.edit(campaign=builder.campaign, change=change, actor=world.agency.admin)
    told = builder.does(409, version=seen, op="content", node="sms", text="Mine")
    assert "has changed the plan in the meantime (changed the name of Text message)" in told
    assert "1 Ping" in told, "what is there now is shown"
    assert 'id="step-text"' not in told, "the field with what was typed is not replaced"
    builder.does(op="content", node="sms", text="Mine")
    assert builder.node("sms")["content"] == {"text": "Mine"}


def test_a_step_is_previewed_on_the_worst_and_on_chosen_leads(world: World, builder: Builder) -> None:
    full, empty = world.lead("Marta", "marta"), world.lead("Nils", "nils")
    type(full).objects.filter(id=full.id).update(title="Head of cold rooms")
    builder.does(op="insert", kind="inmail")
    builder.does(
        op="content", node="inmail", subject="Hi", text="As {{ lead.title }}, {{ lead.first_name }}?"
    )
    worst = builder.look("step/?node=inmail")
    assert "lead.title is empty for 1 of 2 leads." in worst
    assert f"{empty}" in worst
    assert "would not be sent: no lead.title" in worst
    assert '"name": "lead.title", "filled": 1, "sample": "Head of cold rooms"' in html.unescape(worst)
    assert "As Head of cold rooms, Marta?" in builder.look("step/?node=inmail&lead=marta")
    assert "Nobody of that name" in builder.look("step/?node=inmail&lead=zoe")
    assert "There is no such step" in builder.look("step/?node=end")
