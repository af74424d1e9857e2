"""Which Chromium the browser tests drive: Playwright's own if it is there, else the system's.

``python -m tests.plugins.browser`` exits 0 if one starts here, else 1 (the Makefile installs one then).
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, sync_playwright

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
    # Playwright's loop counts as running in this thread from now on: the database must not be refused for it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return {**browser_type_launch_args, **launch_options(browser_type.executable_path)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: once Playwright's loop runs in a thread, no other loop can be started in it."""
    items.sort(key=lambda item: "browser_type_launch_args" in getattr(item, "fixturenames", ()))


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
