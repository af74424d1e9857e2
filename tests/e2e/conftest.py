"""One installation for all tests here: real processes, the demo organization, and a provider sandbox that waits.

The sandbox's clock stands still and nobody acts by themselves: tests say what prospects do. ``E2E_DATA_DIR`` names
the data directory of a running installation to use instead, which saves its start while tests are written.
"""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from integrations.sandbox.settings import DEFAULTS
from integrations.sandbox.testing import SandboxHandle
from project.core.embedded.runtime import discover
from project.core.embedded.trial import Installation
from tests.e2e.people import Browsers, Passports

#: A started installation: pages as fast as they come, sends a few milliseconds apart.
ENVIRONMENT = {"DEMO": "1", "SPEED": "0", "SEND_SPACING_MS_MIN": "10", "SEND_SPACING_MS_MAX": "40"}
#: A stop is promised within ten seconds on an idle machine.
STOPS_WITHIN = 30.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here. One worker gets all of it (``tests/plugins/together.py``): there is one installation."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.e2e)


def _attached(data_dir: Path) -> Installation:
    """The installation that runs in ``data_dir`` already."""
    made = Installation(data_dir)
    ready = re.findall(r"^ready http://localhost:(\d+)$", made.output(), re.MULTILINE)
    assert ready, f"nothing is ready in {data_dir}"
    made.port = int(ready[-1])
    return made


@pytest.fixture(scope="package")
def installation() -> Iterator[Installation]:
    """The installation: started once, stopped as Ctrl-C stops it once no test here is left."""
    given = os.environ.get("E2E_DATA_DIR")
    if given:
        yield _attached(Path(given))
        return
    with tempfile.TemporaryDirectory(prefix="outbound-e2e-", ignore_cleanup_errors=True) as folder:
        made = Installation(Path(folder) / "data", environment=ENVIRONMENT)
        made.start(seconds=300)
        try:
            yield made
        finally:
            took = made.end(signal.SIGINT)
        assert made.process is not None
        assert made.process.returncode == 0, made.output()[-4000:] + made.errors
        assert took < STOPS_WITHIN


@pytest.fixture(scope="package")
def sandbox(installation: Installation) -> Iterator[SandboxHandle]:
    """The outside world of the installation."""
    found = discover(installation.data_dir)
    assert found is not None
    assert found.sandbox_url is not None
    handle = SandboxHandle(found.sandbox_url)
    # Its clock stands still: what is not taken at first must not wait for a minute that never passes.
    retries = [0, 0, *DEFAULTS["webhook_retry_minutes"]]
    handle.settings(autopilot=False, new_relation_delay_minutes=[0, 0], webhook_retry_minutes=retries)
    yield handle
    handle.close()


@pytest.fixture(scope="package")
def passports(browser: Browser, installation: Installation) -> Passports:
    """Who has signed in already."""
    return Passports(browser, installation.url)


@pytest.fixture
def browsers(passports: Passports) -> Iterator[Browsers]:
    """Browsers of people of the demo; at the end none may have had anything to complain about."""
    opened = Browsers(passports)
    yield opened
    opened.close()
    assert opened.complaints == []
