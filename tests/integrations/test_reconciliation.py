"""Reconciliation and shared reading, with a provider that runs campaigns and is answered here."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection as database
from django.test import Client as Browser
from django.test import override_settings

from campaigns.models import CampaignMirror, Enrollment, EnrollmentMirror, Lead, LeadChannel, Relation
from campaigns.services import forgetting, historical
from integrations import registry
from integrations.errors import ErrorKind, ProviderError
from integrations.models import (
    Connection,
    LedgerDay,
    ProviderEvent,
    ReconciliationReport,
    SenderAccount,
    SyncCursor,
    SyncRun,
)
from integrations.providers.heyreach import inbound
from integrations.running import CampaignStatus, LeadStatus, ProviderCampaign, ProviderLead, ProviderMessage
from integrations.services import (
    connections,
    healing,
    message_reconciliation,
    reconciliation,
    sync,
    sync_pages,
)
from integrations.values import Direction, Page, Person
from project.core import events as core_events
from project.core.clock import now
from project.core.scoping import no_scope
from tests.integrations.conftest import Hints, Room
from tests.integrations.world import Killed
from tests.rows import Rows

AT = datetime(2026, 11, 18, 12, tzinfo=UTC)
PAGE = 5


class Outside:
    """What the provider has."""

    def __init__(self) -> None:
        self.campaigns: list[ProviderCampaign] = []
        self.leads: dict[str, list[ProviderLead]] = {}
        self.messages: list[ProviderMessage] = []
        self.note = ""
        self.asked = 0
        self.dies_after = 10**9
        self.error: ProviderError | None = None

    def page(self, rows: list[Any], cursor: str | None, note: str = "") -> Page[Any]:
        self.asked += 1
        if self.asked > self.dies_after:
            self.dies_after = 10**9
            raise Killed
        if self.error is not None:
            raise self.error
        start = int(cursor or 0)
        more = start + PAGE < len(rows)
        return Page(
            items=tuple(rows[start : start + PAGE]), cursor=str(start + PAGE) if more else None, note=note
        )


OUTSIDE = Outside()


class Adapter:
    """As much of HeyReach as is asked for here."""

    kind = "heyreach"
    lead_batch = 100

    def __init__(self, **_anything: Any) -> None:
        pass

    def list_campaigns(self, *, cursor: str | None = None, limit: int = 100) -> Page[ProviderCampaign]:
        return OUTSIDE.page(OUTSIDE.campaigns, cursor)

    def list_leads(
        self, campaign_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[ProviderLead]:
        if campaign_id == "gone":
            raise ProviderError(ErrorKind.NOT_FOUND, "There is no such campaign.", provider="heyreach")
        return OUTSIDE.page(OUTSIDE.leads.get(campaign_id, []), cursor)

    def list_replies(
        self, *, after: datetime | None = None, cursor: str | None = None, limit: int = 100, own: bool = False
    ) -> Page[ProviderMessage]:
        if OUTSIDE.note:
            return Page(items=(), note=OUTSIDE.note)
        rows = [row for row in OUTSIDE.messages if after is None or row.sent_at > after]
        return OUTSIDE.page(sorted(rows, key=lambda row: row.sent_at, reverse=True), cursor)

    def events_from_thread(self, message: ProviderMessage, *, seen_at: datetime) -> Any:
        return inbound.from_message(message, seen_at=seen_at)

    def _writes(self, *args: Any, **kwargs: Any) -> Any:
        pytest.fail("Nothing is written to a provider to compare with it.")

    get_campaign = create_campaign = change_settings = change_schedule = _writes
    start_campaign = pause_campaign = stop_campaign = add_leads = lead_messages = reply_to_thread = _writes


def message(number: int, account: str = "71", *, at: datetime = AT, ours: bool = False) -> ProviderMessage:
    return ProviderMessage(
        provider_message_id=f"net-{account}-{number}",
        chat_id=f"chat-{account}-{number // 2}",
        account_id=account,
        direction=Direction.OUTBOUND if ours else Direction.INBOUND,
        person=Person(provider_id=f"p{number // 2}", name=f"Person {number // 2}"),
        text=f"Text {number}",
        sent_at=at + timedelta(minutes=number),
    )


def campaign(number: int, status: CampaignStatus = CampaignStatus.RUNNING) -> ProviderCampaign:
    return ProviderCampaign(
        campaign_id=str(number), name=f"There {number}", status=status, raw_status=status.value.upper()
    )


def lead(number: int, campaign_id: str, status: LeadStatus = LeadStatus.IN_PROGRESS) -> ProviderLead:
    return ProviderLead(
        lead_id=str(1000 + number), campaign_id=campaign_id, email=f"lead{number}@x.test", status=status,
        raw_status=status.value,
    )  # fmt: skip


@dataclasses.dataclass
class Runner:
    """A connection with two accounts at the provider."""

    room: Room
    connection: Connection
    senders: list[SenderAccount]

    def reconcile(self, mode: str = "dry_run", **values: Any) -> ReconciliationReport:
        with self.room.scope():
            made = reconciliation.request(connection=self.connection, mode=mode, trigger="test", **values)
        assert made is not None
        self.room.hints.run_all()
        with self.room.scope():
            return made.refreshed()

    def mirror(self, number: int, status: str = "running") -> CampaignMirror:
        """A campaign of ours at the provider; needs the scope."""
        rows = Rows(self.room.agency, self.room.agency.first)
        made: CampaignMirror = rows.fresh(
            CampaignMirror, connection=self.connection, provider_campaign_id=str(number), status=status,
            raw_status=status.upper(),
        )  # fmt: skip
        return made

    def person(self, mirror: CampaignMirror, number: int, **values: Any) -> EnrollmentMirror:
        rows = Rows(self.room.agency, self.room.agency.first)
        enrollment = rows.fresh(
            Enrollment, client=mirror.campaign.client, campaign=mirror.campaign, lead=rows.fresh(Lead)
        )
        values = {"state": "added", "status": "in_progress", "raw_status": "in_progress", **values}
        made: EnrollmentMirror = rows.fresh(
            EnrollmentMirror, mirror=mirror, enrollment=enrollment, key=f"lead{number}@x.test",
            provider_lead_id=str(1000 + number), **values,
        )  # fmt: skip
        return made


@pytest.fixture
def runner(room: Room, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The provider as it is in this test."""
    global OUTSIDE
    OUTSIDE = Outside()
    patched = dataclasses.replace(
        registry.get("heyreach"), adapter_path="tests.integrations.test_reconciliation:Adapter"
    )
    monkeypatch.setitem(registry._PROVIDERS, "heyreach", patched)
    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=True), room.scope():
        SenderAccount.objects.all().delete()
        Connection.objects.all().delete()
        connection = connections.create(
            provider="heyreach", name="HeyReach", credentials={"api_key": "a-key-of-this-test-only"}
        )
        Connection.objects.filter(id=connection.id).update(status="ok", created_at=now() - timedelta(days=9))
        connection.refresh_from_db()
        senders = [
            SenderAccount.objects.create(
                client=client, connection=connection, channel="linkedin", name=name,
                provider_account_id=account, status="ok", created_at=now() - timedelta(days=9 - number),
            )
            for number, (client, name, account) in enumerate(
                [(room.agency.first, "Ana", "71"), (room.agency.second, "Ben", "72")]
            )
        ]  # fmt: skip
        room.hints.lose()
        yield Runner(room, connection, senders)


def facts() -> list[tuple[Any, str]]:
    rows = ProviderEvent.objects.filter(kind="message_received").order_by("occurred_at")
    return [(row.sender_id, row.payload["text"]) for row in rows]


def writes() -> Any:
    seen: list[str] = []

    def watch(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = str(sql)
        if text.startswith(("INSERT", "UPDATE", "DELETE")) and not any(
            table in text for table in ("reconciliationreport", "realtime", "stream", "syncrun", "synccursor")
        ):
            seen.append(text[:120])
        return execute(sql, params, many, context)

    return database.execute_wrapper(watch), seen


def test_a_dry_run_says_what_differs_and_changes_nothing_and_applying_twice_does_it_once(
    runner: Runner,
) -> None:
    OUTSIDE.campaigns = [campaign(1, CampaignStatus.PAUSED), campaign(2), campaign(9)]
    OUTSIDE.leads = {
        "1": [lead(number, "1") for number in range(12)] + [lead(99, "1")],
        "2": [lead(50, "2", LeadStatus.REPLIED)],
    }
    OUTSIDE.messages = [message(number, "71", ours=number % 2 == 0) for number in range(8)]
    OUTSIDE.messages += [message(1, "72"), message(1, "99")]
    with runner.room.scope():
        one, two, _gone = runner.mirror(1), runner.mirror(2), runner.mirror(3)
        _gone.provider_campaign_id = "gone"
        _gone.save()
        for number in range(12):
            runner.person(one, number)
        runner.person(one, 77)
        lost = runner.person(two, 78, status="pending", added_at="2026-01-01T00:00:00Z")
        replied = runner.person(two, 50)
    watching, seen = writes()
    with watching:
        dry = runner.reconcile("dry_run")
    assert seen == [], "a dry run writes nothing but its report"
    assert (dry.state, dry.error) == ("done", "")
    assert dry.counts["campaigns"] == {
        "created": 0,
        "updated": 1,
        "unchanged": 1,
        "missing": 1,
        "not_ours": 1,
        "errors": 0,
    }
    assert dry.counts["leads"] == {
        "created": 0,
        "updated": 1,
        "unchanged": 12,
        "missing": 2,
        "not_ours": 1,
        "errors": 1,
    }
    assert dry.counts["messages"] == {
        "created": 9,
        "updated": 0,
        "unchanged": 0,
        "missing": 0,
        "not_ours": 0,
        "errors": 1,
    }
    told = json.dumps(dry.samples, ensure_ascii=False)
    for words in ("“There 9” was made at HeyReach, not here", "is gone at HeyReach", "lead99@x.test was put into",
                  "1 of ours are not listed there", "is PAUSED there; we had RUNNING", "Text 7"):  # fmt: skip
        assert words in told, words
    applied = runner.reconcile("apply")
    assert applied.counts == dry.counts
    with runner.room.scope():
        lost.refresh_from_db()
        assert (lost.state, Enrollment.objects.get(id=lost.enrollment_id).status) == ("dropped", "ended")
        assert lost.reason.startswith("HeyReach did not take them")
        one.refresh_from_db()
        replied.refresh_from_db()
        assert (one.status, one.raw_status, replied.status) == ("paused", "PAUSED", "replied")
        ended = Enrollment.objects.get(id=replied.enrollment_id)
        assert (ended.status, ended.stage, ended.reason) == (
            "ended",
            "replied",
            "They replied, the provider says.",
        )
        assert len(facts()) == 9
        assert {sender for sender, _text in facts()} == {sender.id for sender in runner.senders}
    watching, seen = writes()
    with watching:
        again = runner.reconcile("apply")
    assert seen == [], "unchanged rows cost no write"
    assert again.counts["messages"]["unchanged"] == 9
    assert sum(part["created"] + part["updated"] for part in again.counts.values()) == 0


def test_every_page_of_an_accounts_messages_is_compared(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "MAX_REQUESTS", 3)
    for number in range(55):
        room.world.add_message(f"Text {number}", at=now() - timedelta(minutes=60 - number))

    def counts(mode: str) -> dict[str, int]:
        with room.scope():
            made = reconciliation.request(connection=room.connection, mode=mode, trigger="test")
        assert made is not None
        room.hints.run_all()
        with room.scope():
            found = made.refreshed()
        assert (found.state, found.seen) == ("done", len(room.world.messages))
        return {name: count for name, count in found.counts["messages"].items() if count}

    assert counts("apply") == {"created": 55}
    assert counts("apply") == {"unchanged": 55}
    del room.world.messages[7], room.world.messages[33]
    assert counts("dry_run") == {"unchanged": 53, "missing": 2}


def test_it_takes_turns_and_goes_on_after_a_crash(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "MAX_REQUESTS", 3)
    OUTSIDE.campaigns = [campaign(number) for number in range(1, 13)]
    OUTSIDE.leads = {"1": [lead(number, "1") for number in range(23)]}
    OUTSIDE.messages = [message(number) for number in range(31)]
    with runner.room.scope():
        mirror = runner.mirror(1)
        for number in range(23):
            runner.person(mirror, number)
        made = reconciliation.request(connection=runner.connection, mode="apply", trigger="test")
        assert made is not None
        assert reconciliation.request(connection=runner.connection, mode="apply", trigger="test") is None
    OUTSIDE.dies_after = 7
    with pytest.raises(Killed):
        runner.room.hints.run_all()
    with runner.room.scope():
        assert reconciliation.run(made.id) == "", "its lease still holds"
    runner.room.hints.lose()
    with time_machine.travel(now() + reconciliation.LEASE + timedelta(seconds=2), tick=True):
        with no_scope():
            from integrations.tasks import reconcile_due

            assert reconcile_due.run() == 1
        runner.room.hints.run_all()
    with runner.room.scope():
        made.refresh_from_db()
        assert made.state == "done"
        assert made.claims > 4
        assert made.counts["leads"]["unchanged"] == 23
        assert made.counts["messages"]["created"] == 31
        assert made.counts["campaigns"] == {
            "created": 0,
            "updated": 0,
            "unchanged": 1,
            "missing": 0,
            "not_ours": 11,
            "errors": 0,
        }
        assert len(facts()) == 31


def down(kind: ErrorKind = ErrorKind.UNAVAILABLE) -> ProviderError:
    return ProviderError(kind, "HeyReach is down.", provider="heyreach", retry_after=120)


def tick(runner: Runner) -> None:
    """The minute's look at what waits, and workers."""
    from integrations.tasks import reconcile_due

    with no_scope():
        reconcile_due.run()
    runner.room.hints.run_all()


def test_a_failure_of_the_moment_is_waited_for_and_it_goes_on_where_it_stood(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "MAX_REQUESTS", 3)
    OUTSIDE.messages = [message(number) for number in range(31)]
    with runner.room.scope():
        made = reconciliation.request(connection=runner.connection, mode="apply", trigger="test")
        assert made is not None
        assert reconciliation.run(made.id) == "queued"
        runner.room.hints.lose()
        stood, OUTSIDE.error = made.refreshed(), down()
        assert reconciliation.run(made.id) == "queued"
        waiting = made.refreshed()
        assert (waiting.position, waiting.tries, waiting.error) == (stood.position, 1, "HeyReach is down.")
        assert waiting.next_try_at is not None
        assert waiting.next_try_at >= now() + timedelta(seconds=115)
        assert reconciliation.run(made.id) == "", "it is not its time yet"
        browser = Browser()
        browser.force_login(runner.room.agency.admin)
        page = browser.get(runner.room.agency.url(f"ops/reconciliation/{made.id}/")).content.decode()
        assert "HeyReach is down. It goes on at" in page
    OUTSIDE.error = None
    with time_machine.travel(now() + timedelta(minutes=4), tick=True):
        tick(runner)
        with runner.room.scope():
            done = made.refreshed()
            assert (done.state, done.tries, done.error) == ("done", 0, "")
            assert done.counts["messages"]["created"] == len(facts()) == 31


def test_one_that_failed_is_tried_again_within_the_hour(runner: Runner) -> None:
    OUTSIDE.error = down()
    with runner.room.scope():
        made = reconciliation.request(connection=runner.connection, mode="apply", trigger="test")
        assert made is not None
        runner.room.hints.lose()
    for attempt in range(reconciliation.MAX_TRIES + 1):
        with time_machine.travel(now() + timedelta(hours=attempt), tick=True), runner.room.scope():
            assert reconciliation.run(made.id) == (
                "queued" if attempt < reconciliation.MAX_TRIES else "failed"
            )
    with runner.room.scope():
        ended = made.refreshed().finished_at
        assert ended is not None
    with time_machine.travel(ended + timedelta(minutes=50), tick=True), runner.room.scope():
        assert reconciliation.request_due() == 0
    OUTSIDE.error = None
    with time_machine.travel(ended + timedelta(minutes=61), tick=True):
        with runner.room.scope():
            assert reconciliation.request_due() == 1
        runner.room.hints.run_all()
        with runner.room.scope():
            assert ReconciliationReport.objects.latest("created_at").state == "done"
            assert reconciliation.request_due() == 0
    # What does not pass by itself is not waited for.
    OUTSIDE.error = down(ErrorKind.VALIDATION)
    assert runner.reconcile().state == "failed"


def test_a_person_can_cancel_it_and_see_it_and_only_within_reach(runner: Runner) -> None:
    agency = runner.room.agency
    ops, agent = Browser(), Browser()
    ops.force_login(agency.ops)
    agent.force_login(agency.agent)
    base = f"/o/{agency.slug}/ops/reconciliation/"
    with no_scope():
        answer = ops.post(f"{base}start/", {"connection": str(runner.connection.id), "mode": "dry_run"})
        assert answer.status_code == 303
        where = answer.headers["Location"]
        page = ops.get(where)
        assert "Waiting for its turn" in page.content.decode()
        assert ops.post(f"{base}start/", {"connection": str(runner.connection.id)}).status_code == 409
        assert agent.get(base).status_code == 403
        assert ops.post(f"{where}cancel/").status_code == 303
        assert "Cancelled." in ops.get(where).content.decode()
        runner.room.hints.run_all()
    with runner.room.scope():
        assert ReconciliationReport.objects.get().state == "cancelled"


@pytest.mark.parametrize("secret", ["", "scheduler-secret-of-this-test"])
def test_the_scheduled_endpoint_refuses_and_asks(runner: Runner, secret: str, clean_redis: Any) -> None:
    address = "/api/internal/reconciliation/run-scheduled"
    browser = Browser(enforce_csrf_checks=True)

    def post(given: str | None, body: str = "") -> Any:
        headers = {} if given is None else {"X-Scheduler-Secret": given}
        return browser.post(address, data=body, content_type="application/json", headers=headers)

    with override_settings(SCHEDULER_SECRET=secret), no_scope():
        if not secret:
            assert post("").status_code == 404
            assert post("anything").status_code == 404
            return
        assert browser.get(address).status_code == 405
        for wrong in (None, "", secret[:-1], f"{secret}x", "ü"):
            assert post(wrong).status_code == 401
        assert post(secret, "[1]").status_code == 400
        assert post(secret, '{"mode": "destroy"}').status_code == 422
        answer = post(secret, '{"mode": "dry_run"}')
        assert (answer.status_code, answer.json()["requested"]) == (202, 1)
        assert post(secret).json()["requested"] == 0, "it is under way"
        codes = [post("wrong").status_code for _ in range(6)]
        assert codes[-1] == 429, "guessing is slow"
        assert post(secret).status_code == 429
        assert post(secret).headers["Retry-After"]
    with runner.room.scope():
        report = ReconciliationReport.objects.get()
        assert (report.mode, report.trigger) == ("dry_run", "scheduled")


def test_one_account_reads_for_all_of_the_connection(runner: Runner) -> None:
    OUTSIDE.messages = [message(number, "71") for number in range(4)] + [message(2, "72"), message(3, "404")]
    first, second = runner.senders
    with runner.room.scope():
        sync.request_due()
        run = SyncRun.objects.get(resource="messages")
        assert run.sender_id == first.id
        assert sync.request(sender=second, resource="messages", trigger="test") is None
    runner.room.hints.run_all()
    with runner.room.scope():
        run.refresh_from_db()
        assert (run.state, run.created, run.result["elsewhere"]) == ("done", 5, 1)
        assert len(facts()) == 5
        synced = set(SenderAccount.objects.values_list("inbound_synced_at", flat=True))
        assert None not in synced, "both are known now"
        asked = OUTSIDE.asked
        again = sync.request(sender=second, resource="messages", trigger="test")
        assert again is not None
        assert again.sender_id == first.id
    runner.room.hints.run_all()
    assert OUTSIDE.asked > asked
    with runner.room.scope():
        assert len(facts()) == 5
        run = healing.count(sender=second, day=AT.date(), trigger="test")
        assert run is not None
    runner.room.hints.run_all()
    with runner.room.scope():
        line = LedgerDay.objects.get(sender=second, day=AT.date())
        assert (line.listed, line.stored) == (1, 1)


def test_what_a_provider_does_not_give_out_is_said_and_is_no_error(runner: Runner) -> None:
    OUTSIDE.note = "This connection is set to learn of conversations from webhooks alone."
    with runner.room.scope():
        sync.request(sender=runner.senders[0], resource="messages", trigger="test")
    runner.room.hints.run_all()
    with runner.room.scope():
        cursor = SyncCursor.objects.get(resource="messages")
        assert "from webhooks alone" in cursor.note
        assert (cursor.last_error, cursor.next_try_at is not None) == ("", True)
        assert SenderAccount.objects.filter(inbound_synced_at=None).count() == 2, "nothing is known by that"
        healing.count(sender=runner.senders[0], day=AT.date(), trigger="test")
    runner.room.hints.run_all()
    with runner.room.scope():
        assert not LedgerDay.objects.exists()
    browser = Browser()
    browser.force_login(runner.room.agency.ops)
    with no_scope():
        page = browser.get(f"/o/{runner.room.agency.slug}/ops/sync/").content.decode()
        health = browser.get(
            "/api/v1/analytics/message-sync-health", headers={"X-Organization": runner.room.agency.slug}
        ).json()
    assert "from webhooks alone" in page
    assert {row["message_sync_status"] for row in health} == {"limited"}


@pytest.mark.parametrize("slower", [message_reconciliation, sync_pages], ids=["reconciliation", "sync"])
def test_a_reconciliation_and_a_sync_of_one_account_at_once_store_each_message_once(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, slower: Any
) -> None:
    """The slower one has looked what is known and is about to store when the other one stores all of it."""
    OUTSIDE.messages = [message(number) for number in range(2 * PAGE + 1)]
    account, begun = runner.senders[0], []
    kept = slower.record_events

    def reconcile() -> None:
        made = reconciliation.request(connection=runner.connection, mode="apply", trigger="test")
        assert made is not None
        assert reconciliation.run(made.id) == "done"

    def read() -> None:
        window = {"since": AT - timedelta(hours=1), "until": AT + timedelta(days=1)}
        made = sync.request(sender=account, resource="history", trigger="test", **window)
        assert made is not None
        assert sync.run(made.id) == "done"

    first, other = (reconcile, read) if slower is message_reconciliation else (read, reconcile)

    def record(*args: Any, **values: Any) -> Any:
        if not begun:
            begun.append(True)
            other()
        return kept(*args, **values)

    monkeypatch.setattr(slower, "record_events", record)
    first()
    assert begun
    assert [text for _sender, text in facts()] == [f"Text {number}" for number in range(2 * PAGE + 1)]
    # What either finds afterwards is known.
    with monkeypatch.context() as patch:
        patch.setattr(slower, "record_events", kept)
        assert runner.reconcile().counts["messages"]["created"] == 0


def test_the_commands_do_what_they_say(runner: Runner) -> None:
    OUTSIDE.messages = [message(number) for number in range(3)]
    slug = runner.room.agency.slug

    def command(*words: str) -> tuple[int, Any]:
        out = StringIO()
        code = 0
        with no_scope():
            try:
                call_command(*words, "--organization", slug, "--json", stdout=out)
            except SystemExit as ended:
                code = int(str(ended.code))
        lines = out.getvalue().strip().splitlines()
        return code, json.loads(lines[-1]) if lines else None

    code, told = command("reconcile", "--part", "messages")
    assert (code, told["reports"][0]["counts"]["messages"]["created"]) == (1, 3)
    later = now().date() + timedelta(days=1)
    code, told = command("reconcile", "--part", "messages", "--since", later.isoformat())
    assert (code, told["reports"][0]["counts"]["messages"]["created"]) == (0, 0)
    assert command("reconcile", "--since", "tomorrow")[0] == 2
    window = ("--sender", str(runner.senders[0].id), "--since", "2026-11-18")
    code, told = command("backfill", "messages", *window, "--dry-run")
    assert (code, told["accounts"][0]["missing"]) == (0, 3)
    code, told = command("backfill", "ledger", *window)
    assert (code, told["accounts"][0]["missing"]) == (1, 3)
    code, told = command("backfill", "messages", *window)
    assert (code, told["accounts"][0]["created"]) == (0, 3)
    assert command("backfill", "ledger", *window)[0] == 0
    assert command("reconcile", "--part", "messages")[0] == 0
    assert command("backfill", "usage", *window)[0] == 0
    assert command("backfill", "messages", "--since", "yesterday")[0] == 2
    assert command("reconcile", "--connection", str(runner.room.sender.id))[0] == 2


def test_a_list_of_campaigns_that_was_cut_does_not_show_what_is_gone(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    OUTSIDE.campaigns = [campaign(number) for number in range(1, 9)]
    pages = {None: "Only the newest are given out.", "5": ""}
    monkeypatch.setattr(
        Adapter,
        "list_campaigns",
        lambda self, cursor=None: OUTSIDE.page(OUTSIDE.campaigns, cursor, pages[cursor]),
    )
    with runner.room.scope():
        runner.mirror(1)
        runner.mirror(77)
    report = runner.reconcile("dry_run")
    assert report.counts["campaigns"]["missing"] == 0
    assert "Only the newest are given out." in json.dumps(report.notes)


def test_a_mail_of_the_day_before_that_was_fetched_late_is_not_in_a_days_count(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that goes by when the provider fetched a mail holds such ones (EmailBison)."""
    day = now().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = [message(1, at=day + timedelta(hours=1)), message(3, at=day - timedelta(hours=1))]
    monkeypatch.setattr(Adapter, "list_replies", lambda self, **_asked: OUTSIDE.page(rows, None))
    window = {"since": day, "until": day + timedelta(days=1)}
    assert sync.request(sender=runner.senders[0], resource="ledger", trigger="test", **window)
    runner.room.hints.run_all()
    assert LedgerDay.objects.get().listed == 1


def test_all_connections_are_matched_with_the_leads_there_are_now(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By provider id, URN and public identifier, with a look-up where that is missing; again changes nothing."""
    from integrations.domain_events import RelationsListed

    monkeypatch.setitem(
        core_events._receivers, RelationsListed, {"campaigns.historical": historical.on_relations_listed}
    )
    people = {
        "by-id": "ACoAAB1",
        "by-urn": "ACoAAB2",
        "by-slug": "ACoAAB3",
        "hidden": "ACoAAB4",
        "nobody": "ACoAAB5",
    }
    room.world.relations = [
        {
            "object": "UserRelation", "member_id": member, "first_name": name, "last_name": "Weil",
            "member_urn": f"urn:li:member:{number}" if name == "by-urn" else "",
            "public_identifier": "" if name == "hidden" else f"{name}-now",
            "created_at": int((now() - timedelta(days=900)).timestamp() * 1000),
        }
        for number, (name, member) in enumerate(people.items())
    ]  # fmt: skip
    with room.scope():
        rows = Rows(room.agency, room.agency.first)
        known = {
            "by-id": {"normalized": "old-name", "provider_id": "ACoAAB1"},
            "by-urn": {"normalized": "another-old-name", "member_urn": "urn:li:member:1"},
            "by-slug": {"normalized": "by-slug-now"},
            "hidden": {"normalized": "acoaab4-looked-up"},
        }
        leads = {}
        for name, values in known.items():
            leads[name] = rows.fresh(Lead, first_name=name)
            rows.fresh(LeadChannel, lead=leads[name], client=leads[name].client, kind="linkedin", **values)
        from integrations.values import Profile

        room.world.profiles["ACoAAB4"] = Profile(provider_id="ACoAAB4", public_identifier="acoaab4-looked-up")
        sync.request(sender=room.sender, resource="connections", trigger="test")
    room.hints.run_all()
    with room.scope():
        run = SyncRun.objects.get()
        assert run.state == "done"
        assert (run.result["matched"], run.result["unmatched"], run.result["looked_up"]) == (4, 1, 1)
        assert run.result["people"] == ["nobody Weil"]
        assert set(Relation.objects.values_list("lead_id", flat=True)) == {
            found.id for found in leads.values()
        }
        assert room.world.requests["profile"] == 1
        sync.request(sender=room.sender, resource="connections", trigger="test")
    room.hints.run_all()
    with room.scope():
        again = SyncRun.objects.order_by("-created_at").first()
        assert (again.result.get("matched", 0), again.result["known"], again.created) == (0, 4, 0)
        assert Relation.objects.count() == 4


def test_hints_are_lost_without_harm(runner: Runner, hints: Hints) -> None:
    with runner.room.scope():
        made = reconciliation.request(connection=runner.connection, mode="dry_run", trigger="test")
        assert made is not None
        ReconciliationReport.objects.filter(id=made.id).update(updated_at=now() - timedelta(minutes=1))
    hints.lose()
    with no_scope():
        from project.core.scoping import platform_scope

        with platform_scope("test"):
            assert reconciliation.forgotten() == 1
    hints.run_all()
    with runner.room.scope():
        assert made.refreshed().state == "done"


def test_somebody_who_was_erased_is_no_stranger_and_is_not_named(runner: Runner) -> None:
    OUTSIDE.campaigns = [campaign(1)]
    OUTSIDE.leads = {"1": [lead(5, "1", LeadStatus.IN_PROGRESS)]}
    with runner.room.scope():
        row = runner.person(runner.mirror(1), 5, state="stopped")
        assert forgetting.forget_mirrors([row]) == 1
    report = runner.reconcile("dry_run")
    assert (report.counts["leads"]["not_ours"], report.counts["leads"]["updated"]) == (0, 1)
    told = json.dumps(report.samples, ensure_ascii=False)
    assert "Somebody who was erased in" in told
    assert "lead5@x.test" not in told
