"""Take the pictures of ``docs/screenshots/`` from a running demo: ``make screenshots``.

Starts an installation of its own with the demo organization, waits until its prospects have replied, and visits each
page as whoever uses it.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from project.core.embedded.trial import Installation
from tests.plugins.browser import launch_options

TARGET = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
PASSWORD = "outbound-demo"
DESK = (1440, 900)
PHONE = (390, 844)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")

#: What it shows, who looks, address below the organization, window, colour scheme.
PICTURES: tuple[tuple[str, str, str, tuple[int, int], Scheme], ...] = tuple(
    (name, who, path, window, scheme)
    for name, who, path in (
        ("thread", "agent", "inbox/?view=all"),
        ("inbox", "agent", "inbox/?view=all"),
        ("queues", "agent", "inbox/queues/"),
        ("desk", "agent", "inbox/desk/"),
        ("macros", "agent", "inbox/macros/"),
        ("team", "manager", "inbox/settings/"),
        ("notifications", "agent", "inbox/notifications/"),
        ("campaigns", "manager", "campaigns/"),
        ("senders", "manager", "senders/"),
        ("report", "client", "reports/"),
        ("sync", "ops", "ops/sync/"),
        ("webhooks", "ops", "ops/webhooks/"),
        ("rates", "ops", "ops/rates/"),
    )
    for window in (DESK, PHONE)
    for scheme in SCHEMES
)


@contextmanager
def signed_in(
    browser: Browser, url: str, name: str, window: tuple[int, int], scheme: Scheme
) -> Iterator[Page]:
    """Open a page of someone who has signed in."""
    width, height = window
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{url}/accounts/login/")
    page.fill("input[name=login]", f"{name}@demo.test")
    page.fill("input[name=password]", PASSWORD)
    page.click("form button[type=submit]")
    page.wait_for_url(lambda address: "/accounts/login" not in address)
    yield page
    context.close()


def take(browser: Browser, url: str) -> None:
    """Take every picture."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with signed_in(browser, url, "agent", DESK, "light") as page:
        # The demo's prospects reply by themselves; an inbox without a conversation shows little.
        page.goto(f"{url}/o/demo/inbox/?view=all")
        page.wait_for_selector("[id^=conversation-row-]", timeout=120_000)
    for name, who, path, window, scheme in PICTURES:
        with signed_in(browser, url, who, window, scheme) as page:
            page.goto(f"{url}/o/demo/{path}")
            page.wait_for_load_state("load")
            if name == "thread":
                page.locator("[id^=conversation-row-]").first.click()
                page.wait_for_selector("#thread-scroll [id^=message-]")
            file_name = f"{name}-{scheme}-{window[0]}.png"
            page.screenshot(path=TARGET / file_name)
            print(file_name)


def main() -> int:
    """Run the demo and take the pictures."""
    with tempfile.TemporaryDirectory(prefix="outbound-screenshots-", ignore_cleanup_errors=True) as folder:
        environment = {"DEMO": "1", "SPEED": os.environ.get("SPEED", "600")}
        installation = Installation(Path(folder) / "data", environment=environment)
        try:
            installation.start()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(**launch_options(playwright.chromium.executable_path))
                take(browser, installation.url)
                browser.close()
        finally:
            installation.end(signal.SIGINT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
