"""A client's open report follows the inbox by itself, and every report prints."""

from __future__ import annotations

import time

from playwright.sync_api import Page, expect

from integrations.sandbox.testing import SandboxHandle
from tests.e2e.people import Browsers, next_prospect, row_of

#: From the reply's arrival at the agency to the client's figures; seconds.
FOLLOWS_WITHIN = 10.0


def open_report(browsers: Browsers, client: str) -> Page:
    """The report of the prospects' client, as its own people see it."""
    page = browsers.open("client", "reports/")
    if page.locator("#client-report").count() == 0:
        page.get_by_role("link", name=client).click()
    expect(page.locator("#client-report")).to_be_visible()
    return page


def figure(page: Page, kind: str) -> int:
    """What the headline says."""
    return int(page.locator(f"#kpi-{kind} dd").first.inner_text().replace(",", ""))


def test_a_reply_changes_the_clients_open_report(browsers: Browsers, sandbox: SandboxHandle) -> None:
    prospect = next_prospect(sandbox)
    agent = browsers.open("agent", "inbox/?view=all")
    report = open_report(browsers, "Halden")
    before = figure(report, "replied")
    text = f"Yes, tell me more {time.time():.0f}"
    prospect.says(text)
    expect(row_of(agent, text)).to_be_visible()
    began = time.monotonic()
    expect(report.locator("#client-report li").filter(has_text=text)).to_be_visible()
    expect(report.locator("#kpi-replied dd").first).to_have_text(f"{before + 1:,}")
    assert time.monotonic() - began < FOLLOWS_WITHIN
    # Both sides talk about it, each on its own open page.
    agency = browsers.open("manager", "reports/")
    agency.goto(report.url)
    for here, there, word in ((report, agency, "We know her"), (agency, report, "Shall we call")):
        reply = here.locator("#client-report li").filter(has_text=text)
        reply.locator("summary").click()
        reply.locator("input[name=comment]").fill(f"{word} {began:.0f}")
        reply.get_by_role("button", name="Only comment").click()
        for page in (here, there):
            told = page.locator("#client-report li").filter(has_text=text)
            expect(told.get_by_text(f"{word} {began:.0f}")).to_be_visible()


def test_each_report_prints_as_a_pdf(browsers: Browsers) -> None:
    manager = browsers.open("manager", "reports/")
    manager.locator("main table a").first.click()
    expect(manager.locator("#client-report")).to_be_visible()
    client = manager.url
    campaign = manager.locator("#client-report table a.link").first.evaluate("link => link.href")
    compare = client.split("/reports/")[0] + "/reports/compare/"
    for address in (client, campaign, compare):
        manager.goto(address)
        manager.emulate_media(media="print")
        for hidden in ("nav.side", "#report-filters", ".topbar"):
            for one in manager.locator(hidden).all():
                expect(one).to_be_hidden()
        assert manager.evaluate("getComputedStyle(document.querySelector('.scroll')).overflow") == "visible"
        file = manager.pdf(format="A4", print_background=True)
        assert file.startswith(b"%PDF-")
        assert file.count(b"/Type /Page\n") + file.count(b"/Type /Page ") >= (
            1 if address == compare else 2
        ), address


def test_a_large_file_says_by_itself_that_it_is_ready(browsers: Browsers) -> None:
    manager = browsers.open("manager", "reports/")
    manager.locator("main table a").first.click()
    manager.get_by_role("button", name="More files").click()
    manager.get_by_role("button", name="A row per event").click()
    manager.wait_for_url("**/reports/exports/")
    with manager.expect_download() as coming:
        manager.get_by_role("link", name="Download").first.click()
    assert coming.value.path().read_text("utf-8-sig").startswith("occurred_at,local_time,kind,person")
