"""Lost connections: what was missed is there afterwards, and the chip says at any moment what is true."""

from __future__ import annotations

import os
import random
import re
import signal
import time

import psutil
from playwright.sync_api import Page, expect

from integrations.sandbox.testing import SandboxHandle
from project.core.embedded.processes import wait_until
from project.core.embedded.trial import Installation
from tests.e2e.people import (
    PATIENCE_MS,
    Browsers,
    chip,
    composer,
    next_prospect,
    open_thread,
    row_of,
    said_in,
)

OFFLINE = re.compile(r"^offline, showing \d\d:\d\d$")
#: How old a page must be to say at once that it is offline (``static/js/live/chip.js``), and a little.
CALM_MS = 1_500
LOST = ("ERR_INTERNET_DISCONNECTED", "ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "WebSocket")
#: The parts of an inbox page that must be as a fresh load shows them.
PARTS = ("#conversation-list", "#thread-scroll", "#inbox-views", "[id^=thread-state-]", "[id^=thread-head-]")

#: A part of the page as text: attributes sorted, without the viewer's own marks, unfoldings and relative times.
NORMALISED = """selector => {
  const own = new Set(["cursor", "enter", "leaving", "sel"]);
  const write = node => {
    if (node.nodeType === Node.TEXT_NODE) return node.textContent.replace(/\\s+/g, " ").trim();
    if (node.nodeType !== Node.ELEMENT_NODE) return "";
    const attributes = [...node.attributes]
      .filter(({ name }) => !["aria-label", "title"].includes(name) || node.localName !== "time")
      .filter(({ name }) => name !== "open" || node.localName !== "details")
      .map(({ name, value }) => name === "class"
        ? [name, value.split(/\\s+/).filter(one => one && !own.has(one)).sort().join(" ")]
        : [name, value])
      .filter(([name, value]) => name !== "class" || value)
      .map(([name, value]) => ` ${name}="${value}"`)
      .sort();
    const inner = node.localName === "time" ? "" : [...node.childNodes].map(write).join("");
    return `<${node.localName}${attributes.join("")}>${inner}</${node.localName}>`;
  };
  return [...document.querySelectorAll(selector)].map(write).join("\\n").replaceAll("><", ">\\n<");
}"""
#: Remembers everything that the chip says from now on.
LISTEN = """() => {
  window.labels = [];
  const label = document.querySelector("[data-conn-label]");
  new MutationObserver(() => window.labels.push(label.textContent))
    .observe(label, { childList: true, characterData: true, subtree: true });
}"""


def assert_as_fresh(page: Page) -> None:
    """Wait until the page equals a fresh load of the same address, part by part."""
    page.get_by_role("heading", level=2).first.hover()  # rows move only while nobody points at the list
    fresh = page.context.new_page()
    fresh.goto(page.url)
    expect(chip(fresh)).to_have_attribute("data-state", "live")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    for part in PARTS:
        while (shown := page.evaluate(NORMALISED, part)) != (loaded := fresh.evaluate(NORMALISED, part)):
            if time.monotonic() > deadline:
                assert shown.splitlines() == loaded.splitlines(), part
            fresh.wait_for_load_state("load")
        assert loaded, f"{part} is on the page"
    fresh.close()


def test_what_was_missed_offline_is_there_when_the_network_is_back(
    browsers: Browsers, sandbox: SandboxHandle
) -> None:
    browsers.tolerate(*LOST, "409")
    first, second = next_prospect(sandbox), next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    first.says(f"Begun {mark}")
    ana, tom = browsers.open("agent", "inbox/?view=all"), browsers.open("agent2", "inbox/?view=all")
    conversation = open_thread(ana, f"Begun {mark}")
    open_thread(tom, f"Begun {mark}")
    composer(ana).fill("A draft that stays")
    ana.evaluate(LISTEN)

    ana.context.set_offline(True)
    expect(chip(ana)).to_have_attribute("data-state", "off")
    expect(chip(ana)).to_have_text(OFFLINE)
    for number in range(6):
        first.says(f"Missed {number} {mark}")
    second.says(f"Unseen {mark}")
    # Workers take the calls in any order; what came after Tom had begun to write would be shown to him on sending.
    for number in range(6):
        expect(said_in(tom, f"Missed {number} {mark}")).to_be_visible()
    tom.locator(f"#thread-state-{conversation}").get_by_text("Assign").click()
    tom.get_by_role("menuitem", name="Me").click()
    composer(tom).fill(f"Answered meanwhile {mark}")
    tom.get_by_role("button", name="Send").click()
    # If her draft has got through, she began before him, and he is asked whether both should answer.
    asked = tom.locator("#composer-refusal").filter(has_text="Ana Ferreira began a reply here before you")
    expect(asked.or_(said_in(tom, f"Answered meanwhile {mark}"))).to_be_visible()
    if asked.is_visible():
        tom.get_by_role("button", name="Send").click()
    expect(said_in(tom, f"Answered meanwhile {mark}")).to_contain_text("Sent")
    expect(row_of(tom, f"Unseen {mark}")).to_be_visible()
    expect(said_in(ana, f"Missed 0 {mark}")).to_have_count(0)
    expect(row_of(ana, f"Unseen {mark}")).to_have_count(0)

    ana.context.set_offline(False)
    expect(chip(ana)).to_have_text("live")
    # She still points at the row that she has opened: what is new waits for her.
    expect(ana.locator("#list-pill")).to_have_text(re.compile(r"\d new"))
    ana.locator("#list-pill").click()
    expect(row_of(ana, f"Unseen {mark}")).to_be_visible()
    expect(said_in(ana, f"Answered meanwhile {mark}")).to_be_visible()
    expect(
        ana.locator("#thread-scroll article.msg").filter(has_text=re.compile(rf"Missed \d {mark}"))
    ).to_have_count(6)
    expect(ana.locator(f"#thread-state-{conversation}")).to_contain_text("Tom Okafor")
    assert any(re.fullmatch(r"catching up \(\d+\)", label) for label in ana.evaluate("window.labels"))
    expect(composer(ana)).to_have_value("A draft that stays")
    assert_as_fresh(ana)


def test_a_killed_web_process_loses_nothing(
    browsers: Browsers, sandbox: SandboxHandle, installation: Installation
) -> None:
    browsers.tolerate(*LOST)
    prospect = next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    prospect.says(f"Before {mark}")
    ana = browsers.open("agent", "inbox/?view=all")
    open_thread(ana, f"Before {mark}")
    # While a page is being loaded it does not say that it is offline.
    assert wait_until(lambda: ana.evaluate("performance.now()") > CALM_MS, seconds=5)
    ana.evaluate(LISTEN)
    killed = installation.parts()["web"].pid
    os.kill(killed, signal.SIGKILL)
    prospect.says(f"Knocking {mark}", settle=False)
    # The supervisor may be quicker than a look at the chip: what it has said is remembered.
    assert wait_until(lambda: any(map(OFFLINE.match, ana.evaluate("labels"))), seconds=PATIENCE_MS / 1000)
    expect(chip(ana)).to_have_text("live")
    assert wait_until(lambda: installation.parts()["web"].pid != killed, seconds=5)
    sandbox.jump(minutes=10)  # providers try again
    expect(said_in(ana, f"Knocking {mark}")).to_be_visible()
    assert_as_fresh(ana)


#: Remembers the sockets of a page, so that they can be cut.
CATCH = """const Real = WebSocket; window.caught = [];
WebSocket = class extends Real { constructor(...given) { super(...given); window.caught.push(this); } };"""


def test_random_cuts_of_sockets_and_kills_of_redis_lose_nothing(
    browsers: Browsers, sandbox: SandboxHandle, installation: Installation
) -> None:
    browsers.tolerate(*LOST)
    dice = random.Random(2_026)  # the same bad day in every run
    prospect = next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    prospect.says(f"Before {mark}")
    context = browsers.context("agent")
    context.add_init_script(CATCH)
    ana = context.new_page()
    browsers.go(ana, "inbox/?view=all")
    open_thread(ana, f"Before {mark}")
    strikes = ["cut"] * 4 + ["kill"] * 2
    dice.shuffle(strikes)
    for number, strike in enumerate(strikes):
        if strike == "cut":
            ana.evaluate("window.caught.at(-1).close()")
        else:
            # One that was killed a moment ago comes back first: there is nothing else to kill.
            assert wait_until(
                lambda: psutil.pid_exists(installation.parts()["redis"].pid), seconds=PATIENCE_MS / 1000
            )
            os.kill(installation.parts()["redis"].pid, signal.SIGKILL)
        prospect.says(f"Storm {number} {mark}", settle=False)
    said = ana.locator("#thread-scroll article.msg").filter(has_text=re.compile(rf"Storm \d {mark}"))
    expect(said).to_have_count(len(strikes))
    expect(chip(ana)).to_have_text("live")
    assert_as_fresh(ana)


def test_without_websockets_the_page_polls_and_says_so(browsers: Browsers, sandbox: SandboxHandle) -> None:
    browsers.tolerate(*LOST)
    prospect = next_prospect(sandbox)
    mark = f"{time.time():.0f}"
    context = browsers.context("agent")
    context.route_web_socket(re.compile(r"/ws/o/demo/"), lambda socket: socket.close(code=4999))
    ana = context.new_page()
    ana.goto("/o/demo/inbox/?view=all")
    expect(chip(ana)).to_have_text(OFFLINE)
    expect(chip(ana)).to_have_attribute("title", re.compile("every 5 seconds"))
    prospect.says(f"Polled {mark}")
    expect(row_of(ana, f"Polled {mark}")).to_be_visible()
    expect(chip(ana)).to_have_attribute("data-state", "off")
