"""Triage with two screens and no mouse: what one does by keys, the other sees; and it can be taken back."""

from __future__ import annotations

import re
import time
from functools import partial

from playwright.sync_api import Page, expect

from integrations.sandbox.testing import SandboxHandle
from project.core.embedded.processes import wait_until
from project.core.embedded.trial import Installation
from tests.e2e.people import PATIENCE_MS, Browsers, next_prospect, row_of

#: How long the palette takes to list what fits a letter more (ms).
LETTERS = """() => {
  const field = document.getElementById("palette-input");
  const took = [..."interested"].slice(0, 9).map((_, n, letters) => {
    const begun = performance.now();
    field.value = letters.slice(0, n + 1).join("");
    field.dispatchEvent(new Event("input"));
    document.getElementById("palette-list").getBoundingClientRect();
    return performance.now() - begun;
  });
  field.value = "";
  field.dispatchEvent(new Event("input"));
  return Math.min(...took);
}"""


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def counts_its_rows(page: Page) -> bool:
    """Whether the number above the list is that of its rows."""
    shown = page.locator("#conversation-list > .row").count()
    return page.locator("#list-count").inner_text() == str(shown)


def test_a_conversation_is_triaged_by_keys_and_the_other_screen_follows(
    browsers: Browsers, sandbox: SandboxHandle
) -> None:
    ana = browsers.open("agent", "inbox/?view=all")
    tom = browsers.open("agent2", "inbox/?view=unassigned")
    prospect = next_prospect(sandbox)
    text = f"What would two of them cost, {prospect.person}?"
    prospect.says(text)
    expect(row_of(ana, text)).to_be_visible()
    expect(row_of(tom, text)).to_be_visible()
    expect(row_of(ana, text).get_by_text("Question")).to_be_visible()

    # The cursor goes to the row, m takes it: it leaves the other's unassigned ones, and z gives it back.
    press(ana, "j")
    while "cursor" not in (row_of(ana, text).get_attribute("class") or ""):
        press(ana, "j")
    press(ana, "m")
    expect(row_of(tom, text)).to_have_count(0)
    press(ana, "z")
    expect(row_of(tom, text)).to_be_visible()

    # Picked and labelled like many others would be, then closed; nobody has to reload.
    press(ana, "x")
    expect(ana.locator("#bulk")).to_contain_text("1 picked")
    press(ana, "e")
    expect(row_of(ana, text)).to_have_count(0)
    expect(row_of(tom, text)).to_have_count(0)
    expect(ana.locator("#toasts")).to_contain_text("Closed 1 conversation")
    press(ana, "z")
    expect(row_of(tom, text)).to_be_visible()

    # Counts are the list's, on both screens.
    expect(row_of(ana, text)).to_be_visible()
    for page in (ana, tom):
        assert wait_until(partial(counts_its_rows, page), seconds=PATIENCE_MS / 1000)

    # Search, from the field that / leads to.
    press(ana, "/")
    ana.keyboard.type("from:" + (row_of(ana, text).locator(".who").text_content() or "").split()[0] + " cost")
    press(ana, "Enter")
    expect(ana.locator("#conversation-list > .row mark")).to_have_text("cost")
    expect(ana).to_have_url(re.compile(r"q=from"))


def test_keys_can_be_changed_and_the_palette_finds_people(browsers: Browsers, sandbox: SandboxHandle) -> None:
    prospect = next_prospect(sandbox)
    prospect.says(f"Good morning from {prospect.person}")
    ana = browsers.open("agent", "inbox/?view=all")
    row = row_of(ana, f"Good morning from {prospect.person}")
    who = row.locator(".who").text_content() or ""
    press(ana, "?")
    overlay = ana.locator("#keys-overlay")
    overlay.get_by_role("button", name="Next conversation: j. Change this key").click()
    press(ana, "n")
    expect(overlay.get_by_role("button", name="Next conversation: n. Change this key")).to_be_focused()
    press(ana, "Escape")
    press(ana, "n")
    expect(ana.locator("#conversation-list > .row.cursor")).to_have_count(1)
    press(ana, "Control+k")
    # Each letter is answered by what the page has within 50 ms; the least of nine, for others use the machine too.
    assert ana.evaluate(LETTERS) < 50
    ana.keyboard.type(who.split()[0])
    expect(ana.locator("#palette-list").get_by_role("option").filter(has_text=who).first).to_be_visible()


def test_a_macro_runs_by_its_key_and_on_many_after_a_look(
    browsers: Browsers, installation: Installation
) -> None:
    mark = f"m{time.time():.0f}"
    ana = browsers.open("agent", "inbox/canned/")
    ana.get_by_label("Name").fill(f"Figures {mark}")
    ana.get_by_label("Text").fill("Gladly, I send the figures.")
    ana.get_by_role("button", name="Add the text").click()
    browsers.go(ana, "inbox/macros/")
    ana.get_by_label("Name").fill(f"Figures and close {mark}")
    ana.get_by_label("Key in the inbox").select_option("7")
    ana.get_by_label("Send a canned reply").select_option(f"Figures {mark}")
    ana.get_by_label("In the end").select_option("Close it")
    ana.get_by_role("button", name="Add the macro").click()
    expect(ana.locator("#macro-list")).to_contain_text(f"Figures and close {mark}")
    installation.manage("shell", "-c", f"from tests.e2e import arrivals; arrivals.arrive(2, {mark!r})")
    browsers.go(ana, "inbox/?view=unassigned")
    tom = browsers.open("agent2", "inbox/?view=unassigned")
    for page in (ana, tom):
        expect(row_of(page, f"({mark} 1)")).to_be_visible()

    def to(number: int) -> None:
        press(ana, "j")
        while "cursor" not in (row_of(ana, f"({mark} {number})").get_attribute("class") or ""):
            press(ana, "k" if number else "j")

    # On one at once, seen by the other; one undo brings all of it back, and nothing has left.
    to(1)
    press(ana, "7")
    expect(ana.locator("#toasts")).to_contain_text(f"Ran “Figures and close {mark}” on 1 conversation")
    for page in (ana, tom):
        expect(row_of(page, f"({mark} 1)")).to_have_count(0)
    press(ana, "z")
    for page in (ana, tom):
        expect(row_of(page, f"({mark} 1)")).to_be_visible()

    # On two after a look at what would leave, all of it by keys.
    to(1)
    press(ana, "x")
    to(0)
    press(ana, "x", ".")
    item = ana.locator("#act-macro").get_by_role("menuitem", name=f"Figures and close {mark}")
    expect(item).to_be_visible()
    item.press("Enter")
    look = ana.locator("#macro-confirm")
    expect(look.get_by_text("Gladly, I send the figures.")).to_have_count(2)
    look.get_by_role("button", name="Run it").press("Enter")
    for number in (0, 1):
        expect(row_of(tom, mark).filter(has_text=f"{mark} {number}")).to_have_count(0)
    told = installation.manage("shell", "-c", f"from tests.e2e import arrivals; arrivals.outcome({mark!r})")
    assert sorted(line for line in told.splitlines() if ": closed" in line) == [
        f"{number}: closed, nobody, ours, 0 notes, 0 labels" for number in (0, 1)
    ]
