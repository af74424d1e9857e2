"""Campaigns, plans and enrollments as programs use them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Campaign, Enrollment
from campaigns.services import campaigns as service
from campaigns.services import enrollments
from tests.api.conftest import Program
from tests.campaigns.conftest import SEQUENCE, WORKING, World

pytestmark = pytest.mark.django_db

LINEAR: dict[str, Any] = {
    "timezone": "Europe/Stockholm",
    "steps": [
        {"kind": "invite", "note": "Hi {{ lead.first_name | default: 'there' }}"},
        {"kind": "message", "text": "Thank you.", "delayDays": 1},
    ],
}


def settings_of(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Nordic freight",
        "time_zone": "Europe/Oslo",
        "weekdays": [0, 1, 2],
        "start": "08:00",
        "end": "16:30",
        "sender_ids": [str(world.sender.id)],
        **changes,
    }


def test_from_nothing_to_a_running_campaign(world: World, manager: Program) -> None:
    world.lead("Marta", "marta")
    status, made = manager("POST", "campaigns", {"client_id": str(world.agency.first.id), "name": "New"})
    assert (status, made["status"], made["settings"]["audience"]["kind"]) == (201, "draft", "all")
    path = f"campaigns/{made['id']}"
    status, refusal = manager("POST", f"{path}/launch")
    assert (status, refusal["code"]) == (409, "CAMPAIGN_NOT_READY")
    assert "Write at least one step." in refusal["details"]["problems"]
    status, changed = manager("PUT", f"{path}/settings", settings_of(world))
    assert (status, changed["name"], changed["settings"]["start"]) == (200, "Nordic freight", "08:00")
    assert changed["settings"]["sender_ids"] == [str(world.sender.id)]
    assert manager("PUT", f"{path}/plan", SEQUENCE)[0] == 200
    assert all(point["ok"] for point in manager("GET", f"{path}/checklist")[1])
    assert manager("GET", f"{path}/previews")[1][0]["text"] == "Did you see this, Marta?"
    status, launched = manager("POST", f"{path}/launch")
    assert (status, launched["status"]) == (200, "active")
    (version,) = manager("GET", f"{path}/versions")[1]["items"]
    assert manager("GET", f"{path}/versions/{version['id']}")[1]["plan"]["startNodeId"] == "invite"
    assert manager("POST", f"{path}/pause")[1]["status"] == "paused"
    assert manager("POST", f"{path}/pause")[0] == 409
    assert manager("POST", f"{path}/resume")[1]["status"] == "active"
    assert manager("POST", f"{path}/archive")[1]["details"]["problems"]


def test_settings_that_cannot_be(world: World, manager: Program) -> None:
    path = f"campaigns/{world.campaign.id}/settings"
    for change, field in (
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"start": "25:00"}, "start"),
        ({"end": "9"}, "end"),
        ({"weekdays": [7]}, "weekdays"),
        ({"weekdays": []}, "weekdays"),
        ({"holiday_country": "QQ"}, "holiday_country"),
        ({"colour": "red"}, "colour"),
    ):
        status, error = manager("PUT", path, settings_of(world, **change))
        assert (status, error["code"]) == (422, "VALIDATION_ERROR")
        assert list(error["details"]["fields"]) == [field]
        assert not error["message"].startswith("Value error")
    with world.agency.scope():
        elsewhere = str(world.agency.second.id)
    assert manager("PUT", path, settings_of(world, sender_ids=[elsewhere]))[0] == 409


def test_a_graph_is_checked_by_node_and_field(world: World, manager: Program) -> None:
    path = f"campaigns/{world.campaign.id}/plan"
    nodes: list[dict[str, Any]] = [dict(node) for node in SEQUENCE["nodes"]]
    nodes[0] = {**nodes[0], "transitions": [{"on": "accepted", "to": "nowhere"}]}
    status, error = manager("PUT", path, {**SEQUENCE, "nodes": nodes})
    assert (status, error["code"]) == (422, "PLAN_INVALID")
    found = {(one["node"], one["field"], one["code"]) for one in error["details"]["errors"]}
    assert ("invite", "transitions[0].to", "target_missing") in found
    status, error = manager("PUT", path, {**SEQUENCE, "nodes": [{**nodes[1], "action": "shout"}]})
    assert (error["details"]["errors"][0]["node"], error["details"]["errors"][0]["field"]) == (
        "message",
        "action",
    )
    # Nothing of it was kept.
    assert manager("GET", path)[1]["plan"] == SEQUENCE
    assert manager("PUT", path, [SEQUENCE])[1]["code"] == "VALIDATION_ERROR"


def test_a_sequence_becomes_a_graph_and_comes_back(world: World, manager: Program) -> None:
    path = f"campaigns/{world.campaign.id}/sequence"
    status, saved = manager("PUT", path, LINEAR)
    assert (status, saved["plan"]["startNodeId"]) == (200, "invite_1")
    back = manager("GET", path)[1]["sequence"]
    assert [step["kind"] for step in back["steps"]] == ["invite", "message"]
    assert back["steps"][1]["delayDays"] == 1
    wrong = {**LINEAR, "steps": [{"kind": "message", "text": "Cold"}, {"kind": "sms"}]}
    assert manager("PUT", path, wrong)[1]["details"]["errors"][0]["field"] == "steps[1].text"
    assert manager("PUT", path, {**LINEAR, "timezone": "Nowhere"})[1]["code"] == "PLAN_INVALID"
    service.save_plan(campaign=world.campaign, plan={}, actor=world.agency.manager)
    assert manager("GET", path)[1]["code"] == "NOT_LINEAR"


def test_a_draft_is_edited_step_by_step(world: World, manager: Program) -> None:
    path = f"campaigns/{world.campaign.id}"
    seen = manager("GET", f"{path}/plan")[1]["version"]
    edit = {"op": "insert", "kind": "sms", "at": {"node": "follow_up"}}
    status, made = manager("POST", f"{path}/plan/edits", {"version": seen, "edit": edit})
    assert (status, made["version"], made["label"]) == (200, seen + 1, "Added a text message")
    assert [(error["node"], error["code"]) for error in made["errors"]] == [("sms", "content_missing")]
    status, refused = manager("POST", f"{path}/plan/edits", {"version": seen, "edit": edit})
    assert (status, refused["code"], refused["details"]["version"]) == (409, "DRAFT_MOVED", seen + 1)
    assert manager("PUT", f"{path}/plan?version={seen}", SEQUENCE)[1]["code"] == "DRAFT_MOVED"
    for wrong, field in (({"op": "fly"}, ""), ({"op": "remove"}, "node"), ({**edit, "kind": "fax"}, "kind")):
        status, refused = manager("POST", f"{path}/plan/edits", {"edit": wrong})
        assert (status, refused["code"], refused["details"].get("field", "")) == (422, "EDIT_REFUSED", field)
    assert manager("POST", f"{path}/plan/undo", {})[1]["plan"] == SEQUENCE
    assert manager("POST", f"{path}/plan/redo", {"version": seen + 2})[1]["plan"] == made["plan"]
    history = manager("GET", f"{path}/plan/history")[1]["items"]
    assert [(one["label"], one["current"]) for one in history] == [
        ("Added a text message", True),
        ("As it was", False),
    ]
    status, file = manager("GET", f"{path}/plan/file?format=yaml")
    assert "kind: text" not in file["text"]
    assert manager("PUT", f"{path}/plan/file", {"text": file["text"]})[1]["plan"] == made["plan"]
    changes = manager("GET", f"{path}/plan/changes")[1]
    assert {(change["sign"], change["text"]) for change in changes} >= {
        ("+", "Invitation"),
        ("+", "Text message"),
    }
    assert manager("PUT", f"{path}/review", {"needed": True})[1] == {"needed": True, "review": None}
    status, copy = manager("POST", f"{path}/copy", {"name": "Second"})
    assert (status, copy["status"], copy["stages"]) == (201, "draft", {})
    filed = manager("PUT", f"{path}/filing", {"folder": "Nordics", "tags": ["Cold"]})[1]
    assert filed == {"folder": "Nordics", "tags": ["cold"]}


def test_checking_without_keeping(world: World, manager: Program) -> None:
    status, verdict = manager("POST", "plans/validate", SEQUENCE)
    assert (status, verdict["valid"], verdict["errors"]) == (200, True, [])
    assert len(verdict["plan_hash"]) == 64
    verdict = manager("POST", "plans/validate", {"version": "2.0"})[1]
    assert (verdict["valid"], verdict["plan_hash"]) == (False, None)
    assert {error["field"] for error in verdict["errors"]} >= {"version", "nodes", "startNodeId"}
    assert manager("POST", "plans/validate-sequence", LINEAR)[1]["valid"]
    status, schema = manager("GET", "plans/schema")
    assert (status, schema["title"], "nodes" in schema["properties"]) == (200, "Plan", True)


def test_enrollments_say_what_they_wait_for(world: World, manager: Program) -> None:
    for name in ("Marta", "Nils", "Olga"):
        world.lead(name, name.lower())
    world.launch()
    path = f"campaigns/{world.campaign.id}/enrollments"
    first = manager("GET", f"{path}?limit=2&order=asc")[1]
    rest = manager("GET", f"{path}?limit=2&order=asc&cursor={first['next_cursor']}")[1]
    assert [len(first["items"]), len(rest["items"]), rest["next_cursor"]] == [2, 1, None]
    one = first["items"][0]
    assert (one["waiting"]["kind"], one["waiting"]["node_id"]) == ("send", "invite")
    stop = f"enrollments/{one['id']}/stop"
    assert manager("POST", f"enrollments/{one['id']}/pause")[1]["status"] == "paused"
    assert manager("POST", f"enrollments/{one['id']}/resume")[1]["status"] == "active"
    status, stopped = manager("POST", stop, {"reason": "They asked us to."})
    assert (status, stopped["status"], stopped["stage"]) == (200, "ended", "stopped")
    assert stopped["history"][0]["reason"] == "They asked us to."
    assert manager("POST", stop, {})[0] == 200
    assert len(manager("GET", f"{path}?filter[status]=active")[1]["items"]) == 2
    assert len(manager("GET", f"{path}?filter[stage]=stopped")[1]["items"]) == 1
    assert manager("GET", f"{path}?filter[stage]=lost")[0] == 422


def test_lists_are_filtered_sorted_and_paged(world: World, manager: Program, limited: Program) -> None:
    for name in ("Alpine", "Baltic"):
        service.create(client=world.agency.second, name=name, actor=world.agency.manager)
    names = [row["name"] for row in manager("GET", "campaigns?sort=name&order=asc")[1]["items"]]
    assert names == ["Alpine", "Baltic", "Cold chain"]
    of_one = f"campaigns?filter[client]={world.agency.first.id}"
    assert [row["name"] for row in manager("GET", of_one)[1]["items"]] == ["Cold chain"]
    page = manager("GET", "campaigns?sort=name&order=asc&limit=1")[1]
    again = manager("GET", f"campaigns?sort=name&order=asc&limit=1&cursor={page['next_cursor']}")[1]
    assert again["items"][0]["name"] == "Baltic"
    assert manager("GET", "campaigns?filter[status]=active")[1]["items"] == []
    assert [row["name"] for row in limited("GET", "campaigns")[1]["items"]] == ["Baltic", "Alpine"]
    assert limited("GET", of_one)[1]["items"] == []
    status, error = manager("GET", "campaigns?limit=0&sort=size")
    assert (status, set(error["details"]["fields"])) == (422, {"limit", "sort"})
    assert manager("GET", "campaigns?cursor=nonsense")[1]["code"] == "INVALID_CURSOR"


def test_foreign_campaigns_are_not_there(
    world: World, limited: Program, stranger: Program, reader: Program
) -> None:
    world.lead("Marta", "marta")
    world.launch()
    enrollment = Enrollment.objects.get()
    for program in (limited, stranger):
        for path in (f"campaigns/{world.campaign.id}", f"enrollments/{enrollment.id}"):
            status, error = program("GET", path)
            assert (status, error["code"]) == (404, "NOT_FOUND")
        body = {"client_id": str(world.agency.first.id), "name": "Mine"}
        assert program("POST", "campaigns", body)[0] == 404
    assert reader("GET", f"campaigns/{world.campaign.id}")[0] == 200
    status, error = reader("POST", f"campaigns/{world.campaign.id}/pause")
    assert (status, error["code"]) == (403, "FORBIDDEN")


def test_the_same_key_makes_one_campaign(world: World, manager: Program) -> None:
    body = {"client_id": str(world.agency.first.id), "name": "Once"}
    first = manager("POST", "campaigns", body, Idempotency_Key="k1")
    assert manager("POST", "campaigns", body, Idempotency_Key="k1") == first
    assert Campaign.objects.filter(name="Once").count() == 1


def test_what_is_next_for_a_lead_and_why(world: World, manager: Program, time_machine: Any) -> None:
    lead = world.lead("Marta", "marta")
    world.launch()
    shown = manager("GET", f"leads/{lead.id}")[1]
    assert (shown["next"]["label"], shown["next"]["campaign_name"]) == ("Invitation", "Cold chain")
    assert shown["enrollments"][0]["waiting"]["due_at"].endswith("Z")
    assert shown["timeline"]
    world.accepts("marta", WORKING + timedelta(hours=1))
    time_machine.move_to(WORKING + timedelta(hours=2), tick=False)
    enrollments.stop(enrollment_id=world.enrollment(lead).id, reason="Enough.", actor=world.agency.manager)
    shown = manager("GET", f"leads/{lead.id}")[1]
    assert (shown["next"], shown["timeline"][0]["reason"]) == (None, "Enough.")


def test_templates_of_plans_are_kept_taken_over_and_compared(world: World, manager: Program) -> None:
    here = f"campaigns/{world.campaign.id}"
    status, kept = manager(
        "POST", "plan-templates", {"name": "Invite first", "campaign_id": str(world.campaign.id)}
    )
    assert (status, kept["version"], kept["client_id"]) == (201, 1, None)
    assert manager("POST", "plan-templates", {"name": "Neither"})[0] == 422
    _, made = manager("POST", "campaigns", {"client_id": str(world.agency.second.id), "name": "Others"})
    other = f"campaigns/{made['id']}"
    assert manager("GET", f"{other}/template")[1]["state"] == "none"
    status, taken = manager("PUT", f"{other}/template", {"template_id": kept["id"]})
    assert (status, taken["state"], taken["template_version"]) == (200, "same", 1)
    assert manager("PUT", f"{other}/template", {"template_id": kept["id"], "version": 0})[0] == 409

    linear = {**LINEAR, "steps": LINEAR["steps"][:1]}
    assert manager("PUT", f"{here}/sequence", linear)[0] == 200
    assert manager("GET", f"{here}/template")[1]["state"] == "changed"
    manager("POST", "plan-templates", {"name": "Invite first", "campaign_id": str(world.campaign.id)})
    drift = manager("GET", f"{other}/template")[1]
    assert (drift["state"], bool(drift["changes"])) == ("behind", True)
    (row,) = manager("GET", "plan-templates")[1]["items"]
    assert (row["name"], row["version"]) == ("Invite first", 2)
    assert manager("GET", f"plan-templates/{row['id']}")[1]["plan"]["timezone"] == "UTC"
    assert manager("PUT", f"{other}/template", {"template_id": None})[1]["state"] == "none"
    assert manager("DELETE", f"plan-templates/{row['id']}")[0] == 204


def test_the_calendar_says_what_leaves_when(world: World, manager: Program) -> None:
    world.lead("Marta", "marta")
    world.launch()
    status, found = manager("GET", "campaign-calendar?from=2026-11-18")
    (row,) = found["items"]
    assert (status, found["first"], row["campaign_id"]) == (200, "2026-11-16", str(world.campaign.id))
    assert (len(row["days"]), sum(day["sends"] for day in row["days"])) == (21, 1)
    assert manager("GET", f"campaign-calendar?filter[client]={world.agency.second.id}")[1]["items"] == []
    assert manager("GET", "campaign-calendar?cursor=nonsense")[0] == 422
