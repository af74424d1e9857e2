"""Redis refuses, hangs, or is emptied: pages answer, limits hold, and what happened meanwhile is caught up."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import current_app
from django.conf import settings as current_settings
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client as Browser

from campaigns.services import campaigns as campaign_service
from campaigns.tasks import sweep_audiences
from inbox import streams
from inbox.models import Conversation
from integrations.models import OutboundMessage, RateUsage
from project.core import cache as core_cache
from project.core import quotas, tasks
from project.core.realtime import broker, sequencer
from project.core.realtime.models import StreamCounter
from project.core.scoping import no_scope, platform_scope
from reporting.services import response_cache
from tests.campaigns.conftest import WORKING, World
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

#: The longest that a request may take while Redis is away, on a busy machine.
SECONDS = 5.0


def _forget_pauses() -> None:
    tasks._paused_until = broker._paused_until = quotas._paused_until = core_cache._paused_until = 0.0
    LocMemCache("redis-away", {}).clear()


@pytest.fixture(params=["refuses", "hangs"])
def away(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Redis is at an address where nobody listens, or where somebody listens and never answers."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    if request.param == "hangs":
        listener.listen(64)
    url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    settings.REDIS_URL = url
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": url}}
    monkeypatch.setattr(current_app.conf, "broker_write_url", url, raising=False)
    _forget_pauses()
    yield
    _forget_pauses()
    listener.close()


class Timed:
    """A browser whose every request must be answered in time."""

    def __init__(self) -> None:
        self.browser = Browser()

    def get(self, path: str, status: int = 200) -> Any:
        return self._ask(status, lambda: self.browser.get(path))

    def post(self, path: str, data: dict[str, Any], status: int = 200, **headers: str) -> Any:
        return self._ask(status, lambda: self.browser.post(path, data, headers=headers))

    def _ask(self, status: int, ask: Any) -> Any:
        began = time.perf_counter()
        with no_scope():
            answer = ask()
        took = time.perf_counter() - began
        assert answer.status_code == status, (answer.status_code, answer.content[:500])
        assert took < SECONDS, f"{answer.request['PATH_INFO']} took {took:.1f} s"
        return answer


@pytest.fixture
def thread(world: World) -> Conversation:
    world.lead("Marta", "marta")
    world.says("marta", "Tell me more", WORKING)
    return Conversation.objects.get()


def test_signing_in_pages_and_answers_work(
    world: World, thread: Conversation, away: None, settings: Any
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key"}
    agency = world.agency
    browser = Timed()
    browser.get("/accounts/login/")
    browser.post("/accounts/login/", {"login": agency.admin.email, "password": PASSWORD}, status=302)
    for page in (
        "inbox/",
        "campaigns/",
        "leads/",
        "leads/imports/",
        "senders/",
        "reports/",
        "ops/queues/",
        "settings/",
    ):
        browser.get(agency.url(page))
    base = agency.url(f"inbox/{thread.id}/")
    browser.get(base)
    answer = {"body": "Gladly.", "client_token": uuid.uuid4(), "seen_revision": thread.refreshed().revision}
    browser.post(f"{base}replies/", answer, **{"HX-Request": "true"})
    browser.post(f"{base}assignment/", {"assignee": agency.agent.id}, status=303)
    assert OutboundMessage.objects.get().body == "Gladly."
    assert browser.browser.get("/readyz").status_code == 503


def test_wrong_passwords_are_still_limited(world: World, away: None, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/5m/key"}
    browser = Timed()
    wrong = {"login": world.agency.admin.email, "password": "not this one"}
    with no_scope():
        answers = [browser.browser.post("/accounts/login/", wrong).content.decode() for _ in range(5)]
    assert "Too many" in answers[-1]
    assert "Too many" not in answers[0]


def test_what_happened_meanwhile_is_caught_up(world: World, thread: Conversation, away: None) -> None:
    agency = world.agency
    stream = streams.conversation(thread.id)
    browser = Timed()
    browser.browser.force_login(agency.agent)
    address = agency.url("live/since")
    cursor = browser.get(f"{address}?cursor=0&streams={stream}").json()["cursor"]
    world.says("marta", "Are you there?", WORKING, message="m2")
    caught = browser.get(f"{address}?cursor={cursor}&streams={stream}").json()
    assert (caught["cursor"] > cursor, caught["refused"]) == (True, {}), caught
    assert "Are you there?" in str(caught["frames"])
    assert not caught["reset"]


def test_the_rest_is_published_when_redis_is_back(world: World, thread: Conversation, settings: Any) -> None:
    url = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    _forget_pauses()
    world.says("marta", "Are you there?", WORKING, message="m2")
    with platform_scope("test"):
        counter = StreamCounter.objects.get(organization_id=world.agency.id)
    assert counter.published_number < counter.last_number
    settings.REDIS_URL = url
    _forget_pauses()
    listener = redis.Redis.from_url(url).pubsub()
    listener.subscribe(broker.channel_of(world.agency.id))
    listener.get_message(timeout=5)
    with no_scope():
        sequencer.sweep()
    message = listener.get_message(timeout=5)
    listener.close()
    assert message is not None
    assert "Are you there?" in message["data"].decode()


def test_a_launch_whose_task_is_lost_is_made_up_for(world: World, away: None, time_machine: Any) -> None:
    world.lead("Marta", "marta")
    began = time.perf_counter()
    campaign_service.launch(campaign=world.campaign, actor=world.agency.manager)
    assert time.perf_counter() - began < SECONDS
    time_machine.shift(30)
    with no_scope():
        sweep_audiences.run()
    world.tick()
    assert len(world.queued()) == 1


def test_limits_hold_while_redis_is_emptied(world: World) -> None:
    for number in range(40):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    client = redis.Redis.from_url(current_settings.REDIS_URL)
    for _ in range(3):
        client.flushdb()
        world.tick()
    client.close()
    assert OutboundMessage.objects.count() == RateUsage.objects.get(action="invite", window="day").used == 25


def test_the_cache_goes_on_in_the_process(away: None) -> None:
    began = time.perf_counter()
    assert cache.get("nothing", "default") == "default"
    assert cache.add("counted", 1)
    assert not cache.add("counted", 1)
    assert cache.incr("counted") == 2
    cache.set_many({"a": 1, "b": 2})
    assert cache.get_many(["a", "b"]) == {"a": 1, "b": 2}
    cache.delete("counted")
    assert cache.get("counted") is None
    assert time.perf_counter() - began < SECONDS


def test_answers_of_reports_are_kept_and_forgotten_in_the_process(world: World, away: None) -> None:
    client_id = world.agency.first.id
    made: list[int] = []

    def answer() -> dict[str, Any]:
        made.append(len(made))
        return {"n": len(made)}

    began = time.perf_counter()
    assert [response_cache.kept(client_id, {"days": 7}, answer) for _ in range(2)] == [{"n": 1}] * 2
    response_cache.forget([client_id])  # figures changed, and that has committed
    assert response_cache.kept(client_id, {"days": 7}, answer) == {"n": 2}
    assert response_cache.statistics() == {"hits": 1, "misses": 2}
    page = Timed()
    page.browser.force_login(world.agency.manager)
    assert b"report-headline" in page.get(world.agency.url(f"reports/clients/{client_id}/")).content
    assert time.perf_counter() - began < 2 * SECONDS
