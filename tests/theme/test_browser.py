"""In a real browser: no sideways scroll, nothing that axe or the console objects to, and the keys work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from tests.factories import Agency

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

#: The server of these tests speaks no websocket; the page says so and goes on.
EXPECTED = ("WebSocket", "/live/")


@pytest.fixture
def visitor(context: BrowserContext, live_server: Any, kestrel: Agency) -> Iterator[Page]:
    """A page of somebody who is signed in; what the console says must be nothing."""
    client = Client()
    client.force_login(kestrel.admin, backend=settings.AUTHENTICATION_BACKENDS[0])
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = context.new_page()
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    assert [text for text in said if not any(known in text for known in EXPECTED)] == []


def inspect_everywhere(page: Page, *widths: int) -> None:
    """No sideways scroll, and nothing that axe objects to, at each width in both themes."""
    page.evaluate("document.fonts.ready")
    for width in widths:
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        for scheme in ("light", "dark"):
            # Without motion, so that no colour is measured half way.
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            inspect(page)


def inspect(page: Page) -> None:
    """Nothing that axe objects to."""
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"][:120] for node in rule["nodes"][:3]]) for rule in found] == []


def test_components_page(visitor: Page, live_server: Any, kestrel: Agency) -> None:
    visitor.goto(live_server.url + kestrel.url("components/"))
    inspect_everywhere(visitor, 1440, 1024, 390, 360)


def test_sign_in_page(page: Page, live_server: Any) -> None:
    page.goto(f"{live_server.url}/accounts/login/")
    inspect_everywhere(page, 1440, 390)


def test_the_theme_is_kept(visitor: Page, live_server: Any, kestrel: Agency) -> None:
    visitor.goto(live_server.url + kestrel.url("components/"))
    visitor.get_by_role("button", name="Dark").click()
    expect(visitor.locator("html")).to_have_attribute("data-theme", "dark")
    visitor.reload()
    expect(visitor.locator("html")).to_have_attribute("data-theme", "dark")
    visitor.get_by_role("button", name="System").click()
    visitor.reload()
    assert visitor.locator("html").get_attribute("data-theme") is None


def test_dialogs_menus_and_keys(visitor: Page, live_server: Any, kestrel: Agency) -> None:
    visitor.emulate_media(reduced_motion="reduce")
    visitor.goto(live_server.url + kestrel.url("components/"))
    dialog = visitor.locator("#specimen-dialog")
    visitor.locator('[data-open="specimen-dialog"]').first.click()
    expect(dialog).to_be_visible()
    visitor.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    opener = visitor.get_by_role("button", name="Canned replies")
    opener.click()
    menu = visitor.locator("#specimen-menu")
    expect(menu).to_be_visible()
    expect(visitor.get_by_role("menuitem", name="Confirm a time")).to_be_focused()
    visitor.keyboard.press("ArrowDown")
    expect(visitor.get_by_role("menuitem", name="Ask for hall size")).to_be_focused()
    visitor.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(opener).to_be_focused()

    visitor.keyboard.press("?")
    overlay = visitor.locator("#keys-overlay")
    expect(overlay).to_be_visible()
    expect(overlay).to_contain_text("Show all shortcuts")
    visitor.keyboard.press("Escape")
    visitor.locator("#specimen-subject").focus()
    visitor.keyboard.press("?")
    expect(overlay).to_be_hidden()
    expect(visitor.locator("#specimen-subject")).to_have_value(re.compile(r"\?"))
