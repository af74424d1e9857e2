"""The mailbox adapter against real SMTP and IMAP servers that other people wrote (aiosmtpd, pymap)."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations import registry
from integrations.base import PollsInbound, SendsEmail, SettlesSends, WatchesInbound
from integrations.errors import Disposition, ErrorKind, ProviderError
from integrations.events import MessageBounced, MessageReceived, SpamComplained, Unsubscribed
from integrations.providers.mailbox.adapter import MailboxAdapter
from integrations.sandbox.mailbox.control import PASSWORD
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.values import (
    AccountStatus,
    Direction,
    OutgoingEmail,
    SendAction,
    SendIntent,
    SettlementOutcome,
)
from tests.contracts.base import AdapterContract, Outside, require

ERIK = "erik.sand@kestrel.test"
LUCIA = "lucia.ferrer@kestrel.test"
JO = "jo.weil@globex.example"


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxHandle]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: SandboxHandle) -> SandboxHandle:
    running.reset(seed="demo")
    return running


def mailbox(url: str, address: str = ERIK, **changes: str) -> MailboxAdapter:
    credentials = {
        "address": address,
        "password": PASSWORD,
        "saves_sent": "yes" if address == ERIK else "no",
        **changes,
    }
    return MailboxAdapter(credentials=credentials, base_url=url, trusted_base_url=url, breaker_key="x")


def email(**changes: Any) -> OutgoingEmail:
    values: dict[str, Any] = {
        "send_id": "1",
        "message_id": "<0123456789abcdef0123456789abcdef@kestrel.test>",
        "from_email": ERIK,
        "from_name": "Erik Sand",
        "to_email": JO,
        "subject": "Your warehouse",
        "text": "Hi Jo\n.\nErik",
    }
    return OutgoingEmail(**{**values, **changes})


@pytest.fixture
def adapter(sandbox: SandboxHandle) -> MailboxAdapter:
    return mailbox(sandbox.mailbox_url)


class Reader:
    """Polls a mailbox from where it stood at first."""

    def __init__(self, adapter: MailboxAdapter, account_id: str = ERIK) -> None:
        self.adapter, self.account_id = adapter, account_id
        self.cursor = self._page("").cursor or ""

    def _page(self, cursor: str, limit: int = 100) -> Any:
        return require(self.adapter, PollsInbound).poll_inbound(
            account_id=self.account_id, cursor=cursor, limit=limit
        )

    def events(self, limit: int = 100) -> list[Any]:
        page = self._page(self.cursor, limit)
        self.cursor = page.cursor
        return [event for item in page.items for event in item.events]


def send(adapter: MailboxAdapter, account_id: str = ERIK, **changes: Any) -> Any:
    return require(adapter, SendsEmail).send_email(account_id=account_id, email=email(**changes))


class TestMailboxContract(AdapterContract):
    """What every adapter has to do."""

    kind = "mailbox"

    @pytest.fixture
    def outside(self, sandbox: SandboxHandle) -> Outside:
        url = sandbox.mailbox_url
        return Outside(
            adapter=mailbox(url),
            wrong_adapter=mailbox(url, password="wrong"),
            account_id=ERIK,
            own_user_id=ERIK,
        )


# --- Sending ------------------------------------------------------------------------------------------


def test_an_email_arrives_whole_and_is_kept(sandbox: SandboxHandle, adapter: MailboxAdapter) -> None:
    reader = Reader(adapter)
    receipt = send(adapter)
    assert receipt.provider_message_id == receipt.chat_id == email().message_id
    (own,) = reader.events()
    assert own.direction is Direction.OUTBOUND
    assert own.text == "Hi Jo\n.\nErik"
    assert own.provider_message_id == receipt.provider_message_id


def test_a_server_that_keeps_nothing_gets_a_copy(sandbox: SandboxHandle) -> None:
    lucia = mailbox(sandbox.mailbox_url, LUCIA)
    reader = Reader(lucia, LUCIA)
    send(lucia, LUCIA, from_email=LUCIA)
    (own,) = reader.events()
    assert own.direction is Direction.OUTBOUND
    assert len(sandbox.call("GET", f"/mailboxes/{LUCIA}/mails", folder="Sent")["items"]) == 1


def test_unknown_habits_of_a_server_lead_to_no_second_copy(sandbox: SandboxHandle) -> None:
    send(mailbox(sandbox.mailbox_url, saves_sent=""))
    assert len(sandbox.call("GET", f"/mailboxes/{ERIK}/mails", folder="Sent")["items"]) == 1


def test_a_copy_that_cannot_be_kept_is_no_failure_of_the_send(sandbox: SandboxHandle) -> None:
    lucia = mailbox(sandbox.mailbox_url, LUCIA)
    sandbox.add_fault("status", provider="mailbox", method="IMAP", path="/login", status=500)
    assert send(lucia, LUCIA, from_email=LUCIA).provider_message_id


@pytest.mark.parametrize(
    ("path", "status", "detail", "kind", "disposition"),
    [
        ("/rcpt", 550, "5.1.1 User unknown", ErrorKind.RECIPIENT, Disposition.SKIP_LEAD),
        ("/rcpt", 450, "4.2.0 Greylisted", ErrorKind.UNAVAILABLE, Disposition.RETRY_LATER),
        ("/rcpt", 554, "5.7.1 Relay access denied", ErrorKind.CONFIG, Disposition.FIX_CONNECTION),
        ("/mail", 421, "4.7.28 Unusual rate", ErrorKind.RATE_LIMITED, Disposition.PAUSE_ACTION),
        ("/mail", 550, "5.4.5 Daily user sending limit exceeded", ErrorKind.QUOTA, Disposition.PAUSE_ACTION),
        ("/mail", 550, "5.1.8 bad outbound sender", ErrorKind.ACCOUNT_RESTRICTED, Disposition.STOP_ACCOUNT),
        ("/mail", 552, "5.3.4 Message too big", ErrorKind.VALIDATION, Disposition.REPORT),
        ("/end", 554, "5.7.1 Message rejected as spam", ErrorKind.VALIDATION, Disposition.REPORT),
        ("/end", 451, "4.3.0 Try again", ErrorKind.UNAVAILABLE, Disposition.RETRY_LATER),
        ("/login", 535, "5.7.8 Not accepted", ErrorKind.ACCOUNT_DISCONNECTED, Disposition.STOP_ACCOUNT),
        ("/login", 454, "4.7.0 Temporary failure", ErrorKind.UNAVAILABLE, Disposition.RETRY_LATER),
    ],
)  # fmt: skip
def test_refusals_mean_what_they_mean(
    sandbox: SandboxHandle,
    adapter: MailboxAdapter,
    path: str,
    status: int,
    detail: str,
    kind: ErrorKind,
    disposition: Disposition,
) -> None:
    sandbox.add_fault("status", provider="mailbox", method="SMTP", path=path, status=status, detail=detail)
    with pytest.raises(ProviderError) as caught:
        send(adapter)
    assert (caught.value.kind, caught.value.disposition) == (kind, disposition)
    assert PASSWORD not in str(caught.value) + caught.value.detail
    assert sandbox.state()["mailbox"]["mailboxes"][0]["sent"] == 0


def test_another_sender_than_the_mailbox_is_refused(adapter: MailboxAdapter) -> None:
    with pytest.raises(ProviderError) as caught:
        send(adapter, from_email="boss@kestrel.test")
    assert caught.value.kind is ErrorKind.CONFIG


def intent(minutes_ago: float = 0) -> SendIntent:
    return SendIntent(
        action=SendAction.EMAIL,
        account_id=ERIK,
        attempted_at=datetime.now(UTC) - timedelta(minutes=minutes_ago),
        rfc_message_id=email().message_id,
    )


@pytest.mark.parametrize(
    ("path", "perform", "kind"),
    [
        ("/mail", False, ErrorKind.UNAVAILABLE),
        ("/rcpt", False, ErrorKind.UNAVAILABLE),
        ("/end", False, ErrorKind.INDETERMINATE),
        ("/end", True, ErrorKind.INDETERMINATE),
    ],
)
def test_a_lost_connection_is_uncertain_only_after_the_end(
    sandbox: SandboxHandle, adapter: MailboxAdapter, path: str, perform: bool, kind: ErrorKind
) -> None:
    sandbox.add_fault("drop", provider="mailbox", method="SMTP", path=path, perform=perform, times=1)
    with pytest.raises(ProviderError) as caught:
        send(adapter)
    assert caught.value.kind is kind
    told = require(adapter, SettlesSends).settle(intent(11), now=datetime.now(UTC))
    assert told.outcome is (SettlementOutcome.SENT if perform else SettlementOutcome.NOT_SENT)
    assert sandbox.state()["mailbox"]["mailboxes"][0]["sent"] == int(perform)


def test_absence_says_nothing_too_early_or_where_copies_are_ours(
    sandbox: SandboxHandle, adapter: MailboxAdapter
) -> None:
    now = datetime.now(UTC)
    early = require(adapter, SettlesSends).settle(intent(), now=now)
    assert early.outcome is SettlementOutcome.UNDECIDED
    lucia = mailbox(sandbox.mailbox_url, LUCIA)
    assert lucia.settle(intent(60), now=now).outcome is SettlementOutcome.UNDECIDED


def test_an_answer_proves_that_it_left(sandbox: SandboxHandle) -> None:
    lucia = mailbox(sandbox.mailbox_url, LUCIA)
    answer = f"From: {JO}\r\nTo: {LUCIA}\r\nIn-Reply-To: {email().message_id}\r\nMessage-ID: <a@b.example>\r\n\r\nYes"
    sandbox.put_mail(LUCIA, answer.encode())
    assert lucia.settle(intent(), now=datetime.now(UTC)).outcome is SettlementOutcome.SENT


def test_a_mailbox_that_cannot_be_asked_decides_nothing(sandbox: SandboxHandle) -> None:
    told = mailbox(sandbox.mailbox_url, password="wrong").settle(intent(60), now=datetime.now(UTC))
    assert told.outcome is SettlementOutcome.UNDECIDED


# --- Receiving ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["gmail", "outlook", "apple", "html"])
def test_answers_in_every_style_are_new_text_in_their_thread(
    sandbox: SandboxHandle, adapter: MailboxAdapter, style: str
) -> None:
    reader = Reader(adapter)
    send(adapter)
    sandbox.act(JO, "reply", text="Sounds good.\nJo", style=style)
    _own, answer = reader.events()
    assert isinstance(answer, MessageReceived)
    assert answer.is_reply
    assert answer.text == "Sounds good.\nJo"
    assert answer.chat_id == email().message_id


def test_an_answer_from_another_address_stays_in_the_thread(
    sandbox: SandboxHandle, adapter: MailboxAdapter
) -> None:
    reader = Reader(adapter)
    send(adapter)
    sandbox.act(JO, "reply", text="From home", from_address="jo@home.example")
    answer = reader.events()[-1]
    assert (answer.sender.email, answer.chat_id) == ("jo@home.example", email().message_id)


def test_what_the_owner_writes_elsewhere_is_ours_and_in_the_thread(
    sandbox: SandboxHandle, adapter: MailboxAdapter
) -> None:
    reader = Reader(adapter)
    send(adapter)
    sandbox.act(JO, "own_message", text="One more thing")
    own = reader.events()[-1]
    assert (own.direction, own.text, own.chat_id) == (
        Direction.OUTBOUND,
        "One more thing",
        email().message_id,
    )


@pytest.mark.parametrize("form", ["postfix", "exim", "exchange", "gmail", "qmail"])
def test_returns_of_every_server_are_bounces(
    sandbox: SandboxHandle, adapter: MailboxAdapter, form: str
) -> None:
    reader = Reader(adapter)
    send(adapter)
    sandbox.act(JO, "bounce", format=form)
    bounced = reader.events()[-1]
    assert isinstance(bounced, MessageBounced)
    assert bounced.is_permanent
    assert (bounced.recipient, bounced.provider_message_id) == (JO, email().message_id)


def test_complaints_absences_and_unsubscribing(sandbox: SandboxHandle, adapter: MailboxAdapter) -> None:
    reader = Reader(adapter)
    send(adapter, headers={"List-Unsubscribe": f"<mailto:{ERIK}?subject=unsubscribe%20Tok3n.abcdef>"})
    sandbox.act(JO, "complain")
    sandbox.act(JO, "out_of_office", language="de")
    sandbox.act(JO, "unsubscribe", how="mailto")
    _own, complaint, absence, out = reader.events()
    assert isinstance(complaint, SpamComplained)
    assert absence.is_automatic
    assert isinstance(out, Unsubscribed)
    assert out.raw["token"] == "Tok3n.abcdef"


def test_mail_that_somebody_read_already_is_found(sandbox: SandboxHandle, adapter: MailboxAdapter) -> None:
    """ "Unread only" would lose it."""
    reader = Reader(adapter)
    mail = f"From: {JO}\r\nTo: {ERIK}\r\nMessage-ID: <1@b.example>\r\n\r\nHello"
    sandbox.put_mail(ERIK, mail.encode())
    assert len(reader.events()) == 1
    (stored,) = sandbox.call("GET", f"/mailboxes/{ERIK}/mails")["items"]
    assert stored["seen"] is False
    assert reader.events() == []


def test_nothing_older_than_the_connection_is_read(sandbox: SandboxHandle, adapter: MailboxAdapter) -> None:
    sandbox.put_mail(ERIK, f"From: {JO}\r\nTo: {ERIK}\r\n\r\nOld".encode())
    assert Reader(adapter).events() == []


def test_many_mails_come_in_pages_each_once(sandbox: SandboxHandle, adapter: MailboxAdapter) -> None:
    reader = Reader(adapter)
    for number in range(25):
        sandbox.put_mail(
            ERIK, f"From: {JO}\r\nTo: {ERIK}\r\nMessage-ID: <{number}@b.example>\r\n\r\nHi".encode()
        )
    found = [event.provider_message_id for _ in range(4) for event in reader.events(limit=10)]
    assert found == [f"<{number}@b.example>" for number in range(25)]


def test_folders_made_anew_lose_nothing(sandbox: SandboxHandle, adapter: MailboxAdapter) -> None:
    """UIDVALIDITY changes: UIDs mean other mails now."""
    reader = Reader(adapter)
    sandbox.put_mail(ERIK, f"From: {JO}\r\nTo: {ERIK}\r\nMessage-ID: <1@b.example>\r\n\r\nOne".encode())
    first = reader.events()
    sandbox.call("POST", f"/mailboxes/{ERIK}/rebuild")
    sandbox.put_mail(ERIK, f"From: {JO}\r\nTo: {ERIK}\r\nMessage-ID: <2@b.example>\r\n\r\nTwo".encode())
    again = {event.dedupe_key for event in reader.events()}
    assert {event.dedupe_key for event in first} < again
    assert len(again) == 2
    assert reader.events() == []


def test_one_unreadable_mail_keeps_no_other_from_being_read(
    sandbox: SandboxHandle, adapter: MailboxAdapter
) -> None:
    reader = Reader(adapter)
    sandbox.put_mail(ERIK, b"\xff\xfe\x00 garbage")
    sandbox.put_mail(ERIK, f"From: {JO}\r\nTo: {ERIK}\r\nMessage-ID: <2@b.example>\r\n\r\nTwo".encode())
    assert [event.text for event in reader.events()] == ["Two"]


def test_news_are_told_at_once(sandbox: SandboxHandle, adapter: MailboxAdapter) -> None:
    watch = require(adapter, WatchesInbound).watch_inbound(account_id=ERIK)
    try:
        sandbox.put_mail(ERIK, f"From: {JO}\r\nTo: {ERIK}\r\n\r\nNews".encode())
        assert select.select([watch], [], [], 5)[0]
        assert watch.read()
        assert watch.keep_alive() is False
    finally:
        watch.close()


def test_a_watch_that_ended_says_so(sandbox: SandboxHandle) -> None:
    with running_sandbox() as other:
        watch = mailbox(other.mailbox_url).watch_inbound(account_id=ERIK)
    assert select.select([watch], [], [], 5)[0]
    with pytest.raises(ProviderError):
        watch.read()


# --- The account --------------------------------------------------------------------------------------


def test_a_changed_password_shows_and_recovers(sandbox: SandboxHandle, adapter: MailboxAdapter) -> None:
    sandbox.call("PATCH", f"/mailboxes/{ERIK}", {"locked": True})
    assert adapter.get_account(ERIK).status is AccountStatus.CREDENTIALS
    check = adapter.verify_credentials()
    assert not check.ok
    assert len(check.lacks) == 2
    sandbox.call("PATCH", f"/mailboxes/{ERIK}", {"locked": False})
    assert adapter.get_account(ERIK).status is AccountStatus.OK


# --- Foreign hosts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "::1", "0.0.0.0"])
def test_hosts_that_users_type_must_be_public(host: str) -> None:
    typed = mailbox("", smtp_host=host, smtp_port="465", imap_host=host, imap_port="993")
    for act in (lambda: send(typed), lambda: Reader(typed)):
        with pytest.raises(ProviderError) as caught:
            act()
        assert caught.value.kind is ErrorKind.CONFIG


def test_passwords_never_travel_unencrypted_to_hosts_that_users_type() -> None:
    with pytest.raises(ProviderError) as caught:
        mailbox("", smtp_host="mail.example.com", smtp_security="plain", imap_host="mail.example.com")
    assert caught.value.kind is ErrorKind.CONFIG


def test_the_installations_own_servers_are_needed_without_hosts() -> None:
    with pytest.raises(ProviderError) as caught:
        mailbox("")
    assert caught.value.kind is ErrorKind.CONFIG


@contextmanager
def talker(*lines: bytes, forever: bool = False) -> Iterator[int]:
    """A server that says its lines to whoever connects, whatever it is asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)

    def serve() -> None:
        try:
            while True:
                connection, _peer = listener.accept()
                connection.settimeout(0.3)
                with connection:
                    try:
                        for line in lines:
                            connection.sendall(line)
                        while forever:
                            connection.sendall(b"250-x\r\n" * 1000)
                        connection.recv(100)
                    except OSError:
                        continue
        except OSError:
            return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


@pytest.mark.parametrize(
    "lines",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (b"\x15\x03\x01\x00\x02\x02\x46",),
        (b"220 hi\r\n", b"\xff\xfe\x00\r\n"),
        (b"* OK hi\r\n", b"* BYE\r\n"),
        (b"* OK hi\r\n", b"A 1 OK x {99999999999}\r\n"),
        (b"554 go away\r\n",),
    ],
)
def test_servers_that_speak_something_else_are_no_crash(lines: tuple[bytes, ...]) -> None:
    with talker(*lines) as port:
        odd = mailbox(f"mail://127.0.0.1?smtp={port}&imap={port}")
        check = odd.verify_credentials()
        assert not check.ok
        with pytest.raises(ProviderError):
            send(odd)


def test_a_server_that_never_stops_talking_is_left() -> None:
    with talker(b"220 hi\r\n", forever=True) as port:
        with pytest.raises(ProviderError) as caught:
            send(mailbox(f"mail://127.0.0.1?smtp={port}&imap={port}"))
        assert caught.value.kind is ErrorKind.UNAVAILABLE


def test_a_certificate_that_is_not_valid_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with talker(b"not tls") as port:
        with pytest.raises(ProviderError) as caught:
            send(mailbox(f"mail://127.0.0.1?smtp={port}&imap={port}&security=tls"))
        assert caught.value.kind in {ErrorKind.CONFIG, ErrorKind.UNAVAILABLE}


def test_the_registry_names_every_credential() -> None:
    names = {field.name for field in registry.get("mailbox").credential_fields}
    assert {"address", "password", "smtp_host", "imap_host", "saves_sent"} <= names
