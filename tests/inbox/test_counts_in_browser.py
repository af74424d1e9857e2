"""Counts in a real browser, against a server that the test plays: what was missed is never added to what is new."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.core.realtime.test_browser import SITE, Server, cursor, server

__all__ = ["server"]
pytestmark = pytest.mark.e2e

SIDEBAR = """<div id="inbox-views" data-own="me" data-counts-src="/counts"><b data-live-count="view-all">old</b></div>
<b id="list-count" data-live-count="view-all">old</b>"""


#: Counts the answers that the page has read: before that, no time passes that it would wait from then on.
READING = """() => {
  const read = Response.prototype.json;
  window.answersRead = 0;
  Response.prototype.json = async function () {
    try { return await read.call(this); } finally { window.answersRead += 1; }
  };
}"""


class Counted:
    """The inbox's sidebar on the page, and what it asks for: each question waits until it is answered."""

    def __init__(self, server: Server, page: Page) -> None:
        self.server, self.page = server, page
        self.waiting: list[Route] = []
        self.since: list[int] = []
        page.clock.install()
        page.route(f"{SITE}/counts?*", self._ask)
        server.open_live()
        page.evaluate(READING)
        page.evaluate(
            "(html) => { document.body.insertAdjacentHTML('beforeend', html); return import('/static/js/inbox.js'); }",
            SIDEBAR,
        )

    def _ask(self, route: Route) -> None:
        self.since.append(int(parse_qs(urlsplit(route.request.url).query)["since"][0]))
        self.waiting.append(route)

    def change(self, client: str, count: int) -> None:
        data = {"client": client, "counts": {"all": count}}
        self.server.push(kind="conversation.changed", data=data)
        self.server.until(lambda: cursor(self.page) == self.server.number)

    def miss(self) -> None:
        self.server.push(kind="conversation.changed", stale=True)
        self.server.until(lambda: cursor(self.page) == self.server.number)

    def asked(self, seconds: float) -> bool:
        """Whether the page asks within that time."""
        self.page.clock.fast_forward(int(seconds * 1000))
        self.page.wait_for_function("1")
        return bool(self.waiting)

    def answer(self, number: int, **counts: int) -> None:
        found = {client: {"all": count} for client, count in counts.items()}
        read = self.page.evaluate("window.answersRead")
        self.waiting.pop().fulfill(json={"number": number, "counts": found})
        self.server.until(lambda: self.page.evaluate("window.answersRead") > read)

    def shows(self, text: str) -> None:
        expect(self.page.locator("#inbox-views b")).to_have_text(text)
        expect(self.page.locator("#list-count")).to_have_text(text)


@pytest.fixture
def counted(server: Server, page: Page) -> Any:
    return Counted(server, page)


def test_a_reset_leaves_no_old_count_of_another_client(counted: Counted) -> None:
    counted.change("a", 1)
    assert counted.asked(1)
    counted.answer(11, a=1, b=5)
    counted.shows("6")
    counted.server.number = 900
    counted.server.answer = lambda: {"cursor": 900, "reset": True, "frames": []}
    counted.server.send(type="resync", n=900, reason="backlog")
    counted.server.until(lambda: cursor(counted.page) == 900)
    # Meanwhile there are four of the one client; the other one's change must not be added to the one there was.
    counted.change("b", 6)
    assert counted.asked(1)
    assert counted.since == [11, 901]
    counted.answer(901, a=4, b=6)
    counted.shows("10")
    counted.change("a", 3)
    counted.shows("9")
    assert counted.since == [11, 901]


def test_what_is_missed_while_asking_and_answers_that_are_too_old_are_asked_for_again(
    counted: Counted,
) -> None:
    counted.change("a", 1)
    assert counted.asked(1)
    counted.miss()
    counted.change("a", 2)
    counted.answer(11, a=1, b=5)
    assert counted.asked(3)
    assert counted.since == [11, 13]
    # Counted for others a moment before; and a change that came after it was counted is newer.
    counted.answer(12, a=1, b=5)
    assert counted.asked(3)
    counted.change("b", 8)
    counted.answer(13, a=2, b=7)
    counted.shows("10")


def test_a_question_without_an_answer_is_asked_again_after_a_pause(counted: Counted) -> None:
    counted.change("a", 1)
    assert counted.asked(1)
    counted.waiting.pop().fulfill(body="<p>Try later</p>", content_type="text/html")
    counted.page.wait_for_function("1")
    for number in range(2, 5):
        counted.change("a", number)
        assert not counted.asked(1)
    assert counted.asked(10)
    counted.answer(14, a=4, b=5)
    counted.shows("9")
