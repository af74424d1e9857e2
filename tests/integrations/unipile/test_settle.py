"""Uncertain sends are settled by asking, and never guessed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from integrations.providers.unipile.adapter import UnipileAdapter
from integrations.providers.unipile.settle import CACHE_LAG
from integrations.values import SendAction, SendIntent, Settlement, SettlementOutcome
from tests.integrations.unipile import payloads
from tests.integrations.unipile.conftest import NOW
from tests.integrations.unipile.payloads import ACCOUNT, LEAD, SELF

SENT, NOT_SENT, UNDECIDED = SettlementOutcome.SENT, SettlementOutcome.NOT_SENT, SettlementOutcome.UNDECIDED
SOON = NOW + timedelta(seconds=10)
LATE = NOW + CACHE_LAG


def intent(action: SendAction = SendAction.INVITE, **changes: Any) -> SendIntent:
    options: dict[str, Any] = {
        "action": action,
        "account_id": ACCOUNT,
        "attempted_at": NOW,
        "recipient_provider_id": LEAD,
        "recipient_public_identifier": "tomas-weil",
        "text": "Hello\r\nTomas ",
    }
    return SendIntent(**options | changes)


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ours(text: str = "Hello\nTomas", at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    return payloads.message(is_sender=1, sender_id=SELF, text=text, timestamp=iso(at), **changes)


@pytest.fixture
def world(api: respx.Router) -> respx.Router:
    """An account that is fine, and nothing sent."""
    api.get(f"/accounts/{ACCOUNT}", name="account").respond(json=payloads.account())
    api.get("/users/invite/sent", name="sent").respond(json=payloads.page("InvitationList"))
    api.get(f"/users/{LEAD}", name="profile").respond(json=payloads.profile(invitation=None))
    api.get(f"/chat_attendees/{LEAD}/chats", name="chats").respond(json=payloads.page("ChatList"))
    api.get("/chats/c_Hq2mV/messages", name="messages").respond(json=payloads.page("MessageList"))
    return api


def test_a_pending_invitation_was_sent(world: respx.Router, adapter: UnipileAdapter) -> None:
    world["sent"].respond(json=payloads.page("InvitationList", payloads.invitation()))
    found = adapter.settle(intent(), now=SOON)
    assert found.outcome is SENT
    assert found.receipt is not None
    assert found.receipt.invitation_id == "7280012345678901234"
    assert not world["profile"].called


def test_a_pending_invitation_is_found_by_slug(world: respx.Router, adapter: UnipileAdapter) -> None:
    raw = payloads.invitation(invited_user_id=None, invited_user_public_id="Tomas-Weil")
    world["sent"].respond(json=payloads.page("InvitationList", raw))
    assert adapter.settle(intent(), now=SOON).outcome is SENT


def test_somebody_elses_invitation_is_not_ours(world: respx.Router, adapter: UnipileAdapter) -> None:
    raw = payloads.invitation(invited_user_id="ACoAABother")
    world["sent"].respond(json=payloads.page("InvitationList", raw))
    assert adapter.settle(intent(), now=LATE).outcome is NOT_SENT


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"invitation": {"type": "SENT", "status": "PENDING"}}, SENT),
        ({"invitation": {"type": "SENT", "status": "IGNORED"}}, SENT),
        ({"invitation": {"type": "SENT", "status": "WITHDRAWN"}}, NOT_SENT),
        ({"invitation": {"type": "RECEIVED", "status": "PENDING"}}, NOT_SENT),
        ({"invitation": None, "is_relationship": True}, SENT),
        ({"invitation": None, "is_relationship": None, "network_distance": "FIRST_DEGREE"}, SENT),
        ({"invitation": None}, NOT_SENT),
    ],
)
def test_the_profile_tells(
    world: respx.Router, adapter: UnipileAdapter, changes: dict[str, Any], outcome: SettlementOutcome
) -> None:
    world["profile"].respond(json=payloads.profile(**changes))
    assert adapter.settle(intent(), now=LATE).outcome is outcome


def test_an_unknown_profile_says_nothing(world: respx.Router, adapter: UnipileAdapter) -> None:
    world["profile"].respond(404, json={"type": "errors/resource_not_found", "status": 404})
    assert adapter.settle(intent(), now=LATE).outcome is NOT_SENT


def waits_for(found: Settlement, moment: datetime) -> bool:
    return found.outcome is UNDECIDED and found.retry_at == moment


@pytest.mark.parametrize("action", list(SendAction))
def test_absence_counts_only_after_the_lag(
    world: respx.Router, adapter: UnipileAdapter, action: SendAction
) -> None:
    assert waits_for(adapter.settle(intent(action), now=SOON), LATE)
    assert waits_for(adapter.settle(intent(action), now=LATE - timedelta(seconds=1)), LATE)
    assert adapter.settle(intent(action), now=LATE).outcome is NOT_SENT


@pytest.mark.parametrize("action", list(SendAction))
def test_absence_at_a_disconnected_account_says_nothing(
    world: respx.Router, adapter: UnipileAdapter, action: SendAction
) -> None:
    world["account"].respond(json=payloads.account(sources=[{"id": "m", "status": "CREDENTIALS"}]))
    found = adapter.settle(intent(action), now=LATE)
    assert found.outcome is UNDECIDED
    assert found.retry_at is not None
    assert found.retry_at > LATE


@pytest.mark.parametrize("action", list(SendAction))
@pytest.mark.parametrize(
    "failure",
    [
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("down"),
        httpx.Response(429, json={"type": "errors/too_many_requests"}, headers={"Retry-After": "600"}),
        httpx.Response(502, html="<html>"),
        httpx.Response(401, json={"type": "errors/disconnected_account"}),
    ],
)
def test_failures_are_undecided(
    world: respx.Router, adapter: UnipileAdapter, action: SendAction, failure: Any
) -> None:
    for name in ("sent", "chats"):
        if isinstance(failure, httpx.Response):
            world[name].mock(return_value=failure)
        else:
            world[name].mock(side_effect=failure)
    found = adapter.settle(intent(action), now=LATE)
    assert found.outcome is UNDECIDED
    assert found.retry_at is not None
    assert found.retry_at >= LATE + timedelta(seconds=60)


def test_a_list_without_end_is_undecided(world: respx.Router, adapter: UnipileAdapter) -> None:
    other = payloads.invitation(invited_user_id="ACoAABother")
    world["sent"].respond(json=payloads.page("InvitationList", other, cursor="more"))
    assert adapter.settle(intent(), now=LATE).outcome is UNDECIDED
    world["profile"].respond(json=payloads.profile())
    assert adapter.settle(intent(), now=LATE).outcome is SENT


def test_a_message_is_found_by_its_text(world: respx.Router, adapter: UnipileAdapter) -> None:
    world["messages"].respond(json=payloads.page("MessageList", ours(text="Hello\nTomas")))
    found = adapter.settle(intent(SendAction.MESSAGE, chat_id="c_Hq2mV"), now=SOON)
    assert found.outcome is SENT
    assert found.receipt is not None
    assert (found.receipt.message_id, found.receipt.provider_message_id) == ("m_81xQ", "2-MTc0exampleMsg")
    assert found.receipt.chat_id == "c_Hq2mV"
    after = world["messages"].calls.last.request.url.params["after"]
    assert after == iso(NOW - timedelta(seconds=60))


def test_a_message_to_a_person_is_found_in_their_chat(world: respx.Router, adapter: UnipileAdapter) -> None:
    world["chats"].respond(json=payloads.page("ChatList", payloads.chat()))
    world["messages"].respond(json=payloads.page("MessageList", ours()))
    assert adapter.settle(intent(SendAction.MESSAGE), now=SOON).outcome is SENT


@pytest.mark.parametrize(
    "raw",
    [
        ours(text="Something else"),
        payloads.message(text="Hello\nTomas", timestamp=iso(NOW), is_sender=0),
        ours(at=NOW - timedelta(hours=1)),
        ours(id="m_known", provider_id="2-known"),
    ],
)
def test_what_is_not_our_message(world: respx.Router, adapter: UnipileAdapter, raw: dict[str, Any]) -> None:
    world["messages"].respond(json=payloads.page("MessageList", raw))
    asked = intent(SendAction.MESSAGE, chat_id="c_Hq2mV", known_message_ids=frozenset({"2-known"}))
    assert adapter.settle(asked, now=LATE).outcome is NOT_SENT


def test_a_message_of_files_only_is_told_by_their_number(
    world: respx.Router, adapter: UnipileAdapter
) -> None:
    raw = ours(text="", attachments=[{"id": "a", "type": "file"}])
    world["messages"].respond(json=payloads.page("MessageList", raw))
    asked = intent(SendAction.MESSAGE, chat_id="c_Hq2mV", text="", attachment_count=1)
    assert adapter.settle(asked, now=LATE).outcome is SENT
    asked = intent(SendAction.MESSAGE, chat_id="c_Hq2mV", text="", attachment_count=2)
    assert adapter.settle(asked, now=LATE).outcome is NOT_SENT


def test_messages_are_read_page_by_page(world: respx.Router, adapter: UnipileAdapter) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "cursor" in request.url.params:
            return httpx.Response(200, json=payloads.page("MessageList", ours()))
        return httpx.Response(200, json=payloads.page("MessageList", ours(text="Other"), cursor="n"))

    world["messages"].mock(side_effect=answer)
    assert adapter.settle(intent(SendAction.MESSAGE, chat_id="c_Hq2mV"), now=SOON).outcome is SENT


def test_a_chat_that_is_gone_says_nothing(world: respx.Router, adapter: UnipileAdapter) -> None:
    world["messages"].respond(404, json={"type": "errors/resource_not_found", "status": 404})
    asked = intent(SendAction.MESSAGE, chat_id="c_Hq2mV")
    assert adapter.settle(asked, now=SOON).outcome is UNDECIDED
    assert adapter.settle(asked, now=LATE).outcome is NOT_SENT
