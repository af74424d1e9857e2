"""Writing and moving by keys: one press is one message, and the inbox works without a mouse."""

from __future__ import annotations

import time

from playwright.sync_api import Route, expect

from integrations.sandbox.testing import SandboxHandle
from tests.e2e.people import Browsers, composer, next_prospect, open_thread, row_of, said_in


def test_a_double_click_sends_one_message(browsers: Browsers, sandbox: SandboxHandle) -> None:
    prospect = next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    prospect.says(f"Hello {mark}")
    ana = browsers.open("agent", "inbox/?view=all")
    open_thread(ana, f"Hello {mark}")
    composer(ana).fill(f"Once {mark}")
    ana.get_by_role("button", name="Send").dblclick()
    expect(said_in(ana, f"Once {mark}")).to_contain_text("Sent")
    composer(ana).fill(f"By keys {mark}")
    composer(ana).press("Control+Enter")
    composer(ana).press("Control+Enter")
    expect(said_in(ana, f"By keys {mark}")).to_contain_text("Sent")
    expect(said_in(ana, f"Once {mark}")).to_have_count(1)
    expect(said_in(ana, f"By keys {mark}")).to_have_count(1)
    assert [text for text in prospect.received() if mark in text] == [f"Once {mark}", f"By keys {mark}"]


def test_the_inbox_works_by_keys(browsers: Browsers, sandbox: SandboxHandle) -> None:
    prospect = next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    prospect.says(f"By hand {mark}")
    ana = browsers.open("agent", "inbox/?view=all")
    rows = ana.locator("#conversation-list > .row")
    # Only now do the rows stand still: what arrives later goes on top of the one that has the cursor.
    expect(rows.nth(0)).to_contain_text(f"By hand {mark}")
    keys = ana.keyboard
    keys.press("j")
    keys.press("j")
    expect(rows.nth(1)).to_contain_class("cursor")
    keys.press("k")
    expect(rows.nth(0)).to_contain_class("cursor")
    expect(rows.nth(0)).to_contain_text(f"By hand {mark}")
    keys.press("Enter")
    expect(ana.locator("#inbox-open[data-open] #p-thread")).to_be_visible()
    conversation = ana.locator("#inbox-open").get_attribute("data-open")

    keys.press("r")
    expect(composer(ana)).to_be_focused()
    keys.type("jk")
    expect(composer(ana)).to_have_value("jk")
    composer(ana).fill("")
    composer(ana).blur()
    keys.press("n")
    expect(ana.locator("[data-composer=note]")).to_be_visible()
    keys.type(f"Only for us {mark}")
    keys.press("Control+Enter")
    expect(ana.locator("#thread-scroll article.note").filter(has_text=f"Only for us {mark}")).to_be_visible()
    expect(composer(ana)).to_have_value("")
    expect(composer(ana)).to_be_focused()
    composer(ana).blur()

    keys.press("a")
    expect(ana.locator("#act-assign")).to_be_visible()
    keys.press("Escape")
    expect(ana.locator("#act-assign")).to_be_hidden()
    keys.press("?")
    overlay = ana.get_by_role("dialog", name="Keyboard shortcuts")
    for words in ("Next conversation", "Previous conversation", "Show all shortcuts", "Assign", "Close"):
        expect(overlay).to_contain_text(words)
    keys.press("Escape")
    expect(overlay).to_be_hidden()
    keys.press("e")
    expect(row_of(ana, f"By hand {mark}")).to_have_count(0)
    expect(ana.locator(f"#thread-state-{conversation}")).to_contain_text("closed")
    assert [text for text in prospect.received() if mark in text] == [], "a note goes to nobody"


def test_the_last_words_are_kept_and_enter_presses_what_has_the_focus(
    browsers: Browsers, sandbox: SandboxHandle
) -> None:
    first, second = next_prospect(sandbox), next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    first.says(f"One {mark}")
    second.says(f"Two {mark}")
    ana = browsers.open("agent", "inbox/?view=all")
    # Both before the pointer rests on the list: from then on new rows wait above it.
    expect(row_of(ana, f"One {mark}")).to_be_visible()
    expect(row_of(ana, f"Two {mark}")).to_be_visible()
    opened = open_thread(ana, f"One {mark}")
    composer(ana).press_sequentially(f"Half a thought {mark}")
    # No pause: the draft's timer has not run when the other thread takes its place.
    row_of(ana, f"Two {mark}").locator("a.cover").click()
    other = (row_of(ana, f"Two {mark}").get_attribute("id") or "").removeprefix("conversation-row-")
    expect(ana.locator(f"#inbox-open[data-open='{other}'] #p-thread")).to_be_visible()
    expect(composer(ana)).to_have_value("")
    ana.goto(f"/o/demo/inbox/{opened}/?view=all")
    expect(composer(ana)).to_have_value(f"Half a thought {mark}")
    # The cursor is on a row of the list, and the focus on a button: Enter is the button's.
    composer(ana).fill("")
    composer(ana).blur()
    ana.keyboard.press("j")
    expect(ana.locator("#conversation-list > .row.cursor")).to_have_count(1)
    note = ana.locator("[data-composer] [data-mode=note]")
    note.focus()
    ana.keyboard.press("Enter")
    expect(ana.locator("[data-composer=note]")).to_be_visible()
    expect(ana.locator("#inbox-open")).to_have_attribute("data-open", opened)


def test_files_come_one_after_the_other_and_a_note_stays_a_note(
    browsers: Browsers, sandbox: SandboxHandle
) -> None:
    browsers.tolerate("422")
    prospect = next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    prospect.says(f"Send me the offer {mark}")
    ana = browsers.open("agent", "inbox/?view=all")
    open_thread(ana, f"Send me the offer {mark}")
    chosen = ana.locator("#inbox-open input[type=file]")
    waiting = ana.locator("#inbox-open [id^=files-]")

    def choose(name: str, data: bytes) -> None:
        chosen.set_input_files([{"name": name, "mimeType": "text/plain", "buffer": data}])

    choose("offer.txt", b"Forty a month")
    expect(waiting).to_contain_text("offer.txt")
    choose("run.exe", b"MZ")
    expect(waiting).to_contain_text("are not sent")
    choose("terms.txt", b"Thirty days")
    expect(waiting).to_contain_text("terms.txt")
    expect(waiting.locator("[name=attached]")).to_have_count(2)

    composer(ana).fill(f"Both are here {mark}")
    ana.get_by_role("button", name="Send").click()
    sent = said_in(ana, f"Both are here {mark}")
    expect(sent).to_contain_text("offer.txt")
    expect(sent).to_contain_text("terms.txt")
    expect(waiting).to_be_hidden()

    # Whoever writes two notes, one after the other, writes to nobody else.
    composer(ana).blur()
    ana.keyboard.press("n")
    for words in (f"First for us {mark}", f"Second for us {mark}"):
        composer(ana).fill(words)
        composer(ana).press("Control+Enter")
        expect(ana.locator("#thread-scroll article.note").filter(has_text=words)).to_be_visible()
        expect(composer(ana)).to_have_value("")
    assert [text for text in prospect.received() if "for us" in text] == []

    # A refusal is told where it can be read, and takes nobody's place.
    ana.locator("#p-context summary", has_text="Say what it is worth").click()
    ana.locator("#deal-value").fill("a lot")
    ana.locator("#p-context").get_by_role("button", name="Save").click()
    expect(ana.locator(".toasts")).to_contain_text("Write the value as a number")
    expect(ana.locator("#deal-value")).to_have_value("a lot")


def test_the_answer_to_a_send_calls_nobody_back_who_has_gone_on(
    browsers: Browsers, sandbox: SandboxHandle
) -> None:
    prospect = next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    prospect.says(f"Ask a colleague {mark}")
    ana = browsers.open("agent", "inbox/?view=all")
    open_thread(ana, f"Ask a colleague {mark}")
    composer(ana).blur()
    ana.keyboard.press("n")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    ana.route("**/notes/", hold)
    composer(ana).fill(f"For us {mark}")
    with ana.expect_request("**/notes/"):
        composer(ana).press("Control+Enter")
    ana.locator("#thread-scroll").focus()
    ana.keyboard.press("a")
    focused = ana.locator("#act-assign :focus")
    expect(focused).to_have_count(1)
    held[0].continue_()
    expect(ana.locator("#thread-scroll article.note").filter(has_text=f"For us {mark}")).to_be_visible()
    expect(composer(ana)).to_have_value("")
    expect(focused).to_have_count(1)
    ana.keyboard.press("Escape")
