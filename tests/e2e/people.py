"""People at their browsers: signing in, opening pages, and what every one of them does in the same way."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from integrations.sandbox.testing import SandboxHandle
from project.core.embedded.processes import wait_until
from tests.plugins.browser import PATIENCE_MS

PASSWORD = "outbound-demo"
DESK = {"width": 1440, "height": 900}
#: The seat of the demo's first campaign.
SEAT = "acc_erik_sand"


def address_of(name: str) -> str:
    """The e-mail address that somebody of the demo, or of the platform's staff, signs in with."""
    return f"{name}@demo.test"


@dataclass
class Passports:
    """Sessions of the demo's people: each signs in once, by the form, and keeps the cookies."""

    browser: Browser
    site: str
    known: dict[str, Any] = field(default_factory=dict)

    def of(self, name: str) -> Any:
        """The cookies of somebody who has signed in."""
        if name not in self.known:
            context = self.browser.new_context(base_url=self.site)
            page = context.new_page()
            sign_in(page, name)
            self.known[name] = context.storage_state()
            context.close()
        return self.known[name]


def sign_in(page: Page, name: str) -> None:
    """Sign in by the form."""
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(address_of(name))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(lambda url: "/accounts/login" not in url)


@dataclass
class Browsers:
    """The browsers of one test. ``tolerate`` names what their consoles may say; everything else is a complaint."""

    passports: Passports
    contexts: list[BrowserContext] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    tolerated: list[str] = field(default_factory=list)

    def open(self, name: str, path: str = "", **options: Any) -> Page:
        """A browser of its own for somebody, at an address below the organization."""
        page = self.context(name, **options).new_page()
        if path:
            self.go(page, path)
        return page

    def context(self, name: str, **options: Any) -> BrowserContext:
        """A browser without a page. ``name`` may be empty: nobody has signed in."""
        context = self.passports.browser.new_context(
            base_url=self.passports.site,
            storage_state=self.passports.of(name) if name else None,
            **{"viewport": DESK, "reduced_motion": "reduce", **options},
        )
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        self.contexts.append(context)
        return context

    def go(self, page: Page, path: str) -> None:
        """Open a page and wait until it is live."""
        page.goto(f"/o/demo/{path}")
        expect(chip(page)).to_have_attribute("data-state", "live")

    def tolerate(self, *patterns: str) -> None:
        """Expect the console to say this: refusals and lost connections that the test itself brings about."""
        self.tolerated += patterns

    @property
    def complaints(self) -> list[str]:
        """What the consoles said and nobody expected."""
        return [text for text in self.said if not any(re.search(known, text) for known in self.tolerated)]

    def close(self) -> None:
        """Close them all."""
        for context in self.contexts:
            context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.said.append(f"{message.text} ({message.location.get('url', '')})")


def chip(page: Page) -> Locator:
    """The connection chip."""
    return page.locator("#connection-chip")


def row_of(page: Page, text: str) -> Locator:
    """The conversation in the inbox's list whose row says this, such as a name or the last words."""
    return page.locator("#conversation-list > .row").filter(has_text=text)


def open_thread(page: Page, text: str) -> str:
    """Open the conversation whose row says this from the list; return its id."""
    row = row_of(page, text)
    found = (row.get_attribute("id") or "").removeprefix("conversation-row-")
    row.locator("a.cover").click()
    expect(page.locator(f"#inbox-open[data-open='{found}'] #p-thread")).to_be_visible()
    return found


def composer(page: Page) -> Locator:
    """The field that replies are written in."""
    return page.locator("[data-reply-form] textarea")


def said_in(page: Page, text: str) -> Locator:
    """Messages of the open thread with this text."""
    return page.locator("#thread-scroll article.msg").filter(has_text=text)


# --- prospects --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prospect:
    """Somebody whom the demo's campaign has invited, and the seat that did."""

    sandbox: SandboxHandle
    person: str
    account_id: str = SEAT

    def says(self, text: str, *, settle: bool = True) -> None:
        """Write to the seat; by default wait until the webhook was answered."""
        self.sandbox.reply(self.person, text, account_id=self.account_id, settle=settle)

    def was_written_to(self) -> bool:
        """Whether the campaign's first message has come."""
        return self.received() != []

    def received(self) -> list[str]:
        """The texts that the provider has taken for this person, invitations not counted."""
        written = [one for call in self.sandbox.calls(method="POST", writes=True) for one in call["writes"]]
        return [
            one["text"]
            for one in written
            if one["kind"] == "message" and self.person in one.get("provider_ids", [self._of(one)])
        ]

    def _of(self, write: dict[str, Any]) -> str:
        """Whom a message in a known chat is for."""
        chats = {standing["chat_id"] for standing in self.sandbox.person(self.person)["unipile"]}
        return self.person if write["chat_id"] in chats else ""


def next_prospect(sandbox: SandboxHandle) -> Prospect:
    """Somebody who was invited and has not answered yet; accepts, and has got the first message.

    The campaign may still be at its invitations, or have none left for today: every test uses up one or two.
    """
    wait_until(lambda: _unanswered(sandbox) is not None, seconds=PATIENCE_MS / 1000)
    person = _unanswered(sandbox)
    assert person is not None, f"{len(_invited(sandbox))} people are invited, and all of them have answered"
    found = Prospect(sandbox, person)
    sandbox.accept(person, account_id=found.account_id)
    assert wait_until(found.was_written_to, seconds=PATIENCE_MS / 1000), (
        f"the first message has not come; they have got {found.received()}, webhooks not taken: {not_taken(sandbox)}"
    )
    return found


def not_taken(sandbox: SandboxHandle) -> list[tuple[str, list[dict[str, Any]]]]:
    """The webhooks that the installation has not taken, each with what became of it."""
    return [(one["event"], one["log"]) for one in sandbox.deliveries() if one["state"] != "delivered"]


def _unanswered(sandbox: SandboxHandle) -> str | None:
    """The first of those whose invitation by the seat is pending; another seat may have invited them, too."""
    for person in _invited(sandbox):
        standings = sandbox.person(person)["unipile"]
        if any((one["account_id"], one["invitation"]) == (SEAT, "PENDING") for one in standings):
            return person
    return None


def _invited(sandbox: SandboxHandle) -> list[str]:
    """Whom the demo's campaign has invited so far, by their ids at the provider."""
    calls = sandbox.calls(path="*/users/invite", writes=True)
    return [call["body"]["provider_id"] for call in calls if call["body"]["account_id"] == SEAT]
