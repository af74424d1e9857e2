"""The control API: playing prospects, the clock, autopilot, reset, and the page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from integrations.sandbox.people import clean_slug
from integrations.sandbox.replies import INTENTS, REPLIES
from integrations.sandbox.testing import SandboxHandle, SandboxRefused
from tests.sandbox.conftest import ERIK, LUCIA, Api, Receiver
from tests.sandbox.test_chats import talk


def test_keen_prospects_accept_read_and_reply_in_sandbox_time(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    sandbox.settings(autopilot=True, new_relation_delay_minutes=[5, 60])
    sandbox.change_person(
        "tomas-weil", behaviour={"accept_probability": 1, "reply_probability": 1, "read_probability": 1}
    )
    api.subscribe(receiver.url, source="users")
    api.subscribe(receiver.url, events=["message_received", "message_read"])
    api.invite("tomas-weil")
    sandbox.jump(minutes=29)
    assert receiver.received == []
    sandbox.jump(minutes=61 + 60)
    assert [item["event"] for item in receiver.events()] == ["new_relation"]
    api.start_chat(api.member_id("tomas-weil"), "Hi Tomas")
    sandbox.jump(minutes=61)
    events = [item["event"] for item in receiver.events()]
    assert events == ["new_relation", "message_received", "message_read", "message_received"]
    reply = receiver.events()[-1]
    assert reply["is_sender"] is False
    assert reply["message"]
    assert "{" not in reply["message"]


def test_decisions_are_the_same_every_time(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.settings(autopilot=True)
    slugs = [f"lead-{letter}-x" for letter in "abcdefghijklmnop"]

    def who_accepts() -> list[str]:
        sandbox.reset()
        for slug in slugs:
            api.invite(slug)
        sandbox.jump(hours=3)
        return [slug for slug in slugs if sandbox.person(slug)["unipile"][0]["connected"]]

    first = who_accepts()
    assert 0 < len(first) < len(slugs)
    assert who_accepts() == first


def test_whoever_is_played_by_hand_leaves_autopilot(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.settings(autopilot=True)
    sandbox.change_person("tomas-weil", behaviour={"reply_probability": 1, "read_probability": 0})
    talk(sandbox, api)
    assert [item["kind"] for item in sandbox.person("tomas-weil")["unipile"][0]["will"]] == ["unipile.reply"]
    sandbox.reply("tomas-weil", "Only this")
    sandbox.jump(days=1)
    said = [
        item for item in sandbox.person("tomas-weil")["unipile"][0]["messages"] if item["from"] == "person"
    ]
    assert [item["text"] for item in said] == ["Only this"]
    sandbox.act("maya-l", "ignore")
    api.invite("maya-l")
    assert sandbox.person("maya-l")["unipile"][0]["will"] == []


def test_replies_by_intent_are_varied_and_fill_their_words(sandbox: SandboxHandle, api: Api) -> None:
    assert set(REPLIES) == set(INTENTS)
    talk(sandbox, api)
    for intent in INTENTS:
        text = sandbox.reply("tomas-weil", "", intent=intent)["text"]
        assert text
        assert "{" not in text
    away = sandbox.act("tomas-weil", "out_of_office")["text"]
    assert any(sign in away.lower() for sign in ("until", "back on", "automatic", "nicht im büro"))


def test_what_makes_no_sense_is_refused_with_a_reason(sandbox: SandboxHandle, api: Api) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("/people/tomas-weil/accept", {"account_id": ERIK}, "409 .*no pending invitation"),
        ("/people/tomas-weil/reply", {"account_id": ERIK, "text": "x"}, "409 .*not connected"),
        ("/people/tomas-weil/reply", {}, "409 .*name a seat"),
        ("/people/tomas-weil/dance", {}, "404 .*unknown action"),
        ("/accounts/acc_none/status", {"status": "OK"}, "404"),
        (f"/accounts/{ERIK}/status", {"status": "SAD"}, "400 .*status"),
        ("/clock", {"speed": -1}, "400 .*speed"),
        ("/clock/jump", {}, "400 .*give one of"),
        ("/reset", {"seed": "carrots"}, "400 .*seed"),
    ]
    for path, body, expected in cases:
        with pytest.raises(SandboxRefused, match=expected):
            sandbox.call("POST", path, body)
    wrong: list[dict[str, Any]] = [
        {"provider_id": "x"},
        {"behaviour": {"accept_probability": 2}},
        {"behaviour": {"intents": {}}},
    ]
    for changes in wrong:
        with pytest.raises(SandboxRefused, match="400"):
            sandbox.change_person("tomas-weil", **changes)
    with pytest.raises(SandboxRefused, match=r"400 .*unknown setting"):
        sandbox.settings(colour="red")
    malformed = httpx.post(f"{sandbox.base_url}/_sandbox/reset", content=b"{")
    assert malformed.json()["code"] == "malformed"


def test_calls_from_other_sites_are_refused(sandbox: SandboxHandle) -> None:
    answer = httpx.post(
        f"{sandbox.base_url}/_sandbox/reset", json={}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


def test_reset_forgets_what_happened_but_not_who_is_who(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    hook = api.subscribe(receiver.url)
    before = api.member_id("tomas-weil")
    sandbox.change_person("tomas-weil", company="Elsewhere")
    talk(sandbox, api)
    sandbox.add_fault("status")
    sandbox.reset(keep_webhooks=True)
    assert api.member_id("tomas-weil") == before
    assert sandbox.person("tomas-weil")["company"] != "Elsewhere"
    state = sandbox.state()
    assert (state["unipile"]["messages"], state["faults"]) == (0, [])
    assert [item["id"] for item in state["unipile"]["webhooks"]] == [hook]
    sandbox.reset(seed=None)
    assert sandbox.state()["unipile"]["accounts"] == []
    assert sandbox.state()["unipile"]["webhooks"] == []


def test_the_clock_runs_at_its_speed_and_stands_still_at_zero(sandbox: SandboxHandle) -> None:
    still = [sandbox.call("GET", "/clock")["sandbox"] for _ in range(2)]
    assert still[0] == still[1]
    sandbox.speed(1_000_000)
    first, second = (sandbox.call("GET", "/clock")["sandbox"] for _ in range(2))
    assert second > first


def test_a_newcomer_can_play_a_prospect_with_the_page_alone(sandbox: SandboxHandle, api: Api) -> None:
    page = f"{sandbox.base_url}/_sandbox/"
    assert "Nobody has been invited" in httpx.get(page).text
    sandbox.change_person("tomas-weil", last_name="<b>Weil")
    api.invite("tomas-weil", message="Hi <i>Tomas</i>")
    html = httpx.get(page).text
    assert 'action="people/tomas-weil/accept"' in html
    assert "&lt;b&gt;Weil" in html
    assert "<i>Tomas" not in html
    pressed = httpx.post(f"{page}people/tomas-weil/accept", data={"account_id": ERIK})
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/_sandbox/")
    httpx.post(f"{page}people/tomas-weil/reply", data={"account_id": ERIK, "text": "Written on the page"})
    assert "Written on the page" in httpx.get(page).text
    httpx.post(f"{page}accounts/{LUCIA}/status", data={"status": "CREDENTIALS"})
    assert 'value="OK"><button>Reconnect' in httpx.get(page).text
    httpx.post(f"{page}clock/jump", data={"hours": "1"})
    httpx.post(f"{page}autopilot", data={"on": "true"})
    assert sandbox.state()["settings"]["autopilot"] is True
    assert httpx.get(sandbox.base_url).headers["location"] == "/_sandbox/"


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Tomas-Weil", "tomas-weil"),
        ("https://www.linkedin.com/in/Tomas-Weil/?miniProfile=1", "tomas-weil"),
        ("https://linkedin.com/in/jürgen-groß", "jürgen-groß"),
    ],
)
def test_slugs_are_cleaned(text: str, slug: str) -> None:
    assert clean_slug(text) == slug
