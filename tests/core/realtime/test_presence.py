"""Presence is a lease: taken by a command, renewed, given up by leaving, gone by itself after its time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import override_settings

from project.core.realtime import hub, presence
from project.core.realtime.blocking import in_database
from project.core.realtime.hub import current_hub
from tests.core.realtime.conftest import Agency
from tests.core.realtime.test_socket import Page, page_of

pytestmark = pytest.mark.usefixtures("_hub_closed")


async def be(page: Page, agency: Agency, mode: str) -> None:
    await page.send(type="presence", conversation=str(agency.client.id), mode=mode)


async def people_seen_by(page: Page) -> list[tuple[str, str]]:
    frame = (await page.receive("ephemeral"))["frames"][-1]
    assert frame["kind"] == "presence"
    assert "n" not in frame, "presence has no number: it is not caught up"
    return [(person["name"], person["mode"]) for person in frame["data"]["people"]]


async def people(agency: Agency) -> list[dict[str, Any]]:
    frame = await presence.snapshot(current_hub().redis, agency.id, agency.client.id)
    found: list[dict[str, Any]] = json.loads(frame.text)["data"]["people"]
    return found


async def test_others_see_who_is_replying_until_she_leaves(agency: Agency) -> None:
    ana, ben = await page_of(agency), await page_of(agency, agency.ben)
    for page in (ana, ben):
        await page.subscribe(agency.stream)
        assert await people_seen_by(page) == [], "a new subscriber is told who is there"
    await be(ana, agency, "replying")
    assert await people_seen_by(ben) == [("Ana", "replying")]
    await be(ana, agency, "away")
    assert await people_seen_by(ben) == []
    await be(ana, agency, "viewing")
    assert await people_seen_by(ben) == [("Ana", "viewing")]
    await ana.close()
    assert await people_seen_by(ben) == [], "a socket that closes gives its lease up"
    await ben.close()


async def test_two_tabs_count_once_with_the_stronger_mode(agency: Agency) -> None:
    first, second, ben = await page_of(agency), await page_of(agency), await page_of(agency, agency.ben)
    for page in (first, second, ben):
        await page.subscribe(agency.stream)
    assert await people_seen_by(ben) == []
    for page, mode in ((first, "replying"), (second, "viewing")):
        await be(page, agency, mode)
        assert await people_seen_by(ben) == [("Ana", "replying")]
    assert len(await current_hub().redis.hgetall(presence._key(agency.id, agency.client.id))) == 2
    for page in (first, second, ben):
        await page.close()


async def test_a_killed_browser_is_gone_after_its_lease(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000_000.0]
    monkeypatch.setattr(presence.time, "time", lambda: clock[0])
    redis = current_hub().redis
    await presence.touch(redis, agency.viewer(), agency.client.id, "killed", "replying")
    (person,) = await people(agency)
    assert (person["mode"], person["ttl"], person["since"]) == ("replying", 45, 1_000_000)
    clock[0] += 15
    await presence.touch(redis, agency.viewer(agency.ben), agency.client.id, "alive", "viewing")
    assert {person["name"]: person["ttl"] for person in await people(agency)} == {"Ana": 30, "Ben": 45}
    clock[0] += 31
    assert [person["name"] for person in await people(agency)] == ["Ben"]
    await presence.touch(redis, agency.viewer(agency.ben), agency.client.id, "alive", "viewing")
    key = presence._key(agency.id, agency.client.id)
    assert list(await redis.hgetall(key)) == ["alive"], "an expired lease is swept by the next renewal"
    assert 0 < await redis.ttl(key) <= presence.LEASE_SECONDS, "and the key goes when nobody is left"


async def test_renewing_keeps_since_until_the_mode_changes(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000_000.0]
    monkeypatch.setattr(presence.time, "time", lambda: clock[0])
    redis = current_hub().redis
    for wait, mode, since in ((0, "typing", 0), (15, "typing", 0), (15, "replying", 30)):
        clock[0] += wait
        await presence.touch(redis, agency.viewer(), agency.client.id, "tab", mode)
        (person,) = await people(agency)
        assert person["since"] == 1_000_000 + since


async def test_presence_needs_the_subscription(agency: Agency, rival: Agency) -> None:
    page = await page_of(agency)
    await be(page, rival, "viewing")
    refusal = await page.receive("refused")
    assert refusal["refused"] == [{"stream": rival.stream, "reason": "not_subscribed"}]
    assert await people(rival) == []
    await page.close()


async def test_without_redis_pages_open_and_presence_is_silent(agency: Agency) -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        hub._hubs.clear()
        page = await page_of(agency)
        assert (await page.subscribe(agency.stream))["streams"] == [agency.stream]
        await be(page, agency, "replying")
        await page.send(type="ping")
        assert (await page.receive("pong"))["type"] == "pong"
        assert current_hub().live is False
        await in_database(agency.rename, "Abisko")
        assert agency.id in current_hub().rooms
        await page.close()
        await current_hub().aclose()
        hub._hubs.clear()
