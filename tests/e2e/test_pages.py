"""Every page, in light and dark, on a desk and on a phone: readable for everybody, no sideways scroll, no complaint."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.template.loader import render_to_string
from playwright.sync_api import BrowserContext, Page, Route, expect

from integrations.sandbox.testing import SandboxHandle
from project.core.embedded.trial import Installation
from tests.e2e.addresses import pages
from tests.e2e.people import PASSWORD, Browsers, address_of, next_prospect, row_of

AXE_CORE = Axe().axe_script
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ALL_RULES: dict[str, Any] = {"runOnly": {"type": "tag", "values": STANDARD}, "resultTypes": ["violations"]}
#: What another colour scheme can change.
COLOURS: dict[str, Any] = {
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
    "resultTypes": ["violations"],
}
HEIGHT = 844
#: Areas that must be among the pages found, so that a mistake in finding them does not pass for success.
EXPECTED = (
    "inbox/", "campaigns/", "campaigns/new/", "leads/", "leads/imports/", "senders/", "ops/sync/", "ops/webhooks/",
    "ops/rates/", "ops/queues/", "ops/switches/", "reports/", "settings/", "settings/members/", "settings/clients/",
    "settings/connections/", "settings/tokens/", "settings/audit/", "settings/account/", "components/",
)  # fmt: skip


def faults(page: Page) -> list[str]:
    """What is wrong with the page that is open, at each width and in each colour scheme."""
    found = []
    page.evaluate(AXE_CORE)  # once: it is half a megabyte
    page.evaluate("document.fonts.ready")
    for width in (1440, 390, 360):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            found.append(f"{width}: scrolls sideways")
        if width == 360:
            continue
        for scheme, rules in (("light", ALL_RULES), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for rule in page.evaluate("rules => axe.run(rules).then(found => found.violations)", rules):
                nodes = "; ".join(node["html"][:160] for node in rule["nodes"][:3])
                found.append(f"{width} {scheme}: {rule['id']}: {nodes}")
    return found


def look_at(context: BrowserContext, paths: list[str]) -> dict[str, list[str]]:
    """Open each page and return the faults of those that have any."""
    page = context.new_page()
    wrong = {}
    for path in paths:
        page.set_viewport_size({"width": 1440, "height": HEIGHT})
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.goto(path)
        if found := faults(page):
            wrong[path] = found
    page.close()
    return wrong


@pytest.fixture(scope="module")
def settled(sandbox: SandboxHandle) -> str:
    """A conversation and its webhooks are there; return what it says."""
    text = f"Could you send the figures? {time.time():.0f}"
    next_prospect(sandbox).says(text)
    return text


def test_pages_of_an_organization(browsers: Browsers, installation: Installation, settled: str) -> None:
    admin = browsers.context("admin")
    page = admin.new_page()
    browsers.go(page, "inbox/?view=all")
    expect(row_of(page, settled)).to_be_visible()
    paths = pages(admin, installation, "/o/demo/")
    assert set(paths) >= {f"/o/demo/{name}" for name in EXPECTED}
    assert len(paths) > len(EXPECTED) + 8, "pages of single objects too"
    assert look_at(admin, paths) == {}


def test_import_in_each_step(browsers: Browsers) -> None:
    manager = browsers.open("manager", "leads/imports/")
    file = b"Name,LinkedIn,City\nAda Vik,linkedin.com/in/ada-vik,Oslo\nNo Body,,Oslo\n"
    manager.locator("input[type=file]").set_input_files(
        {"name": "steps.csv", "mimeType": "text/csv", "buffer": file}
    )
    manager.get_by_role("button", name="Upload and map the columns").click()
    check = manager.get_by_role("button", name="Check all rows")
    expect(check).to_be_visible()
    mapped = faults(manager)
    check.click()
    expect(manager.get_by_role("button", name="Import 1 people")).to_be_visible()
    assert [*mapped, *faults(manager)] == []


def test_pages_of_other_roles(browsers: Browsers) -> None:
    wrong = look_at(browsers.context("viewer"), ["/o/demo/inbox/?view=all", "/o/demo/campaigns/"])
    own = [f"/o/demo/reports/{name}" for name in ("", "approvals/", "live/", "exports/")]
    wrong |= look_at(browsers.context("client"), own)
    assert wrong == {}


def test_pages_of_the_platform(browsers: Browsers, installation: Installation) -> None:
    installation.manage("staff", address_of("staff"), "--password-stdin", typed=f"{PASSWORD}\n")
    staff = browsers.context("staff")
    paths = pages(staff, installation, "/platform/")
    assert "/platform/" in paths
    assert look_at(staff, paths) == {}


def test_pages_of_sign_in_and_account(browsers: Browsers, installation: Installation) -> None:
    stranger, agent = browsers.context(""), browsers.context("agent")
    doors = pages(stranger, installation, "/accounts/", "/api/", "/invitations/")
    own = pages(agent, installation, "/accounts/")
    assert {"/accounts/login/", "/accounts/password/reset/"} <= set(doors)
    assert look_at(stranger, doors) | look_at(agent, own) == {}


def answer(status: int, body: str, route: Route) -> None:
    """Answer a request in the server's place."""
    route.fulfill(status=status, body=body, content_type="text/html; charset=utf-8")


def test_error_pages(browsers: Browsers) -> None:
    browsers.tolerate(r"status of (400|403|404|500)")
    context = browsers.context("viewer")
    for status in ("400", "403_csrf", "500"):
        body = render_to_string(f"{status}.html")
        context.route(f"**/broken/{status}", partial(answer, int(status[:3]), body))
    paths = [f"/broken/{status}" for status in ("400", "403_csrf", "500")]
    assert look_at(context, [*paths, "/nothing/here/", "/o/demo/nothing/", "/o/demo/ops/queues/"]) == {}
