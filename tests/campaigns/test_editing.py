"""The draft of a campaign: changed step by step, undone, redone, and never overwritten unseen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Campaign, DraftRevision
from campaigns.services import draft_history, editing
from campaigns.services.draft_history import DraftMoved
from project.core.refusals import Refused
from tests.campaigns.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(world: World) -> Campaign:
    made: Campaign = Campaign.objects.create(client=world.agency.first, name="New", time_zone="Europe/Oslo")
    return made


def _edit(campaign: Campaign, world: World, version: int | None = None, **edit: Any) -> Campaign:
    change = editing.parse_edit(edit)
    return editing.edit(campaign=campaign, change=change, actor=world.agency.manager, version=version)


def test_changes_are_undone_and_redone_one_by_one(world: World, campaign: Campaign) -> None:
    first = _edit(campaign, world, op="insert", kind="email")
    second = _edit(campaign, world, op="insert", kind="sms", at={"node": "email"})
    assert second.draft_plan["timezone"] == "Europe/Oslo"
    undone = draft_history.undo(campaign=campaign, actor=world.agency.manager)
    assert undone.draft_plan == first.draft_plan
    empty = draft_history.undo(campaign=campaign, actor=world.agency.manager)
    assert empty.draft_plan == {}
    with pytest.raises(Refused, match="nothing to undo"):
        draft_history.undo(campaign=campaign, actor=world.agency.manager)
    draft_history.redo(campaign=campaign, actor=world.agency.manager)
    again = draft_history.redo(campaign=campaign, actor=world.agency.manager)
    assert again.draft_plan == second.draft_plan
    with pytest.raises(Refused, match="nothing to redo"):
        draft_history.redo(campaign=campaign, actor=world.agency.manager)
    draft_history.undo(campaign=campaign, actor=world.agency.manager)
    other = _edit(campaign, world, op="insert", kind="wait", at={"node": "email"})
    assert [row.label for row in DraftRevision.objects.order_by("number")] == [
        "As it was",
        "Added an e-mail",
        "Added a wait",
    ]
    assert draft_history.around(other)[1] is None, "what was undone is gone once something else is done"


def test_typing_is_one_change_until_somebody_pauses(
    world: World, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    _edit(campaign, world, op="insert", kind="sms")
    for text in ("H", "He", "Hello"):
        _edit(campaign, world, op="content", node="sms", content={"text": text})
    assert DraftRevision.objects.count() == 3
    later = draft_history.now() + timedelta(minutes=2)
    monkeypatch.setattr(draft_history, "now", lambda: later)
    _edit(campaign, world, op="content", node="sms", content={"text": "Hello you"})
    undone = draft_history.undo(campaign=campaign, actor=world.agency.manager)
    assert undone.draft_plan["nodes"][1]["content"]["text"] == "Hello"


def test_nobody_overwrites_what_they_have_not_seen(world: World, campaign: Campaign) -> None:
    seen = _edit(campaign, world, op="insert", kind="email")
    change = editing.parse_edit({"op": "label", "node": "email", "label": "Intro"})
    editing.edit(campaign=campaign, change=change, actor=world.agency.admin, version=seen.draft_version)
    with pytest.raises(DraftMoved, match="changed the name of E-mail") as refusal:
        _edit(campaign, world, seen.draft_version, op="remove", node="email")
    assert refusal.value.details["version"] == campaign.refreshed().draft_version
    with pytest.raises(DraftMoved):
        draft_history.undo(campaign=campaign, actor=world.agency.manager, version=seen.draft_version)
    assert campaign.refreshed().draft_plan["nodes"][1]["label"] == "Intro"


def test_a_history_keeps_its_newest_changes(
    world: World, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_history, "KEPT", 3)
    for _ in range(6):
        _edit(campaign, world, op="insert", kind="wait")
    assert DraftRevision.objects.count() == 3
    for _ in range(2):
        draft_history.undo(campaign=campaign, actor=world.agency.manager)
    with pytest.raises(Refused, match="nothing to undo"):
        draft_history.undo(campaign=campaign, actor=world.agency.manager)
