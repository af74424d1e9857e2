"""The Twilio adapter beside its contract: errors, listings, settling, polling; mostly against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from integrations import events, registry
from integrations.base import CALLED_QUERY, NoKnowledge
from integrations.errors import Disposition, ErrorKind, ProviderError
from integrations.providers.twilio import errors, fields, inbound
from integrations.providers.twilio.adapter import TwilioAdapter
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.sandbox.twilio.state import ACCOUNT_SID, AUTH_TOKEN
from integrations.values import AccountStatus, OutgoingSms, SendAction, SendIntent, SettlementOutcome
from project.core.http import Redactor

NUMBER, OTHER, THEIRS = "+13125550100", "+447700900100", "+13125550142"
AT = datetime(2026, 3, 12, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(seed=None) as handle:
        yield handle


@pytest.fixture
def adapter(sandbox: SandboxHandle, settings: Settings) -> TwilioAdapter:
    sandbox.clear_faults()
    sandbox.reset(seed="")
    settings.TWILIO_BASE_URL = sandbox.twilio_url
    sandbox.rent_number(NUMBER, name="Chicago", campaign_status="VERIFIED")
    sandbox.rent_number(OTHER, name="London")
    return make()


def make(**credentials: str) -> TwilioAdapter:
    made = registry.adapter_for(
        "twilio", credentials={"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN} | credentials
    )
    assert isinstance(made, TwilioAdapter)
    return made


def sms(text: str = "Hello", to: str = THEIRS, **values: str) -> OutgoingSms:
    return OutgoingSms(**{"send_id": "1", "to": to, "text": text, "from_number": NUMBER} | values)


# --- Accounts ----------------------------------------------------------------------------------------------


def test_numbers_and_services_with_their_registration(adapter: TwilioAdapter) -> None:
    chicago, london, service = adapter.list_accounts().items
    assert (chicago.account_id, chicago.address, chicago.name) == (NUMBER, NUMBER, "Chicago")
    assert chicago.options["a2p_status"] == "approved"
    assert chicago.options["messaging_service_sid"] == service.account_id
    assert chicago.options["a2p_brand"].startswith("BN")
    assert london.options == {}
    assert service.address == ""
    assert adapter.get_account(service.account_id).options == chicago.options
    assert adapter.get_account(NUMBER).status is AccountStatus.OK
    with pytest.raises(ProviderError) as caught:
        adapter.get_account("+10000000000")
    assert caught.value.kind is ErrorKind.NOT_FOUND


def test_the_check_says_what_is_not_registered(adapter: TwilioAdapter, sandbox: SandboxHandle) -> None:
    sandbox.rent_number("+12125550111", campaign_status="PENDING")
    check = adapter.verify_credentials()
    assert check.ok
    (lack,) = check.lacks
    assert "+12125550111" in lack
    assert "pending" in lack


def test_an_api_key_works_too(adapter: TwilioAdapter) -> None:
    assert make(api_key_sid="SK1", api_key_secret="sandbox-key").verify_credentials().ok
    assert not make(api_key_sid="SK1", api_key_secret="other").verify_credentials().ok
    assert not make(account_sid="").verify_credentials().ok


def test_services_that_may_not_be_read_hide_no_numbers(
    adapter: TwilioAdapter, sandbox: SandboxHandle
) -> None:
    sandbox.add_fault("status", path="/v1/*", status=401, type="20003")
    assert [account.account_id for account in adapter.list_accounts().items] == [NUMBER, OTHER]
    sandbox.clear_faults()
    sandbox.add_fault("status", path="/v1/*", status=503)
    with pytest.raises(ProviderError) as caught:
        adapter.list_accounts()
    assert caught.value.transient


def test_inbound_is_routed_to_number_and_service(adapter: TwilioAdapter, sandbox: SandboxHandle) -> None:
    adapter.route_inbound(account_id=NUMBER, url="https://app.test/hook")
    state = sandbox.state()["twilio"]
    assert state["numbers"][0]["sms_url"] == "https://app.test/hook"
    assert state["services"][0]["inbound_request_url"] == "https://app.test/hook"
    adapter.route_inbound(account_id=OTHER, url="https://app.test/other")
    assert sandbox.state()["twilio"]["services"][0]["inbound_request_url"] == "https://app.test/hook"


# --- Sending -----------------------------------------------------------------------------------------------


def test_a_service_picks_its_number(adapter: TwilioAdapter, sandbox: SandboxHandle) -> None:
    service = adapter.list_accounts().items[2].account_id
    receipt = adapter.send_sms(account_id=service, sms=sms(from_number=""))
    assert receipt.chat_id == f"{service}:{THEIRS}"
    assert receipt.raw["from"] is None
    assert receipt.raw["num_segments"] == "0"
    intent = SendIntent(
        action=SendAction.SMS,
        account_id=service,
        attempted_at=datetime.now(UTC),
        text="Hello",
        recipient_phone=THEIRS,
    )
    assert adapter.settle(intent, now=datetime.now(UTC)).outcome is SettlementOutcome.SENT
    wrong = intent.model_copy(update={"account_id": OTHER})
    assert adapter.settle(wrong, now=datetime.now(UTC)).outcome is SettlementOutcome.UNDECIDED


def test_an_opted_out_recipient_is_told(adapter: TwilioAdapter, sandbox: SandboxHandle) -> None:
    sandbox.act(THEIRS, "stop", account_id=NUMBER)
    with pytest.raises(ProviderError) as caught:
        adapter.send_sms(account_id=NUMBER, sms=sms())
    assert (caught.value.kind, caught.value.opted_out) == (ErrorKind.RECIPIENT, THEIRS)
    assert caught.value.disposition is Disposition.SKIP_LEAD


@pytest.mark.parametrize(
    ("fault", "kind", "if_not_sent"),
    [
        (
            {"kind": "status", "status": 429, "type": "20429", "retry_after": "3"},
            ErrorKind.RATE_LIMITED,
            None,
        ),
        ({"kind": "status", "status": 503}, ErrorKind.INDETERMINATE, ErrorKind.UNAVAILABLE),
        ({"kind": "status", "status": 502, "html": True}, ErrorKind.INDETERMINATE, ErrorKind.UNAVAILABLE),
        ({"kind": "drop", "perform": True}, ErrorKind.INDETERMINATE, ErrorKind.UNAVAILABLE),
        ({"kind": "status", "status": 401, "type": "20003"}, ErrorKind.AUTH, None),
        ({"kind": "status", "status": 400, "type": "21999"}, ErrorKind.UNKNOWN, None),
    ],
)
def test_failures_of_a_send(
    adapter: TwilioAdapter, sandbox: SandboxHandle, fault: dict[str, Any], kind: ErrorKind, if_not_sent: Any
) -> None:
    sandbox.add_fault(**fault, method="POST", path="*/Messages.json", times=1)
    began = len(sandbox.calls(path="*/Messages.json", method="POST"))
    with pytest.raises(ProviderError) as caught:
        adapter.send_sms(account_id=NUMBER, sms=sms("Only once"))
    assert (caught.value.kind, caught.value.if_not_sent) == (kind, if_not_sent)
    assert len(sandbox.calls(path="*/Messages.json", method="POST")) == began + 1, "a send is never repeated"
    intent = SendIntent(
        action=SendAction.SMS, account_id=NUMBER, attempted_at=datetime.now(UTC), text="Only once",
        recipient_phone=THEIRS,
    )  # fmt: skip
    left = adapter.settle(intent, now=datetime.now(UTC) + timedelta(minutes=5)).outcome
    assert left is (SettlementOutcome.SENT if fault.get("perform") else SettlementOutcome.NOT_SENT)


def test_settling_without_an_answer_is_undecided(adapter: TwilioAdapter, sandbox: SandboxHandle) -> None:
    sandbox.add_fault("status", path="*/Messages.json", status=503)
    intent = SendIntent(
        action=SendAction.SMS, account_id=NUMBER, attempted_at=AT, text="Hi", recipient_phone=THEIRS
    )
    answer = adapter.settle(intent, now=datetime.now(UTC))
    assert answer.outcome is SettlementOutcome.UNDECIDED
    assert answer.retry_at is not None


def test_settling_reads_all_pages(adapter: TwilioAdapter) -> None:
    started = datetime.now(UTC)
    adapter.send_sms(account_id=NUMBER, sms=sms("The first"))
    for number in range(130):
        adapter.send_sms(account_id=NUMBER, sms=sms(f"Later {number}"))
    intent = SendIntent(
        action=SendAction.SMS,
        account_id=NUMBER,
        attempted_at=started,
        text="The first",
        recipient_phone=THEIRS,
    )
    assert adapter.settle(intent, now=started).outcome is SettlementOutcome.SENT


@pytest.mark.parametrize("code", sorted(errors.RULES))
def test_every_code_of_the_table(code: str) -> None:
    response = httpx.Response(400, json={"code": int(code), "message": "No", "status": 400})
    error = errors.from_response(response, Redactor(), send=True, recipient=THEIRS)
    assert error.kind is errors.RULES[code].kind
    assert error.kind is not ErrorKind.INDETERMINATE, "400 says that nothing left"
    assert bool(error.opted_out) == (code == errors.OPTED_OUT)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": null}', b'{"code": {"a": 1}}'])
def test_odd_refusals(body: bytes) -> None:
    for status, kind in ((400, ErrorKind.UNKNOWN), (401, ErrorKind.AUTH), (404, ErrorKind.NOT_FOUND)):
        assert errors.from_response(httpx.Response(status, content=body), Redactor()).kind is kind


# --- Calls -------------------------------------------------------------------------------------------------


class Knowledge(NoKnowledge):
    """A number that belongs to the account of a service."""

    def own_user_ids(self, account_id: str) -> frozenset[str]:
        return frozenset({account_id} if account_id == "MG1" else ())


def test_the_outbox_id_comes_back_from_the_address(adapter: TwilioAdapter) -> None:
    body = b"MessageSid=SM1&MessageStatus=delivered&From=%2B13125550100&To=%2B13125550142"
    told = adapter.normalise(
        body, headers={CALLED_QUERY: "send_id=abc&x=1"}, received_at=AT, knowledge=NoKnowledge()
    )
    (event,) = told.events
    assert isinstance(event, events.MessageDelivered)
    assert event.send_id == "abc"


def test_calls_of_a_service_belong_to_its_account(adapter: TwilioAdapter) -> None:
    body = b"MessageSid=SM1&SmsStatus=received&From=%2B1312&To=%2B1313&Body=Hi&MessagingServiceSid=MG1"
    for knowledge, account in ((Knowledge(), "MG1"), (NoKnowledge(), "+1313")):
        (event,) = adapter.normalise(body, headers={}, received_at=AT, knowledge=knowledge).events
        assert event.account_id == account
        assert isinstance(event, events.MessageReceived)
        assert event.chat_id == f"{account}:+1312"


def test_keys_tell_reports_apart_and_repetitions_not(adapter: TwilioAdapter) -> None:
    sent, delivered = (
        f"MessageSid=SM1&MessageStatus={status}&RawDlrDoneDate=1".encode() for status in ("sent", "delivered")
    )
    assert adapter.webhook_key(sent) != adapter.webhook_key(delivered)
    assert adapter.webhook_key(sent) == adapter.webhook_key(b"MessageSid=SM1&MessageStatus=sent&New=1")
    assert adapter.webhook_key(b"Body=Hi") is None


def test_readers_are_tolerant() -> None:
    assert fields.moment("Tue, 06 Jan 2026 15:04:05 +0000") == datetime(2026, 1, 6, 15, 4, 5, tzinfo=UTC)
    assert fields.moment("2026-01-06T15:04:05Z") == datetime(2026, 1, 6, 15, 4, 5, tzinfo=UTC)
    for odd in (None, "", 5, "soon", "99-99", "9" * 30):
        assert fields.moment(odd) is None
    assert fields.number({"a": "x"}, "a") == fields.number({"a": "9" * 40}, "a") == 0
    assert inbound.event_name({}) == ""


# --- Polling -----------------------------------------------------------------------------------------------


def test_lost_messages_are_found_once_with_the_same_key(
    adapter: TwilioAdapter, sandbox: SandboxHandle
) -> None:
    start = adapter.poll_inbound(account_id=NUMBER, cursor="")
    assert start.items == ()
    assert start.cursor is not None
    for text in ("One", "Two", "Three"):
        sandbox.act(THEIRS, "reply", text=text, account_id=NUMBER)
    sandbox.act(THEIRS, "reply", text="To the other number", account_id=OTHER)
    adapter.send_sms(account_id=NUMBER, sms=sms())
    found, cursor = [], start.cursor
    for _ in range(5):
        page = adapter.poll_inbound(account_id=NUMBER, cursor=cursor, limit=2)
        if not page.items:
            break
        assert page.cursor is not None
        cursor = page.cursor
        found += [event for item in page.items for event in item.events]
    assert [event.text for event in found if isinstance(event, events.MessageReceived)] == [
        "One",
        "Two",
        "Three",
    ]
    assert isinstance(found[0], events.MessageReceived)
    sid = found[0].message_id
    assert found[0].dedupe_key == f"message_received:{NUMBER}:{sid}"
    assert adapter.poll_inbound(account_id=NUMBER, cursor=cursor).items == ()


def test_an_unreadable_cursor_is_told(adapter: TwilioAdapter) -> None:
    with pytest.raises(ProviderError) as caught:
        adapter.poll_inbound(account_id=NUMBER, cursor="nonsense")
    assert caught.value.kind is ErrorKind.VALIDATION
