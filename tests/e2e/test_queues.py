"""Two people beside each other at everything that is no thread: views and their counts, the desk, the board, what is
scheduled and what failed. Whatever one does is on the other's screen by itself."""

from __future__ import annotations

import re
import time
from datetime import timedelta

from playwright.sync_api import Page, expect

from integrations.sandbox.testing import SandboxHandle
from project.core.clock import now
from reporting.demo.seeding import MAILBOX
from tests.e2e.people import Browsers, chip, composer, next_prospect, open_thread, row_of, said_in
from tests.e2e.test_together import choose, mail
from tests.e2e.test_triage import press


def count_of(page: Page, view: str) -> int:
    """What the sidebar says of a view, or of a saved one."""
    return int(page.locator("#inbox-views a").filter(has_text=view).locator(".n").text_content() or 0)


def test_queues_desk_board_and_what_waits_are_the_same_on_both_screens(  # noqa: PLR0915 (one story)
    browsers: Browsers, sandbox: SandboxHandle
) -> None:
    mark = f"{time.time():.0f}"
    view = f"Urgent {mark}"
    prospect = next_prospect(sandbox)
    ana = browsers.open("agent", "inbox/?view=all&urgent=1")

    # A list under a name counts itself, also while something else is looked at.
    ana.get_by_role("button", name="Save this list as a view").first.click()
    ana.locator("#save-view-name").fill(view)
    ana.get_by_role("button", name="Save view").click()
    expect(ana.locator("#list-title")).to_have_text(view)
    expect(chip(ana)).to_have_attribute("data-state", "live")
    before = count_of(ana, view)
    tom = browsers.open("agent2", "inbox/?view=all")
    prospect.says(f"What does it cost {mark}?")
    expect(row_of(tom, mark)).to_be_visible()
    name = (row_of(tom, mark).locator(".who").text_content() or "").strip()
    conversation = open_thread(tom, mark)
    choose(tom, "p", "Urgent")
    expect(row_of(tom, mark)).to_contain_text("Urgent")
    expect(row_of(ana, mark)).to_contain_text("Urgent")
    expect(ana.locator("#list-count")).to_have_text(str(before + 1))
    browsers.go(ana, "inbox/?view=mine")
    expect(ana.locator("#inbox-views a").filter(has_text=view).locator(".n")).to_have_text(str(before + 1))
    choose(tom, "p", "Normal")
    expect(ana.locator("#inbox-views a").filter(has_text=view).locator(".n")).to_have_text(str(before or ""))

    # The board: who takes it has it in their column, on every screen.
    browsers.go(ana, "inbox/queues/")
    nobodys = ana.locator(f"#queue-none #card-{conversation}")
    toms = ana.locator("[data-queue]").filter(has=ana.get_by_role("heading", name="Tom Okafor"))
    choose(tom, "a", "Tom Okafor")
    expect(toms.locator(f"#card-{conversation}")).to_be_visible()
    expect(nobodys).to_have_count(0)

    # It is claimed: whoever takes it over is asked once.
    browsers.tolerate("409")
    ana.locator(f"#card-{conversation} a").focus()
    expect(ana.locator(f"#card-{conversation}")).to_have_class(re.compile("cursor"))
    press(ana, "m")
    expect(ana.locator("#toasts")).to_contain_text("Tom Okafor took this a moment ago")
    press(ana, "m")
    expect(tom.locator(f"#thread-state-{conversation}")).to_contain_text("Ana Ferreira")

    # What is scheduled stands in the list of those on the other screen, and leaves it when it is taken back.
    browsers.go(ana, "inbox/scheduled/")
    composer(tom).fill(f"On Monday, then {mark}")
    tom.locator("#inbox-open [data-later-at]").evaluate(
        "(field, value) => { field.value = value; field.dispatchEvent(new Event('change', { bubbles: true })); }",
        (now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M"),
    )
    planned = ana.locator("#scheduled-replies li").filter(has_text=f"On Monday, then {mark}")
    expect(planned).to_be_visible()
    planned.get_by_role("button", name="Take it back").click()
    expect(planned).to_have_count(0)
    expect(composer(tom)).to_have_value(f"On Monday, then {mark}")

    # What the provider refuses stands among the failed sends of both; sent again, it is gone from there.
    browsers.go(ana, "inbox/?view=failed")
    sandbox.add_fault(
        "status", provider="unipile", method="POST", path="*/chats/*/messages", status=422,
        type="errors/unprocessable_entity", times=1,
    )  # fmt: skip
    composer(tom).fill(f"One hundred {mark}")
    composer(tom).press("Control+Enter")
    expect(row_of(ana, f"One hundred {mark}")).to_contain_text("Not sent")
    said = said_in(tom, f"One hundred {mark}")
    said.get_by_role("button", name="Send it again").click()
    expect(said).to_contain_text("Sent")
    expect(row_of(ana, f"One hundred {mark}")).to_have_count(0)

    # The desk: whoever nobody knows comes by itself, and leaves both desks when one of them says who it is.
    for page in (ana, tom):
        browsers.go(page, "inbox/desk/")
    about = mail(f"Cranes {mark}", f"About cranes {mark}", f"<desk-{mark}@stranger.test>", name=name)
    sandbox.put_mail(MAILBOX, about)
    items = [
        page.locator("#desk > [data-desk]").filter(has_text=f"About cranes {mark}") for page in (ana, tom)
    ]
    for item in items:
        expect(item).to_be_visible()
    items[1].click()
    expect(items[1]).to_have_class(re.compile("cursor"))
    expect(items[1].locator("blockquote")).to_contain_text(f"About cranes {mark}")
    expect(items[1].locator("[data-desk-key='1']")).to_contain_text(name)
    press(tom, "1")
    for item in items:
        expect(item).to_have_count(0)
    expect(tom.locator("#toasts")).to_contain_text(f"Linked to {name}")
    tom.locator("#toasts").get_by_role("button", name="Undo").last.click()
    for item in items:
        expect(item).to_be_visible()
