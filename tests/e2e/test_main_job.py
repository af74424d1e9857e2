"""The main job: a reply to a campaign appears live with two agents, is answered, and stops its sequence."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import Locator, Page, expect

from integrations.sandbox.testing import SandboxHandle
from project.core.embedded.processes import wait_until
from project.core.embedded.trial import Installation
from tests.e2e.people import PATIENCE_MS, Browsers, composer, not_taken, open_thread, row_of, said_in

CLIENT = "Halden Robotics"
LIMIT = 25
#: The seat's days end here; the limit is one of each day.
ZONE = ZoneInfo("Europe/Stockholm")
#: Longer than the job takes.
BEFORE_MIDNIGHT = timedelta(minutes=5)
#: Promised is a second from the webhook to the screens; this much when others use the machine too.
LIVE_WITHIN_MS = 2_000
BAD_ROWS = (
    (["Nils", "Nowhere", "CTO", "Frostline", "", "Oslo"], "no LinkedIn profile, e-mail or phone"),
    (["Bea", "Badlink", "CTO", "Frostline", "https://example.com/bea", "Oslo"], "LinkedIn profile"),
    (["Una", "Uneven", "COO", "Frostline", "not a profile at all", "Oslo"], "LinkedIn profile"),
    (["Lead0", "Quist", "COO", "Frostline", "linkedin.com/in/LEAD-0", "Oslo"], "stands earlier in the file"),
)
INVITATION = (
    "Hi {{ lead.first_name | default: 'there' }}, a question on {{ company.name | default: 'your' }} halls."
)
FIRST = "Thanks for connecting, {{ lead.first_name | default: 'and hello' }}. How is {{ custom.city | default: 'it' }}?"
SECOND = "One number from Kiruna, {{ lead.first_name | default: 'if I may' }}: 0.4 mis-picks per 1,000 lines."
#: Remembers when a text first stood in the list of conversations.
WATCH = """text => {
  const list = document.getElementById("conversation-list");
  const look = () => { if (!window.shownAt && list.textContent.includes(text)) window.shownAt = Date.now(); };
  new MutationObserver(look).observe(list, { childList: true, subtree: true, characterData: true });
}"""
THIRD = "Last note from me, {{ lead.first_name | default: 'promise' }}."


@dataclass(frozen=True)
class Job:
    """Names that are new in every run."""

    mark: str

    @property
    def campaign(self) -> str:
        return f"Cold-chain {self.mark}"

    @property
    def seat(self) -> str:
        return f"Nora {self.mark}"

    def slug(self, number: int) -> str:
        return f"lead-{number}-{self.mark.lower()}"

    def file(self) -> bytes:
        """A file of 200 rows, four of them bad."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["First name", "Last name", "Title", "Company", "LinkedIn", "City"])
        for number in range(200 - len(BAD_ROWS)):
            link = f"https://www.linkedin.com/in/{self.slug(number)}/"
            company = f"Hall {number}" if number % 10 else ""
            writer.writerow([f"Lead{number}", self.mark, "COO", company, link, "Oslo" if number % 3 else ""])
        for row, _ in BAD_ROWS:
            writer.writerow([cell.replace("LEAD-0", self.slug(0)) for cell in row])
        return text.getvalue().encode()


def test_a_reply_appears_live_is_answered_and_stops_its_sequence(
    browsers: Browsers, sandbox: SandboxHandle, installation: Installation, tmp_path: Path
) -> None:
    assert wait_until(the_day_is_long_enough, seconds=BEFORE_MIDNIGHT.total_seconds() + 10, interval=1)
    job = Job(f"Q{int(time.time()) % 1_000_000}")
    manager = browsers.open("manager")
    account_id = connect_an_account(browsers, manager, sandbox, job)
    import_leads(browsers, manager, installation, job, tmp_path)
    campaign_path = write_campaign(browsers, manager, job)
    invited = see_invitations(manager, sandbox, account_id)

    ops = {name: browsers.open("ops", f"ops/{name}/") for name in ("sync", "rates", "webhooks")}
    report = open_report(browsers)
    ana, tom = browsers.open("agent", "inbox/?view=all"), browsers.open("agent2", "inbox/?view=all")
    who = meet_prospect(sandbox, job, invited[0], account_id)
    text = f"Tuesday would suit us, {job.mark}"
    see_reply_live(ana, tom, sandbox, invited[0], who, text)
    expect(report.locator("#client-report li").filter(has_text=text)).to_be_visible()
    see_operations_live(ops, job, text)

    answer_together(browsers, ana, tom, sandbox, invited[0], who)
    see_stopped(browsers, manager, campaign_path, who)
    assert len(invitations(sandbox, account_id)) == LIMIT, "and not one more"


def the_day_is_long_enough() -> bool:
    """Whether the job will be over before the seat's day is: at midnight another 25 may be invited."""
    moment = datetime.now(ZONE)
    return (moment + BEFORE_MIDNIGHT).date() == moment.date()


# --- preparing --------------------------------------------------------------------------------------


def connect_an_account(browsers: Browsers, manager: Page, sandbox: SandboxHandle, job: Job) -> str:
    """The manager connects a seat on the provider's page; return the provider's id of it."""
    browsers.tolerate("favicon.ico")  # the provider's page has none
    browsers.go(manager, "senders/")
    manager.get_by_label("Client", exact=True).select_option(label=CLIENT)
    manager.get_by_role("button", name="Connect an account").click()
    manager.get_by_label("Name of the LinkedIn member").fill(job.seat)
    manager.get_by_role("button", name="Connect").click()
    manager.wait_for_url(re.compile(r"/o/demo/senders/"))
    card = manager.locator("[id^=sender-card-]").filter(has_text=job.seat)
    expect(card).to_contain_text("Connected")
    expect(card).to_contain_text(f"0/{LIMIT}")
    return next(seat["id"] for seat in sandbox.call("GET", "/accounts")["items"] if seat["name"] == job.seat)


def import_leads(
    browsers: Browsers, manager: Page, installation: Installation, job: Job, folder: Path
) -> None:
    """Upload, map, preview, run with progress, and get the bad rows back."""
    browsers.go(manager, "leads/imports/")
    manager.get_by_label("Client", exact=True).select_option(label=CLIENT)
    name = f"{job.campaign}.csv"
    manager.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": job.file()}
    )
    manager.get_by_role("button", name="Upload and map the columns").click()
    expect(manager.get_by_label("LinkedIn", exact=False).first).to_have_value("linkedin")
    expect(manager.get_by_label("City")).to_have_value("custom")
    manager.get_by_label("City").select_option("skip")
    manager.get_by_label("City").select_option("custom")
    manager.get_by_role("button", name="Check all rows").click()
    preview = manager.get_by_role("region", name="What the import will do")
    expect(preview).to_be_visible()
    for _, reason in BAD_ROWS:
        expect(preview.locator("li").filter(has_text=reason).first).to_be_visible()
    run_import(manager, installation)
    with manager.expect_download() as download:
        manager.get_by_role("link", name=re.compile("4 rows left out")).click()
    download.value.save_as(folder / "bad.csv")
    rows = list(csv.reader((folder / "bad.csv").open(encoding="utf-8-sig", newline="")))
    assert rows[0][:3] == ["Row", "Reason", "First name"]
    assert [row[2] for row in rows[1:]] == [row[0] for row, _ in BAD_ROWS]
    assert all(reason in row[1] for row, (_, reason) in zip(rows[1:], BAD_ROWS, strict=True))


def run_import(manager: Page, installation: Installation) -> None:
    """Confirm; the worker is held up for a moment, so that the progress can be seen moving by itself."""
    worker = installation.parts()["worker-bulk"].pid
    os.kill(worker, signal.SIGSTOP)
    try:
        manager.get_by_role("button", name="Import 196 people").click()
        expect(manager.locator("#lead-import")).to_contain_text(re.compile(r"Importing\s+0 of 200 rows"))
    finally:
        os.kill(worker, signal.SIGCONT)
    done = manager.get_by_role("region", name="What the import did")
    expect(done).to_contain_text("Imported.")
    expect(done.locator(".card").filter(has_text="Create")).to_contain_text("196")


def write_campaign(browsers: Browsers, manager: Page, job: Job) -> str:
    """Name it, write the sequence, say when, whom and by whom, and launch; return its path."""
    browsers.go(manager, "campaigns/")
    manager.get_by_role("link", name="New campaign").click()
    manager.get_by_label("Name").fill(job.campaign)
    manager.get_by_label("Client", exact=True).select_option(label=CLIENT)
    manager.get_by_role("button", name="Go on to the sequence").click()
    manager.get_by_role("link", name="Write as a list").click()
    write_sequence(manager)
    settings = manager.locator("#campaign-settings")
    settings.get_by_label(job.seat).check()
    audience = settings.get_by_label("Whom").locator("option").filter(has_text=job.campaign)
    settings.get_by_label("Whom").select_option(audience.get_attribute("value"))
    for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"):
        settings.get_by_label(day).check()
    settings.get_by_label("From").fill("00:00")
    settings.get_by_label("Until").fill("00:00")
    settings.get_by_label("Time zone").fill("Europe/Oslo")
    settings.get_by_role("button", name="Save").click()
    expect(manager.locator("#campaign-settings").get_by_role("status")).to_have_text("Saved")
    expect(manager.locator("#checklist").get_by_label("open")).to_have_count(0)
    manager.get_by_role("button", name="Launch the campaign").click()
    manager.wait_for_url(re.compile(r"/campaigns/[0-9a-f-]{36}/$"))
    expect(manager.locator("#campaign-overview")).to_contain_text("Running")
    return manager.url.split("/o/demo/")[1]


def write_sequence(manager: Page) -> None:
    """Invitation, message, and two follow-ups in working days; and a broken text is pointed at."""
    sequence = manager.locator("#sequence")
    sequence.locator("#text-1").fill(INVITATION)
    for number in (2, 3, 4):
        sequence.get_by_role("button", name="Message").click()
        expect(sequence.locator(f"#text-{number}")).to_be_visible()
    for number, (days, text) in enumerate((("0", "Broken {{ lead."), ("3", SECOND), ("4", THIRD)), start=2):
        sequence.locator(f"#delay-{number}").fill(days)
        sequence.locator(f"#text-{number}").fill(text)
        expect(sequence.locator(f"#working-{number}")).to_have_value("1")
    sequence.get_by_role("button", name="Save the sequence").click()
    expect(manager.locator("#checklist")).to_contain_text("is never closed")
    sequence.locator("#text-2").fill(FIRST)
    sequence.get_by_role("button", name="Save the sequence").click()
    expect(manager.locator("#checklist")).not_to_contain_text("is never closed")
    expect(sequence.get_by_role("status")).to_have_text("Saved")
    expect(sequence.locator("textarea")).to_have_count(4)
    manager.get_by_role("button", name="Preview on real leads").click()
    expect(manager.locator("#preview article").first).to_be_visible()


def invitations(sandbox: SandboxHandle, account_id: str) -> list[dict[str, Any]]:
    """Invitations that the provider has taken from a seat."""
    found = sandbox.calls(path="*/users/invite", writes=True)
    return [call["body"] for call in found if call["body"]["account_id"] == account_id]


def see_invitations(manager: Page, sandbox: SandboxHandle, account_id: str) -> list[str]:
    """The manager watches the campaign until the day's limit holds it; return who was invited."""
    overview = manager.locator("#campaign-overview")
    expect(overview).to_contain_text(f"The daily limit of {LIMIT} (invite) of this account is used up.")
    expect(overview.get_by_label("People", exact=True)).to_contain_text(
        re.compile(rf"Contacted\s*{LIMIT}\s*of 196 people")
    )
    expect(overview).to_contain_text("171 held")
    sent = invitations(sandbox, account_id)
    assert len(sent) == LIMIT
    assert len({body["provider_id"] for body in sent}) == LIMIT
    assert all(
        re.fullmatch(r"Hi Lead\d+, a question on (your|Hall \d+) halls\.", body["message"]) for body in sent
    )
    return [body["provider_id"] for body in sent]


# --- live -------------------------------------------------------------------------------------------


def open_report(browsers: Browsers) -> Page:
    """The client's own people open their report."""
    report = browsers.open("client", "reports/")
    if report.locator("#client-report").count() == 0:
        report.get_by_role("link", name=CLIENT).click()
    expect(report.locator("#client-report")).to_be_visible()
    return report


def meet_prospect(sandbox: SandboxHandle, job: Job, person: str, account_id: str) -> str:
    """The prospect accepts and gets the first message; return the lead's name in the inbox."""
    sandbox.accept(person, account_id=account_id)
    slug = sandbox.person(person)["slug"]
    first = "Lead" + slug.split("-")[1]
    assert wait_until(lambda: any(first in text for text in messages(sandbox, account_id)), seconds=30)
    return f"{first} {job.mark}"


def messages(sandbox: SandboxHandle, account_id: str) -> list[str]:
    """The texts of messages that the provider has taken from a seat."""
    written = [write for call in sandbox.calls(method="POST", writes=True) for write in call["writes"]]
    return [one["text"] for one in written if one["kind"] == "message" and one["account_id"] == account_id]


def see_reply_live(ana: Page, tom: Page, sandbox: SandboxHandle, person: str, who: str, text: str) -> None:
    """The prospect replies; both agents see it without reloading, in time."""
    for page in (ana, tom):
        expect(row_of(page, who)).to_have_count(0)
        page.evaluate(WATCH, text)
    sandbox.reply(person, text, settle=False)
    for page in (ana, tom):
        expect(row_of(page, who)).to_contain_text(text)
        expect(row_of(page, who)).to_contain_class("unread")
        assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "navigate"
    sandbox.settle()
    sent = next(one for one in reversed(sandbox.deliveries(event="message_received")) if text in one["body"])
    answered = sent["log"][0]
    left_at = datetime.fromisoformat(answered["at"]).timestamp() * 1000 - answered["ms"]
    took = [page.evaluate("window.shownAt") - left_at for page in (ana, tom)]
    assert max(took) < LIVE_WITHIN_MS, took


def see_operations_live(ops: dict[str, Page], job: Job, text: str) -> None:
    """Ops sees how fresh the account is, what it used, and the webhook with its raw payload and outcome."""
    row = ops["sync"].locator("[id^=sync-row-]").filter(has_text=job.seat)
    expect(row.locator("time")).to_be_visible()
    gauge = ops["rates"].locator("[id^=rate-]").filter(has_text=job.seat)
    expect(gauge).to_contain_text(f"{LIMIT}/{LIMIT}")
    expect(gauge).to_contain_text("1/100")
    webhooks = ops["webhooks"]
    newest = webhooks.locator("[id^=webhook-row-]").first
    expect(newest).to_contain_text("message_received")
    expect(newest).to_contain_text("Processed")
    # The one before is a message, too.
    assert wait_until(lambda: text in payload_of(webhooks, newest), seconds=PATIENCE_MS / 1000)
    newest.get_by_role("link").click()
    expect(webhooks.locator("#delivery-payload")).to_contain_text(text)
    expect(webhooks.get_by_role("link", name="Conversation")).to_be_visible()


def payload_of(page: Page, row: Locator) -> str:
    """The page of a webhook in the list, without going there."""
    return page.request.get(row.get_by_role("link").get_attribute("href") or "").text()


# --- answering --------------------------------------------------------------------------------------


def answer_together(
    browsers: Browsers, ana: Page, tom: Page, sandbox: SandboxHandle, person: str, who: str
) -> None:
    """Ana takes the conversation and answers; Tom sees all of it happen, and his stale reply is refused."""
    conversation = open_thread(ana, who)
    assert open_thread(tom, who) == conversation
    expect(row_of(tom, who)).not_to_contain_class("unread")
    ana.locator(f"#thread-state-{conversation}").get_by_text("Assign").click()
    ana.get_by_role("menuitem", name="Me").click()
    expect(tom.locator(f"#thread-state-{conversation}")).to_contain_text("Ana Ferreira")
    expect(tom.locator("#thread-scroll")).to_contain_text("Assigned")

    composer(ana).fill("Tuesday it is.")
    composer(ana).press("End")
    expect(tom.locator(f"[data-live-presence='{conversation}']")).to_have_text("Ana Ferreira is replying")
    ana.get_by_role("button", name="Send").click()
    expect(said_in(tom, "Tuesday it is.")).to_contain_text("Sent")
    expect(said_in(ana, "Tuesday it is.")).to_contain_text("Sent")
    expect(composer(ana)).to_have_value("")
    expect(row_of(tom, who)).to_contain_text("Sent: Tuesday it is.")
    # Receipts that come before the network shows our own message have tests of their own, in tests/inbox.
    sandbox.settle()
    sandbox.act(person, "read")
    assert not_taken(sandbox) == []
    for page in (ana, tom):
        expect(said_in(page, "Tuesday it is.")).to_contain_text("Seen")
    refuse_stale_reply(browsers, tom, sandbox, person)


def refuse_stale_reply(browsers: Browsers, tom: Page, sandbox: SandboxHandle, person: str) -> None:
    """The prospect writes while Tom composes: his reply is held back with what is new, then goes."""
    browsers.tolerate("409")
    composer(tom).fill("Shall we say ten o'clock?")
    composer(tom).press("End")
    sandbox.reply(person, "Better at nine, please")
    expect(said_in(tom, "Better at nine, please")).to_be_visible()
    tom.get_by_role("button", name="Send").click()
    refusal = tom.locator("#composer-refusal")
    expect(refusal).to_contain_text("Not sent.")
    expect(refusal).to_contain_text("Better at nine, please")
    expect(composer(tom)).to_have_value("Shall we say ten o'clock?")
    expect(said_in(tom, "Shall we say ten o'clock?")).to_have_count(0)
    composer(tom).fill("Nine it is.")
    tom.get_by_role("button", name="Send").click()
    expect(said_in(tom, "Nine it is.")).to_contain_text("Sent")
    expect(refusal).to_have_count(0)


def see_stopped(browsers: Browsers, manager: Page, campaign_path: str, who: str) -> None:
    """The campaign counts the reply, and nothing more goes to whoever replied."""
    expect(manager.locator("#campaign-overview")).to_contain_text(who)
    browsers.go(manager, f"{campaign_path}leads/?stage=replied")
    row = manager.locator("[id^=enrollment-row-]").filter(has_text=who)
    expect(row).to_contain_text("Replied")
    expect(row).to_contain_text("Nothing more.")
    expect(manager.locator("[id^=enrollment-row-]")).to_have_count(1)
