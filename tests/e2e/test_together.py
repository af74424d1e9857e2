"""One thread, two people and three screens: whatever one of them or the prospect does is on the others by itself."""

from __future__ import annotations

import re
import time
from email.message import EmailMessage
from email.utils import format_datetime, localtime

from playwright.sync_api import Page, expect

from integrations.sandbox.testing import SandboxHandle
from reporting.demo.seeding import MAILBOX
from tests.e2e.people import Browsers, chip, composer, next_prospect, open_thread, row_of, said_in
from tests.e2e.test_triage import press


def choose(page: Page, key: str, item: str) -> None:
    """Open the menu of an act by its key and choose by keys alone."""
    page.locator("#thread-scroll").focus()
    press(page, key)
    menu = page.locator(".menu:popover-open")
    # A menu takes the focus when it opens: only then is it given to one of its items.
    expect(menu.locator(":focus")).to_have_count(1)
    wanted = menu.get_by_role("menuitem").filter(has_text=item)
    wanted.focus()
    press(page, "Enter")


def test_a_thread_that_two_people_and_two_devices_share(browsers: Browsers, sandbox: SandboxHandle) -> None:
    prospect = next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    prospect.says(f"Which day {mark}?")
    ana, tom = browsers.open("agent", "inbox/?view=all"), browsers.open("agent2", "inbox/?view=all")
    conversation = open_thread(ana, f"Which day {mark}?")
    open_thread(tom, f"Which day {mark}?")
    phone = browsers.open("agent", f"inbox/{conversation}/")
    heads = [page.locator(f"#thread-state-{conversation}") for page in (ana, tom, phone)]

    # A draft lies on the server: the second device has it, and the other person hears who is writing.
    composer(ana).press_sequentially("On Tuesday")
    expect(composer(phone)).to_have_value("On Tuesday")
    expect(tom.locator(f"[data-live-presence='{conversation}']")).to_have_text("Ana Ferreira is replying")
    composer(phone).press_sequentially(" at ten.")
    expect(composer(ana)).to_have_value("On Tuesday at ten.")
    composer(ana).press("Control+Enter")
    expect(composer(phone)).to_have_value("")
    expect(tom.locator(f"[data-live-presence='{conversation}']")).to_have_text("Ana Ferreira is viewing")
    for page in (tom, phone):
        expect(said_in(page, "On Tuesday at ten.")).to_contain_text("Sent")

    # What the prospect does to messages.
    sandbox.settle()
    sandbox.act(prospect.person, "react", emoji="👍")
    sandbox.act(prospect.person, "edit", text=f"Which week {mark}?")
    for page in (ana, tom):
        expect(page.locator("#thread-scroll")).to_contain_text("👍")
        expect(said_in(page, f"Which week {mark}?")).to_contain_text("Edited")

    # A note with a mention, handed over with a word, snoozed until they write, and awake when they do.
    ana.locator("#thread-scroll").focus()
    press(ana, "n")
    ana.keyboard.type("Please take this, @to")
    expect(ana.locator("[id^=mentions-]").get_by_role("option", name="Tom Okafor")).to_be_visible()
    press(ana, "Enter", "Control+Enter")
    for page in (tom, phone):
        expect(page.locator("#thread-scroll article.note b").filter(has_text="@Tom Okafor")).to_be_visible()
    choose(ana, "a", "Tom Okafor")
    for head in heads:
        expect(head).to_contain_text("Tom Okafor")
    choose(tom, "s", "Until they write")
    for head in heads:
        expect(head).to_contain_text("until they write")
    expect(row_of(ana, mark)).to_have_count(0)
    prospect.says(f"Tuesday then {mark}")
    for page, head in zip((ana, tom, phone), heads, strict=True):
        expect(said_in(page, f"Tuesday then {mark}")).to_be_visible()
        expect(head).not_to_contain_text("until they write")
    expect(row_of(tom, f"Tuesday then {mark}")).to_be_visible()
    sandbox.act(prospect.person, "delete")
    for page in (ana, tom, phone):
        expect(page.locator("#thread-scroll")).to_contain_text("This message was deleted.")


def mail(subject: str, body: str, message_id: str, answers: str = "", *, name: str = "Bo Stranger") -> bytes:
    """A mail of somebody whom nobody knows."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = f"{name} <bo@stranger.test>", MAILBOX, subject
    made["Message-ID"], made["Date"] = message_id, format_datetime(localtime())
    if answers:
        made["In-Reply-To"] = made["References"] = answers
    made.set_content(body)
    return made.as_bytes()


def test_a_mail_thread_is_parted_joined_and_given_to_its_lead(
    browsers: Browsers, sandbox: SandboxHandle
) -> None:
    mark = f"{time.time():.0f}"
    first = f"<first-{mark}@stranger.test>"
    ana, tom = browsers.open("agent", "inbox/?view=all"), browsers.open("agent2", "inbox/?view=all")
    sandbox.put_mail(MAILBOX, mail(f"Pallets {mark}", f"About pallets {mark}", first))
    sandbox.put_mail(
        MAILBOX, mail(f"Re: Pallets {mark}", f"And cranes {mark}", f"<2-{mark}@stranger.test>", first)
    )
    expect(row_of(ana, f"And cranes {mark}")).to_be_visible()
    conversation = open_thread(ana, f"And cranes {mark}")
    open_thread(tom, f"And cranes {mark}")
    # What the pointer is on does not move: a row that would come there waits. The focus of a click does not count.
    tom.locator(f"#thread-head-{conversation}").hover()

    # Parted by one, seen by the other, and taken back.
    said_in(ana, f"And cranes {mark}").hover()
    said_in(ana, f"And cranes {mark}").get_by_role("button", name="Begin a thread of its own here").click()
    for page in (ana, tom):
        expect(said_in(page, f"And cranes {mark}")).to_have_count(0)
        expect(said_in(page, f"About pallets {mark}")).to_be_visible()
        expect(row_of(page, f"And cranes {mark}")).to_be_visible()
    open_thread(ana, f"And cranes {mark}")
    ana.locator("#p-context").get_by_role("button", name="Undo").click()
    expect(said_in(tom, f"And cranes {mark}")).to_be_visible()

    # Nobody knows who wrote: one says so, and both see the name. Who undid it was led to the whole thread.
    expect(ana.locator("#inbox-open")).to_have_attribute("data-open", conversation)
    expect(chip(ana)).to_have_attribute("data-state", "live")
    context = ana.locator("#p-context")
    context.get_by_role("button", name="Find the lead").click()
    ana.keyboard.type("an")
    found = context.locator("[id^=whose-list-]").get_by_role("button").first
    name = (found.locator("span").first.text_content() or "").strip()
    found.click()
    for page in (ana, tom):
        expect(page.locator(f"#thread-head-{conversation}")).to_contain_text(name)
        expect(row_of(page, f"And cranes {mark}")).to_contain_text(name)
    expect(tom.locator("#thread-scroll")).to_contain_text(re.compile("Linked"))
