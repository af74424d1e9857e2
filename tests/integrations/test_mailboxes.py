"""Mailboxes as senders: added and tested, read by the sync, watched, with their answers in the right thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.test import Client as Browser

from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection, OutboundMessage, ProviderEvent, SenderAccount, SyncCursor, SyncRun
from integrations.providers.mailbox import presets
from integrations.sandbox.mailbox.control import PASSWORD
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.services import dispatch, mailboxes, outbox, sync
from integrations.services.adapters import credentials_of
from integrations.services.watching import Watcher, watchable
from project.core.clock import now
from project.core.refusals import Invalid
from tests.integrations.conftest import Room

ERIK = "erik.sand@kestrel.test"
JO = "jo.weil@globex.example"


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxHandle]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def outside(running: SandboxHandle, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> SandboxHandle:
    running.reset(seed="demo")
    settings.MAILBOX_BASE_URL = running.mailbox_url
    monkeypatch.setattr(presets, "_mx_hosts", lambda domain: [])
    return running


def add(room: Room, **changes: Any) -> mailboxes.Added:
    wanted: dict[str, Any] = {"address": ERIK, "name": "Erik Sand", "password": PASSWORD, **changes}
    return mailboxes.add(client=room.sender.client, wanted=mailboxes.Wanted(**wanted), actor=None)


def read(room: Room, sender: SenderAccount) -> None:
    SyncRun.objects.filter(sender=sender, state="queued").update(state="cancelled")
    made = sync.request(sender=sender, resource="messages", trigger="test")
    assert made is not None
    assert sync.run(made.id) == "done"


def write(room: Room, sender: SenderAccount, key: str = "1") -> OutboundMessage:
    row = outbox.queue(
        sender=sender,
        client_id=sender.client_id,
        channel="email",
        action="email",
        origin="reply",
        dedupe_key=key,
        recipient={"email": JO, "name": "Jo"},
        body="Hi Jo",
        payload={"subject": "Your warehouse"},
    )
    assert row is not None
    assert dispatch.dispatch_sender(sender.id) == 1
    row.refresh_from_db()
    assert row.state == "sent", row.error_detail
    return row


def facts(sender: SenderAccount) -> list[ProviderEvent]:
    return list(ProviderEvent.objects.filter(sender_id=sender.id).order_by("recorded_at"))


def test_a_mailbox_is_added_tested_and_begun_to_read(room: Room, outside: SandboxHandle) -> None:
    with room.scope():
        added = add(room)
        assert added.check.ok
        sender = SenderAccount.objects.get(id=added.sender.id)
        assert (sender.status, sender.channel, sender.address) == ("ok", "email", ERIK)
        assert PASSWORD not in sender.connection.credentials
        assert credentials_of(sender.connection)["password"] == PASSWORD
        assert SyncRun.objects.filter(sender=sender, resource="messages").exists()
        with pytest.raises(Invalid):
            add(room)


def test_a_mailbox_with_a_wrong_password_is_kept_and_mended(room: Room, outside: SandboxHandle) -> None:
    with room.scope():
        added = add(room, password="wrong")
        assert not added.check.ok
        sender = SenderAccount.objects.select_related("connection").get(id=added.sender.id)
        assert sender.status == "credentials"
        check = mailboxes.change_servers(
            sender=sender, servers={}, password=PASSWORD, actor=room.agency.admin
        )
        assert check.ok
        sender.refresh_from_db()
        assert sender.status == "ok"
        assert "password" not in mailboxes.servers_of(sender)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "nobody"}, "address"),
        ({"name": " "}, "name"),
        ({"password": ""}, "password"),
        ({"reply_to": "x"}, "reply_to"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"servers": {"smtp_host": "127.0.0.1", "imap_host": "127.0.0.1"}}, "smtp_host"),
        ({"servers": {"smtp_host": "8.8.8.8", "imap_host": "169.254.169.254"}}, "imap_host"),
        ({"servers": {"smtp_host": "8.8.8.8", "smtp_port": "x", "imap_host": "8.8.8.8"}}, "smtp_port"),
        ({"servers": {"smtp_security": "plain"}}, "smtp_security"),
    ],
)
def test_what_is_wrong_is_named(
    room: Room, outside: SandboxHandle, changes: dict[str, Any], field: str
) -> None:
    with room.scope(), pytest.raises(Invalid) as caught:
        add(room, **changes)
    assert caught.value.details["field"] == field


def test_servers_are_known_by_domain_and_by_who_takes_the_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "_mx_hosts", lambda domain: ["globex-example.mail.protection.outlook.com"])
    assert presets.preset_for("a@gmail.com") is presets.GOOGLE
    assert presets.preset_for("a@globex.example") is presets.MICROSOFT
    monkeypatch.setattr(presets, "_mx_hosts", lambda domain: ["evilgoogle.com"])
    assert presets.preset_for("a@globex.example") is None


def test_sent_and_answered_mail_is_one_thread(room: Room, outside: SandboxHandle) -> None:
    with room.scope():
        sender = add(room).sender
        read(room, sender)
        row = write(room, sender)
        outside.act(JO, "reply", text="Sounds good")
        outside.act(JO, "reply", text="No references", style="bare")
        read(room, sender)
        told = facts(sender)
        assert [fact.payload["text"] for fact in told] == ["Hi Jo", "Sounds good", "No references"]
        assert {fact.payload["chat_id"] for fact in told} == {row.provider_message_id}
        sender.refresh_from_db()
        assert sender.inbound_synced_at is not None
        read(room, sender)
        assert len(facts(sender)) == 3


def test_a_return_finds_its_send(room: Room, outside: SandboxHandle) -> None:
    with room.scope():
        sender = add(room).sender
        read(room, sender)
        row = write(room, sender)
        outside.act(JO, "bounce", format="exim")
        read(room, sender)
        bounced = facts(sender)[-1]
        assert bounced.kind == "message_bounced"
        assert bounced.payload["send_id"] == str(row.id)


def test_mailboxes_are_read_every_minute_and_idle_looks_leave_no_row(
    room: Room, outside: SandboxHandle
) -> None:
    with room.scope():
        sender = add(room).sender
        read(room, sender)
        SyncRun.objects.all().delete()
        sync.request_due()
        assert not SyncRun.objects.filter(sender=sender).exists()
        SyncCursor.objects.filter(sender=sender).update(last_success_at=now() - timedelta(minutes=1))
        sync.request_due()
        (due,) = SyncRun.objects.filter(sender=sender)
        assert (due.resource, due.trigger) == ("messages", "interval")
        assert sync.run(due.id) == "done"
        assert not SyncRun.objects.filter(sender=sender).exists()


def test_a_refused_sign_in_stops_the_account_not_the_others(room: Room, outside: SandboxHandle) -> None:
    with room.scope():
        sender = add(room).sender
        read(room, sender)
        outside.call("PATCH", f"/mailboxes/{ERIK}", {"locked": True})
        made = sync.request(sender=sender, resource="messages", trigger="test")
        assert made is not None
        assert sync.run(made.id) == "failed"
        sender.refresh_from_db()
        assert sender.status == "credentials"
        assert room.sender.status == "ok"


# --- Watching -------------------------------------------------------------------------------------------


def test_only_mailboxes_that_work_are_watched(room: Room, outside: SandboxHandle) -> None:
    with room.scope():
        sender = add(room).sender
    assert [row[0] for row in watchable()] == [sender.id]
    with room.scope():
        Connection.objects.filter(id=sender.connection_id).update(status="disabled")
    assert watchable() == []


class Told:
    """A watcher's accounts and what it told, without a database."""

    def __init__(self, opener: Any) -> None:
        self.sender, self.told = uuid4(), threading.Semaphore(0)
        self.watcher = Watcher(
            accounts=lambda: [(self.sender, uuid4(), "credentials")], opener=opener, teller=self._tell
        )
        self.thread = threading.Thread(target=self.watcher.run, daemon=True)
        self.thread.start()

    def _tell(self, organization_id: UUID, sender_id: UUID) -> bool:
        self.told.release()
        return True

    def stop(self) -> None:
        self.watcher.stop()
        self.thread.join(5)
        assert not self.thread.is_alive()


def test_news_are_told_once_watched_and_the_watch_ends_at_once(outside: SandboxHandle) -> None:
    from integrations.providers.mailbox.adapter import MailboxAdapter

    url = outside.mailbox_url
    adapter = MailboxAdapter(
        credentials={"address": ERIK, "password": PASSWORD},
        base_url=url,
        trusted_base_url=url,
        breaker_key="x",
    )
    told = Told(lambda organization_id, sender_id: adapter.watch_inbound(account_id=ERIK))
    try:
        assert told.told.acquire(timeout=5)  # what came while nobody watched
        outside.put_mail(ERIK, f"From: {JO}\r\nTo: {ERIK}\r\n\r\nNews".encode())
        assert told.told.acquire(timeout=5)
    finally:
        told.stop()


def test_a_server_that_refuses_is_left_alone_for_a_while(settings: LazySettings) -> None:
    opened = threading.Semaphore(0)

    def refuse(organization_id: UUID, sender_id: UUID) -> Any:
        opened.release()
        raise ProviderError(ErrorKind.UNAVAILABLE, "Away.", provider="mailbox")

    told = Told(refuse)
    try:
        assert opened.acquire(timeout=5)
        assert not opened.acquire(timeout=1.5)
        assert told.watcher.open_count == 0
    finally:
        told.stop()


# --- Pages ----------------------------------------------------------------------------------------------


def test_a_mailbox_is_added_by_page(room: Room, outside: SandboxHandle) -> None:
    browser = Browser()
    browser.force_login(room.agency.admin)
    address = f"/o/{room.agency.slug}/senders/mailboxes/add/"
    assert browser.get(address).status_code == 200
    form = {"client": str(room.sender.client_id), "address": ERIK, "name": "Erik", "password": PASSWORD}
    page = browser.post(address, form)
    assert "It works." in page.content.decode()
    assert PASSWORD not in page.content.decode()
    with room.scope():
        sender = SenderAccount.objects.get(address=ERIK)
    page = browser.post(f"/o/{room.agency.slug}/senders/{sender.id}/mailbox/", {"password": "wrong"})
    assert "It does not work yet." in page.content.decode()
    assert browser.post(f"/o/{room.agency.slug}/senders/{room.sender.id}/mailbox/test/").status_code == 422
