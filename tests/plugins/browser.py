"""Which Chromium the browser tests drive: Playwright's own if it is there, else the system's.

Playwright's loop counts as running in its thread from its start on. Tests that drive no browser would be refused loops
of their own after it: for them it is put aside, so that tests can run in any order.

``python -m tests.plugins.browser`` exits 0 if one starts here, else 1 (the Makefile installs one then).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, expect, sync_playwright

#: What a busy machine may take to show something (ms); nothing waits this long when it works.
PATIENCE_MS = 60_000
#: No calls of the browser's own to the outside, which is not there in a test run.
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def launch_options(own: str) -> dict[str, Any]:
    """Return Playwright's launch options; ``own`` is where Playwright's Chromium would be."""
    options: dict[str, Any] = {"args": [*_QUIET]}
    if os.geteuid() == 0:
        options["args"].append("--no-sandbox")
    if not Path(own).exists():
        for name in ("chromium", "chromium-browser", "google-chrome"):
            found = shutil.which(name)
            if found:
                options["executable_path"] = found
                break
    return options


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], browser_type: Any) -> dict[str, Any]:
    """Launch the Chromium that is there (pytest-playwright's fixture)."""
    return {**browser_type_launch_args, **launch_options(browser_type.executable_path)}


@pytest.fixture(scope="session")
def browser(browser: Browser) -> Iterator[Browser]:
    """The browser of this process, with Playwright's loop in its place again when it is closed."""
    expect.set_options(timeout=PATIENCE_MS)
    yield browser
    _LOOP.bring_back()


class _PlaywrightLoop:
    """The loop that Playwright left running in this thread, and whether it is put aside."""

    def __init__(self) -> None:
        self._aside: asyncio.AbstractEventLoop | None = None

    def put_aside(self) -> None:
        self._aside = self._aside or asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)

    def bring_back(self) -> None:
        if self._aside is not None:
            asyncio._set_running_loop(self._aside)
            self._aside = None
        # It is no loop that the test's own calls run in: the database must not be refused for it.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


_LOOP = _PlaywrightLoop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each test the thread as it expects it."""
    if "browser_type_launch_args" in getattr(item, "fixturenames", ()):
        _LOOP.bring_back()
    else:
        _LOOP.put_aside()


def main() -> int:
    """Start and stop a browser."""
    with sync_playwright() as playwright:
        try:
            playwright.chromium.launch(**launch_options(playwright.chromium.executable_path)).close()
        except Error as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
