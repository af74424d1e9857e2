"""Limits on pages and in the JSON API: what is shown, who may set what, and warm-ups."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from integrations.models import RateLimit, RequestSlots, WarmupPlan
from integrations.services import rates, senders, warmups
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.refusals import Refused as Refusal
from project.core.scoping import no_scope
from project.tenancy.models import AuditEntry, User
from tests.integrations.conftest import Room
from tests.integrations.limits.conftest import MakeSender, take

pytestmark = pytest.mark.django_db

WEDNESDAY = datetime(2026, 11, 18, 10, 20, tzinfo=UTC)


class Visitor:
    """Somebody of the agency, by browser and by API."""

    def __init__(self, room: Room, user: User) -> None:
        self.room = room
        self.browser = Browser()
        self.browser.force_login(user)

    def page(self, path: str, status: int = 200) -> str:
        with no_scope():
            answer = self.browser.get(self.room.agency.url(path))
        assert answer.status_code == status
        return str(answer.content.decode())

    def post(self, path: str, status: int = 303, *, partial: bool = False, **data: Any) -> str:
        headers = {"HX-Request": "true"} if partial else {}
        with no_scope():
            answer = self.browser.post(self.room.agency.url(path), data, headers=headers)
        assert answer.status_code == status, answer.content[:500]
        return str(answer.content.decode())

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        with no_scope():
            answer = self.browser.generic(
                method,
                f"/api/v1/{path}",
                data=json.dumps(body) if body is not None else "",
                content_type="application/json",
                headers={"X-Organization": self.room.agency.slug},
            )
        return answer.status_code, json.loads(answer.content or b"null")


@pytest.fixture
def manager(room: Room) -> Visitor:
    return Visitor(room, room.agency.manager)


@pytest.fixture
def admin(room: Room) -> Visitor:
    """Sees the operations and may set limits."""
    return Visitor(room, room.agency.admin)


@pytest.fixture
def limited(room: Room) -> Visitor:
    """A manager over the other client only."""
    return Visitor(room, room.agency.limited)


def test_the_page_of_an_account_tells_every_cap_and_the_one_that_decides(
    admin: Visitor, room: Room, manager: Visitor
) -> None:
    with room.scope():
        warmups.start(sender=room.sender, kind="linkedin", actor=None)
        take(room.sender, "invite", 2)
        senders.pause_action(room.sender, action="message", until=now() + timedelta(hours=4))
    page = manager.page(f"senders/{room.sender.id}/limits/")
    assert "3 of 5 invites left today (warm-up)" in page
    assert "LinkedIn seat: day 1 of 21." in page
    assert "throttled by the network until" in page
    for label in ("Daily limit", "Weekly limit", "Warm-up", "Growth", "Organization, a day"):
        assert label in page
    assert "LinkedIn seat: day 1 of 21." in admin.page("ops/rates/")
    assert "3 of 5 invites left today (warm-up)" in manager.page("senders/")


def test_limits_of_an_account_are_set_and_unset(room: Room, manager: Visitor) -> None:
    base = f"senders/{room.sender.id}/limits/"
    manager.post(f"{base}set/", action="invite", window="week", cap="40")
    with room.scope():
        assert RateLimit.objects.get().cap == 40
    shown = manager.post(f"{base}set/", 200, partial=True, action="invite", window="hour", cap="5")
    assert "Hourly limit" in shown
    assert "whole number" in manager.post(f"{base}set/", 422, partial=True, action="invite", cap="many")
    assert "There is no limit for" in manager.post(f"{base}set/", 422, action="dance", cap="1")
    manager.post(f"{base}set/", action="invite", window="week", cap="")
    with room.scope():
        assert RateLimit.objects.get().window == "hour"


def test_a_warm_up_by_hand(room: Room, manager: Visitor) -> None:
    path = f"senders/{room.sender.id}/warm-up/"
    assert "not being warmed up" in manager.post(path, 422, act="hold")
    assert "day 1 of 21" in manager.post(path, 200, partial=True, act="start", kind="linkedin", ceiling="20")
    assert "held" in manager.post(path, 200, partial=True, act="hold")
    manager.post(path, act="resume")
    manager.post(path, act="set_back")
    assert "is not a day" in manager.post(path, 422, act="start", kind="linkedin", started_on="2026-02-30")
    assert "no warm-up" in manager.post(path, 422, act="start", kind="mailbox")
    manager.post(path, 422, act="dance")
    manager.post(path, act="stop")
    with room.scope():
        plan = WarmupPlan.objects.get()
        assert (plan.ceiling, plan.held_days) == (20, 1)
        assert plan.stopped_at is not None
        acts = AuditEntry.objects.filter(action__startswith="sender.warmup").order_by("id")
        assert [entry.action.split("_")[1] for entry in acts] == [
            "started",
            "held",
            "resumed",
            "set",
            "stopped",
        ]


def test_holding_lasts_until_it_is_resumed(room: Room) -> None:
    def stage() -> tuple[int, bool]:
        found = warmups.stages_of([room.sender])[room.sender.id]
        return found.day, found.held

    with room.scope():
        with time_machine.travel(WEDNESDAY, tick=False):
            warmups.start(sender=room.sender, kind="linkedin", actor=None)
        with time_machine.travel(WEDNESDAY + timedelta(days=4), tick=False):
            assert stage() == (5, False)
            warmups.hold(sender=room.sender, reason="complaints", actor=None)
        with time_machine.travel(WEDNESDAY + timedelta(days=7), tick=False):
            assert stage() == (5, True)
            warmups.resume(sender=room.sender, actor=None)
            assert stage() == (5, False)
        with time_machine.travel(WEDNESDAY + timedelta(days=8), tick=False):
            assert stage() == (6, False)
            warmups.start(sender=room.sender, kind="linkedin", actor=None)
            assert stage() == (1, False)
            assert WarmupPlan.objects.count() == 2
            for wrong in (WEDNESDAY + timedelta(days=9), WEDNESDAY - timedelta(days=500)):
                with pytest.raises(Invalid):
                    warmups.start(sender=room.sender, kind="linkedin", started_on=wrong.date(), actor=None)
            with pytest.raises(Invalid):
                warmups.start(sender=room.sender, kind="linkedin", ceiling=0, actor=None)
            warmups.stop(sender=room.sender, actor=None)
            with pytest.raises(Refusal):
                warmups.resume(sender=room.sender, actor=None)


def test_what_accounts_share_is_shown_and_set(room: Room, admin: Visitor) -> None:
    with room.scope():
        take(room.sender, "invite", 3)
        RequestSlots.objects.create(connection=room.connection, next_slot_at=now(), given=1234)
    page = admin.page("ops/rates/")
    assert "3/100,000" in page
    assert "gmail.com" in page
    assert "1,234 since it was made" in page
    admin.post("ops/rates/shared/", scope="organization", subject="x", cap="500")
    admin.post("ops/rates/shared/", scope="growth", subject="growth", cap="10")
    admin.post("ops/rates/shared/", scope="client", subject=room.agency.first.id, cap="70")
    admin.post("ops/rates/shared/", scope="domain", subject="Example.com", cap="9")
    admin.post("ops/rates/shared/", scope="connection", subject=room.connection.id, cap="7")
    assert "is not a domain" in admin.post("ops/rates/shared/", 422, scope="domain", subject="a b", cap="9")
    admin.post("ops/rates/shared/", 422, scope="planet", subject="earth", cap="9")
    page = admin.page("ops/rates/")
    for text in ("3/500", "at most 10 % more", "0/9", "0/70"):
        assert text in page
    assert 'value="7"' in page


def test_the_api_tells_and_sets_the_same(room: Room, manager: Visitor) -> None:
    path = f"senders/{room.sender.id}"
    status, found = manager.call("GET", f"{path}/limits")
    assert status == 200
    assert {cap["key"] for cap in found["caps"]} == {
        "account_day",
        "account_week",
        "velocity",
        "organization_day",
    }
    assert found["warm_up"] is None
    assert manager.call("PUT", f"{path}/limits/invite", {"cap": 30, "window": "week"})[0] == 200
    assert manager.call("PUT", f"{path}/limits/invite", {"window": "week"})[0] == 422
    status, found = manager.call("POST", f"{path}/warm-up", {"kind": "linkedin", "ceiling": 9})
    assert (status, found["warm_up"]["day"], found["warm_up"]["caps"]["invite"]) == (200, 1, 5)
    [binding] = [cap for cap in found["caps"] if cap["binds"] and cap["action"] == "invite"]
    assert (binding["key"], binding["limit"]) == ("warmup", 5)
    assert manager.call("POST", f"{path}/warm-up/hold", {"reason": "x"})[1]["warm_up"]["held"] is True
    assert manager.call("POST", f"{path}/warm-up/resume")[1]["warm_up"]["held"] is False
    assert manager.call("POST", f"{path}/warm-up/set-back", {})[0] == 200
    assert manager.call("DELETE", f"{path}/warm-up")[1]["warm_up"] is None
    assert manager.call("DELETE", f"{path}/warm-up")[0] == 409
    status, shared = manager.call("PUT", "limits/organization", {"cap": 800, "growth_percent": 40})
    assert (status, shared["growth_percent"]) == (200, 40)
    client = manager.call("PUT", f"limits/clients/{room.agency.first.id}", {"cap": 33})[1]["budgets"]
    assert {("organization", 800), ("client", 33)} <= {(row["scope"], row["cap"]) for row in client}
    assert manager.call("PUT", "limits/domains/not%20one", {"cap": 3})[0] == 422
    domains = manager.call("PUT", "limits/domains/example.com", {"cap": 3})[1]["budgets"]
    assert ("example.com", 3, False) in {(row["subject"], row["cap"], row["is_default"]) for row in domains}
    rate = manager.call(
        "PUT", f"connections/{room.connection.id}/request-rate", {"cap": 120, "window": "minute"}
    )[1]["requests"]
    assert [(row["per_second"], row["burst"]) for row in rate] == [(2.0, 2)]
    assert manager.call("GET", "limits")[1]["requests"] == rate


def test_who_sees_one_client_sees_and_sets_no_more(room: Room, limited: Visitor) -> None:
    assert limited.call("GET", f"senders/{room.sender.id}/limits")[0] == 404
    assert limited.call("PUT", "limits/organization", {"cap": 1})[0] in {403, 404}
    assert limited.call("PUT", f"limits/clients/{room.agency.first.id}", {"cap": 1})[0] == 404
    limited.page(f"senders/{room.sender.id}/limits/", 404)
    with room.scope():
        rates.set_client_limit(client=room.agency.first, cap=70, actor=None)
    status, shared = limited.call("GET", "limits")
    assert (status, shared["budgets"]) == (200, [])
    limited.page("ops/rates/", 403)


def test_queries_do_not_grow_with_accounts(
    room: Room, admin: Visitor, make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations import limit_selectors

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            admin.page("ops/rates/")
        return len(queries)

    count()  # the first request of a session says so
    before = count()
    with room.scope():
        for number in range(5):
            made = make_sender("email" if number % 2 else "linkedin", connection=room.connection)
            warmups.start(sender=made, kind="mailbox" if number % 2 else "linkedin", actor=None)
    assert count() == before
    monkeypatch.setattr(limit_selectors, "PAGE_SIZE", 4)
    first = admin.page("ops/rates/")
    assert "Load more" in first
    address = first.split('hx-get="?cursor=')[1].split('"')[0]
    with no_scope():
        rest = admin.browser.get(
            room.agency.url(f"ops/rates/?cursor={address}"), headers={"HX-Request": "true"}
        ).content.decode()
    assert rest.count('id="rate-') == 2
    assert "ops-rates" not in rest
