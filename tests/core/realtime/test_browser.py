"""The browser side, in a real browser, against a server that the test plays: frames, loss, lists, presence."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django_htmx
import pytest
from django.conf import settings
from playwright.sync_api import Page, Route, WebSocketRoute, expect

pytestmark = pytest.mark.e2e

SITE = "http://outbound.test"
STATIC = (
    Path(settings.BASE_DIR) / "static",
    Path(settings.BASE_DIR) / "project/theme/static",
    Path(django_htmx.__file__).parent / "static",
)

PAGE = """<!doctype html><html><head><meta charset="utf-8">
<style>#pane {{ height: 200px; overflow-y: auto }} li {{ height: 40px }} [hidden] {{ display: none }}</style>
<script src="/static/django_htmx/htmx-2.min.js"></script>
<script src="/static/theme/js/idiomorph-ext.min.js"></script>
<script type="module" src="/static/js/live.js"></script></head>
<body data-organization-slug="kestrel" data-user-id="me" data-live-cursor="10" data-live-streams="inbox:one">
<span id="connection-chip" class="conn" data-state="off"><span data-conn-label>connecting</span></span>
<b data-live-count="unread">3</b>
<button data-live-pill="rows" hidden><span><span data-count>0</span> new</span></button>
<p data-live-presence="c1" hidden><b data-presence-text></b></p>
<div id="pane"><ul id="rows" data-live-list data-live-where='{{"status": ["open"]}}'>
{row_b}{row_a}
</ul></div>
<section id="thread" data-live-view="inbox:one" data-live-src="/thread"><p id="said">old</p>
<form data-live-skip><textarea id="draft"></textarea></form></section>
<div id="elsewhere" style="height: 300px">elsewhere</div>
</body></html>"""


def row(name: str, key: str, text: str = "", status: str = "open", extra: str = "") -> str:
    facts = f'data-live-facts=\'{{"status": "{status}"}}\''
    return f'<li class="row" id="row-{name}" data-live-key="{key}" {facts}{extra}>{text or name}</li>'


def into(html: str) -> str:
    return f'<template data-live="into:rows">{html}</template>'


class Server:
    """Answers what the page asks and pushes what the test says."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sockets: list[WebSocketRoute] = []
        self.commands: list[dict[str, Any]] = []
        self.number = 10
        self.blocked = False
        self.asked: list[dict[str, str]] = []
        self.answer: Callable[[], dict[str, Any]] = lambda: {"cursor": self.number, "frames": []}
        self.thread = '<section id="thread" data-live-view="inbox:one" data-live-src="/thread"></section>'
        page.route(f"{SITE}/**", self._serve)
        page.route_web_socket("**/ws/o/kestrel/", self._connect)
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self) -> None:
        self.page.goto(f"{SITE}/")

    def open_live(self) -> None:
        self.open()
        expect(self.chip).to_have_text("live")

    @property
    def chip(self) -> Any:
        return self.page.locator("#connection-chip")

    def push(self, html: str = "", **frame: Any) -> None:
        self.number += 1
        body = {"stream": "inbox:one", "kind": "test", "n": self.number, "html": html, **frame}
        self.send(type="frames", n=self.number, frames=[body])

    def send(self, **message: Any) -> None:
        self.sockets[-1].send(json.dumps(message))

    def until(self, condition: Callable[[], bool]) -> None:
        """Let the page work until something has arrived here."""
        for _ in range(3_000):
            if condition():
                return
            self.page.wait_for_timeout(10)
        raise AssertionError("It did not happen.")

    def drop(self, code: int = 1006) -> None:
        self.sockets[-1].close(code=code if code != 1006 else 4999)

    def _serve(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        if url.path.startswith("/static/"):
            found = [base / url.path.removeprefix("/static/") for base in STATIC]
            route.fulfill(path=next(path for path in found if path.exists()), content_type="text/javascript")
        elif url.path == "/o/kestrel/live/since":
            self.asked.append({key: values[0] for key, values in parse_qs(url.query).items()})
            route.fulfill(json={"reset": False, "refused": {}, **self.answer()})
        elif url.path == "/thread":
            route.fulfill(body=self.thread, content_type="text/html")
        else:
            body = PAGE.format(row_a=row("a", "2026-01"), row_b=row("b", "2026-02"))
            route.fulfill(body=body, content_type="text/html")

    def _connect(self, socket: WebSocketRoute) -> None:
        if self.blocked:
            socket.close(code=4999)
            return
        self.sockets.append(socket)
        socket.on_message(self._obey)
        self.send(type="welcome", n=self.number, heartbeat=15, ack_every=4, ack_characters=100_000)
        self.send(type="feed", live=True)

    def _obey(self, text: str | bytes) -> None:
        command = json.loads(text)
        self.commands.append(command)
        if command["type"] == "subscribe":
            self.send(type="subscribed", streams=command["streams"], refused=[], n=self.number)
        elif command["type"] == "ping":
            self.send(type="pong")


@pytest.fixture
def server(page: Page) -> Any:
    made = Server(page)
    yield made
    assert made.errors == []


def cursor(page: Page) -> int:
    found: int = page.evaluate("import('/static/js/live.js').then(({ live }) => live.cursor)")
    return found


def names(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#rows > li").all_text_contents()]


def test_frames_change_the_page_and_move_the_cursor(server: Server, page: Page) -> None:
    server.open_live()
    assert server.commands[0] == {"type": "subscribe", "streams": ["inbox:one"], "cursor": 10}
    server.push(into(row("a", "2026-01", "a changed")))
    server.push(into(row("c", "2026-03")))
    server.push(
        '<template data-live="count:unread">4</template><template data-live="remove:row-b"></template>'
    )
    server.push(into(row("d", "2025-12")) + '<p id="said" data-live="replace">new</p>')
    expect(page.locator("#rows > li")).to_have_text(["c", "a changed", "d"])
    expect(page.locator("[data-live-count]")).to_have_text("4")
    expect(page.locator("#said")).to_have_text("new")
    assert page.locator("#said").get_attribute("data-live") is None, "as a fresh page has it"
    assert cursor(page) == 14
    # Every fourth message, as the server asked: welcome, feed, subscribed, and the first frame.
    server.until(lambda: {"type": "ack", "count": 4} in server.commands)


def test_pushed_moments_are_shown_in_the_viewers_zone(server: Server, page: Page) -> None:
    server.open_live()
    page.evaluate("document.body.dataset.zone = 'America/New_York'")
    # The clocks there go back at 06:00 UTC: 05:30 is shown before 01:30 is shown again.
    shown = {
        "2020-11-01T05:30:00+00:00": ("clock", "01:30"),
        "2020-11-01T03:59:00+00:00": ("day", "31 Oct 2020"),
        "2020-11-02T04:59:00+00:00": ("day_clock", "1 Nov 2020 23:59"),
        "2020-07-04T16:00:00+00:00": ("stamp", "Sat 4 Jul 2020, 12:00"),
    }
    for instant, (show, text) in shown.items():
        time = f'<time datetime="{instant}" data-show="{show}">elsewhere</time>'
        server.push(into(row("c", "2026-03", time)))
        expect(page.locator("#row-c")).to_have_text(text)
    expect(page.locator("#row-c time")).to_have_attribute("title", "Sat 4 Jul 2020, 12:00:00 GMT-4")
    instant = page.evaluate(
        "import('/static/js/times.js').then(({ instantOf }) => instantOf('2026-03-08T09:00') / 1000)"
    )
    assert datetime.fromtimestamp(instant, UTC).isoformat() == "2026-03-08T13:00:00+00:00"


def test_what_the_page_already_shows_is_not_applied_again(server: Server, page: Page) -> None:
    server.open_live()
    server.number = 9
    server.push(into(row("a", "2026-01", "older than the page")))
    server.number = 10
    server.push(into(row("b", "2026-02", "newer")))
    expect(page.locator("#row-b")).to_have_text("newer")
    expect(page.locator("#row-a")).to_have_text("a")


def test_a_resync_fetches_what_was_missed_and_applies_later_frames_after_it(
    server: Server, page: Page
) -> None:
    server.open_live()

    def answer() -> dict[str, Any]:
        # While the answer is on its way a newer change is pushed: it must win.
        server.number = 12
        server.push(into(row("a", "2026-01", "third")))
        missed = {"stream": "inbox:one", "kind": "test", "n": 12, "html": into(row("a", "2026-01", "second"))}
        return {"cursor": 12, "frames": [missed]}

    server.answer = answer
    server.send(type="resync", n=12, reason="gap")
    expect(page.locator("#row-a")).to_have_text("third")
    assert server.asked == [{"cursor": "10", "streams": "inbox:one"}]
    assert cursor(page) == 13


def test_a_lost_socket_is_opened_again_and_what_was_missed_fetched(server: Server, page: Page) -> None:
    server.open_live()
    server.number = 15
    missed = {"stream": "inbox:one", "kind": "test", "n": 15, "html": into(row("a", "2026-01", "meanwhile"))}
    server.answer = lambda: {"cursor": 15, "frames": [missed]}
    server.drop()
    expect(page.locator("#row-a")).to_have_text("meanwhile")
    expect(server.chip).to_have_text("live")
    assert len(server.sockets) == 2
    assert cursor(page) == 15


def test_without_websockets_the_page_polls_and_says_so(server: Server, page: Page) -> None:
    page.clock.install()
    server.blocked = True
    server.open()
    page.clock.run_for(2_000)
    expect(server.chip).to_contain_text("offline, showing ")
    missed = {"stream": "inbox:one", "kind": "test", "n": 11, "html": into(row("a", "2026-01", "polled"))}
    server.answer = lambda: {"cursor": 11, "frames": [missed]}
    page.clock.run_for(6_000)
    expect(page.locator("#row-a")).to_have_text("polled")
    assert server.asked[0]["cursor"] == "10"
    expect(server.chip).to_have_attribute("data-state", "off")
    server.blocked = False
    while not server.sockets:
        page.clock.run_for(5_000)
    expect(server.chip).to_have_text("live")


def test_without_redis_on_the_server_the_page_polls(server: Server, page: Page) -> None:
    page.clock.install()
    server.open()
    expect(server.chip).to_have_text("live")
    server.send(type="feed", live=False)
    page.clock.run_for(100)
    expect(server.chip).to_contain_text("offline, showing ")
    page.clock.run_for(6_000)
    server.until(lambda: server.asked != [])
    server.send(type="feed", live=True)
    expect(server.chip).to_have_text("live")


def test_catching_up_counts_down_on_the_chip(server: Server, page: Page) -> None:
    server.open_live()
    page.evaluate(
        """() => {
          window.labels = [];
          document.addEventListener("live:state", () => setTimeout(() =>
            window.labels.push(document.querySelector("[data-conn-label]").textContent)));
        }"""
    )
    server.number = 10 + 60
    server.answer = lambda: {
        "cursor": 70,
        "frames": [{"stream": "inbox:one", "kind": "test", "n": 11 + n, "html": ""} for n in range(60)],
    }
    server.send(type="resync", n=70, reason="gap")
    expect(server.chip).to_have_text("live")
    page.wait_for_function("window.labels.includes('catching up (60)')")
    assert cursor(page) == 70


@pytest.mark.parametrize(("code", "event"), [(4401, "signed-out"), (4404, "revoked"), (4409, "revoked")])
def test_a_final_refusal_is_not_argued_with(server: Server, page: Page, code: int, event: str) -> None:
    server.open_live()
    page.evaluate(f"document.addEventListener('live:{event}', () => (window.told = true))")
    page.clock.install()
    server.drop(code)
    page.wait_for_function("window.told")
    page.clock.run_for(60_000)
    assert len(server.sockets) == 1
    assert server.asked == []
    expect(server.chip).to_contain_text("offline, showing ")


def test_rows_wait_in_the_pill_while_the_pointer_is_in_the_list(server: Server, page: Page) -> None:
    server.open_live()
    page.locator("#row-a").hover()
    server.push(into(row("c", "2026-03")) + '<template data-live="count:unread">9</template>')
    server.push(into(row("a", "2026-04", "a moves up")))
    pill = page.locator("[data-live-pill]")
    expect(pill).to_have_text("2 new")
    expect(page.locator("[data-live-count]")).to_have_text("9")
    assert names(page) == ["b", "a moves up"], "changed in place, moved nowhere"
    pill.click()
    expect(page.locator("#rows > li")).to_have_text(["a moves up", "c", "b"])
    expect(pill).to_be_hidden()


def test_waiting_rows_enter_when_the_list_is_left(server: Server, page: Page) -> None:
    server.open_live()
    page.locator("#row-a").hover()
    server.push(into(row("c", "2026-03")))
    expect(page.locator("[data-live-pill]")).to_be_visible()
    page.locator("#elsewhere").hover()
    expect(page.locator("#rows > li")).to_have_text(["c", "b", "a"])


def test_a_row_behind_the_loaded_page_is_left_to_its_own_page(server: Server, page: Page) -> None:
    server.open_live()
    page.evaluate(
        "document.getElementById('rows').insertAdjacentHTML('beforeend', '<li data-live-more>more</li>')"
    )
    server.push(
        into(row("old", "2025-06")) + into(row("between", "2026-01-15")) + into(row("new", "2026-03"))
    )
    expect(page.locator("#row-new")).to_be_attached()
    assert names(page) == ["new", "b", "between", "a", "more"]
    # One that moves behind the page leaves it; without more to load it goes to the end.
    server.push(into(row("b", "2025-07")))
    expect(page.locator("#row-b")).to_have_count(0)
    page.evaluate("document.querySelector('[data-live-more]').remove()")
    server.push(into(row("old", "2025-06")))
    expect(page.locator("#row-old")).to_be_attached()
    assert names(page) == ["new", "between", "a", "old"]


def test_the_focus_of_a_click_holds_nothing_up_and_that_of_a_keyboard_does(
    server: Server, page: Page
) -> None:
    server.open_live()
    page.evaluate("document.getElementById('row-a').innerHTML = '<a href=\"#a\">a</a>'")
    page.locator("#row-a a").click()
    page.locator("#elsewhere").hover()
    server.push(into(row("new", "2026-03")))
    expect(page.locator("#row-new")).to_be_attached()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#row-a a")).to_be_focused()
    server.push(into(row("newer", "2026-04")))
    expect(page.locator("[data-live-pill]")).to_be_visible()
    expect(page.locator("#row-newer")).to_have_count(0)


def test_a_row_that_no_longer_fits_leaves_when_the_pointer_does(server: Server, page: Page) -> None:
    server.open_live()
    page.locator("#row-a").hover()
    server.push(into(row("b", "2026-02", status="closed")) + into(row("a", "2026-01", status="closed")))
    expect(page.locator("#rows > li")).to_have_text(["a"])
    expect(page.locator("#row-a")).to_contain_class("leaving")
    page.locator("#elsewhere").hover()
    expect(page.locator("#rows > li")).to_have_count(0)
    server.push(into(row("e", "2026-05", status="closed")) + into(row("f", "2026-06")))
    expect(page.locator("#rows > li")).to_have_text(["f"])


def test_the_viewers_own_marks_survive_a_change(server: Server, page: Page) -> None:
    server.open_live()
    page.evaluate("document.getElementById('row-a').classList.add('open', 'cursor')")
    server.push(into(row("a", "2026-01", "changed")))
    expect(page.locator("#row-a")).to_have_text("changed")
    expect(page.locator("#row-a")).to_have_class("row open cursor")


def test_the_cursor_goes_to_the_neighbour_of_a_row_that_somebody_else_takes_away(
    server: Server, page: Page
) -> None:
    server.open_live()
    page.evaluate("document.getElementById('row-b').classList.add('cursor')")
    server.push(into(row("b", "2026-02", status="closed")))
    expect(page.locator("#rows > li")).to_have_text(["a"])
    expect(page.locator("#row-a")).to_have_class("row cursor")


def test_what_has_the_focus_changes_too_and_only_a_field_keeps_what_is_in_it(
    server: Server, page: Page
) -> None:
    server.open_live()
    inside = '<a href="#a">{name}</a><input value="{value}">'
    server.push(into(row("a", "2026-01", inside.format(name="Bo", value="as it came"))))
    link, field = page.locator("#row-a a"), page.locator("#row-a input")
    expect(link).to_have_text("Bo")
    link.click()
    server.push(into(row("a", "2026-01", inside.format(name="Danuta", value="as it came"))))
    expect(link).to_have_text("Danuta")
    expect(link).to_be_focused()
    field.fill("typed")
    server.push(into(row("a", "2026-01", inside.format(name="Marta", value="changed"))))
    expect(link).to_have_text("Marta")
    expect(field).to_have_value("typed")
    expect(field).to_be_focused()


def test_a_reset_fetches_the_regions_and_keeps_the_draft(server: Server, page: Page) -> None:
    server.open_live()
    page.locator("#draft").fill("Dear Marta")
    server.thread = (
        '<section id="thread" data-live-view="inbox:one" data-live-src="/thread"><p id="said">fresh</p>'
        '<form data-live-skip><textarea id="draft"></textarea></form></section>'
    )
    server.number = 900
    server.answer = lambda: {"cursor": 900, "reset": True, "frames": []}
    server.send(type="resync", n=900, reason="backlog")
    expect(page.locator("#said")).to_have_text("fresh")
    expect(page.locator("#draft")).to_have_value("Dear Marta")
    assert cursor(page) == 900
    server.thread = server.thread.replace("fresh", "fresher")
    server.push(stale=True)
    expect(page.locator("#said")).to_have_text("fresher")


def test_a_part_that_is_swapped_in_begins_where_it_was_asked_for(server: Server, page: Page) -> None:
    server.open_live()
    page.evaluate(
        """() => {
          window.xhr = new XMLHttpRequest();
          document.dispatchEvent(new CustomEvent("htmx:beforeRequest", { detail: { xhr: window.xhr } }));
        }"""
    )
    server.push()  # the response is rendered about now; what comes until it is shown must not be lost
    page.wait_for_function("import('/static/js/live.js').then(({ live }) => live.cursor === 11)")
    page.evaluate(
        """() => {
          const part = document.createElement("div");
          part.dataset.liveStream = "conversation:c1";
          document.body.append(part);
          document.dispatchEvent(new CustomEvent("htmx:afterSwap", { detail: { xhr: window.xhr } }));
        }"""
    )
    server.until(lambda: server.asked == [{"cursor": "10", "streams": "conversation:c1"}])
    assert server.commands[-1]["streams"] == ["conversation:c1"]
    page.evaluate("document.querySelector('[data-live-stream=\"conversation:c1\"]').remove()")
    server.until(lambda: server.commands[-1] == {"type": "unsubscribe", "streams": ["conversation:c1"]})


def test_coming_back_to_a_hidden_tab_catches_up(server: Server, page: Page) -> None:
    page.clock.install()
    server.open()
    expect(server.chip).to_have_text("live")
    hide = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true });"
    change = "document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate(hide % "true" + change)
    page.clock.run_for(6_000)
    page.evaluate(hide % "false" + change)
    server.until(lambda: server.asked == [{"cursor": "10", "streams": "inbox:one"}])


def test_presence_is_shown_renewed_and_runs_out(server: Server, page: Page) -> None:
    page.clock.install()
    server.open()
    expect(server.chip).to_have_text("live")
    line = page.locator("[data-live-presence]")
    people = [
        {"user_id": "me", "name": "Me", "mode": "viewing", "since": 0, "ttl": 45},
        {"user_id": "ana", "name": "Ana", "mode": "replying", "since": 0, "ttl": 45},
        {"user_id": "ben", "name": "Ben", "mode": "viewing", "since": 0, "ttl": 20},
    ]
    frame = {
        "stream": "conversation:c1",
        "kind": "presence",
        "data": {"conversation": "c1", "people": people},
    }
    server.send(type="ephemeral", frames=[frame])
    expect(line).to_have_text("Ana is replying, Ben is viewing")
    page.clock.run_for(21_000)
    expect(line).to_have_text("Ana is replying")
    page.clock.run_for(25_000)
    expect(line).to_be_hidden()
    page.evaluate("import('/static/js/live.js').then(({ live }) => live.presence('c1', 'replying'))")
    page.clock.run_for(31_000)
    ours = {"type": "presence", "conversation": "c1", "mode": "replying"}
    server.until(lambda: server.commands.count(ours) == 3)
