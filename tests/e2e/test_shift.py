"""A shift without a mouse. ``SHIFT=60`` is the hour of triage that the docs speak of; the suite does a part of it."""

from __future__ import annotations

import os
import time

from playwright.sync_api import Locator, Page, expect

from project.core.embedded.trial import Installation
from tests.e2e.arrivals import WORDS
from tests.e2e.people import Browsers, composer
from tests.e2e.test_triage import press

COUNT = int(os.environ.get("SHIFT", "12"))
#: What each conversation must be afterwards, by what its text asks for.
DONE = {
    "answer": "open, Ana Ferreira, ours, 0 notes, 0 labels",
    "hand over": "open, Tom Okafor, theirs, 1 notes, 0 labels",
    "snooze": "snoozed, nobody, theirs, 0 notes, 0 labels",
    "close": "closed, nobody, theirs, 0 notes, 0 labels",
    "note": "closed, nobody, theirs, 1 notes, 0 labels",
    "label": "open, Ana Ferreira, theirs, 0 notes, 1 labels",
}


def test_a_shift_is_worked_by_keys_alone(browsers: Browsers, installation: Installation) -> None:
    mark = f"s{time.time():.0f}"
    arrivals = "from tests.e2e import arrivals; "
    installation.manage("shell", "-c", f"{arrivals}arrivals.arrive({COUNT}, {mark!r})")
    ana = browsers.open("agent", "inbox/?view=unassigned")
    rows = ana.locator("#conversation-list > .row")
    expect(rows.filter(has_text=f"({mark} {COUNT - 1})")).to_be_visible()

    # Who writes meanwhile does not move the cursor, and is nobody that this shift works on.
    press(ana, "j")
    chosen = ana.locator("#conversation-list > .row.cursor").get_attribute("id") or ""
    stranger = mark.replace("s", "o")
    installation.manage("shell", "-c", f"{arrivals}arrivals.arrive(1, {stranger!r})")
    expect(rows.filter(has_text=stranger)).to_be_visible()
    expect(ana.locator("#conversation-list > .row.cursor")).to_have_attribute("id", chosen)

    for _ in range(COUNT):
        work_on_next(ana, mark)
    expect(rows.filter(has_text=mark)).to_have_count(0)
    expect(rows.filter(has_text=stranger)).to_be_visible()
    told = installation.manage("shell", "-c", f"{arrivals}arrivals.outcome({mark!r})")
    found = dict(line.split(": ") for line in told.splitlines() if ": " in line)
    expected = {str(number): DONE[WORDS[number % len(WORDS)].split(":")[0]] for number in range(COUNT)}
    assert found == expected


def work_on_next(ana: Page, mark: str) -> None:
    """Go to the next conversation, open it, read it and do what it asks for; nothing is pointed at."""
    cursor = go_to_next(ana, mark)
    text = cursor.locator(".snip").text_content() or ""
    conversation = (cursor.get_attribute("id") or "").removeprefix("conversation-row-")
    press(ana, "Enter")
    expect(ana.locator(f"#inbox-open[data-open='{conversation}'] #p-thread")).to_be_visible()
    act = text.strip().split(":")[0]
    {
        "answer": answer,
        "hand over": hand_over,
        "snooze": snooze,
        "close": close,
        "note": note,
        "label": label,
    }[act](ana)
    expect(ana.locator(f"#conversation-row-{conversation}")).to_have_count(0)


def go_to_next(ana: Page, mark: str) -> Locator:
    """Have the cursor on a conversation of this shift: other tests' are among them, and are passed by."""
    rows = ana.locator("#conversation-list > .row")
    cursor = ana.locator("#conversation-list > .row.cursor")
    expect(rows.filter(has_text=mark).first).to_be_visible()
    press(ana, "j")
    # Up to the first row, then down to the last.
    for key in ("k", "j"):
        for _ in range(rows.count()):
            if cursor.filter(has_text=mark).count():
                return cursor
            press(ana, key)
    expect(cursor.filter(has_text=mark)).to_have_count(1)
    return cursor


def answer(ana: Page) -> None:
    press(ana, "m", "r")
    expect(composer(ana)).to_be_focused()
    ana.keyboard.type("Gladly, I send the figures.")
    press(ana, "Control+Enter")
    expect(composer(ana)).to_have_value("")
    press(ana, "Escape")


def hand_over(ana: Page) -> None:
    press(ana, "a")
    menu = ana.locator("#act-assign:popover-open")
    expect(menu.get_by_role("menuitem").first).to_be_focused()
    press(ana, "Shift+Tab")
    ana.keyboard.type("Wants a call")
    press(ana, "ArrowDown", "t", "Enter")
    expect(menu).to_be_hidden()


def snooze(ana: Page) -> None:
    press(ana, "s")
    expect(ana.locator("#act-snooze:popover-open").get_by_role("menuitem").first).to_be_focused()
    press(ana, "Enter")


def close(ana: Page) -> None:
    press(ana, "e")


def note(ana: Page) -> None:
    press(ana, "n")
    expect(composer(ana)).to_be_focused()
    ana.keyboard.type("Erik knows them.")
    press(ana, "Control+Enter")
    expect(ana.locator("#thread-scroll article.note")).to_be_visible()
    # The others may hear of the note before its writer is answered, who gets an empty field then.
    expect(composer(ana)).to_have_value("")
    press(ana, "Escape", "e")


def label(ana: Page) -> None:
    press(ana, "l")
    expect(ana.locator("#act-label:popover-open").get_by_role("menuitem").first).to_be_focused()
    press(ana, "Enter", "m")
