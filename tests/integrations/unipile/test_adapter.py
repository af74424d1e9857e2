"""Requests as Unipile wants them, answers as we use them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP

import httpx
import pytest
import respx

from integrations import registry
from integrations.base import PROTOCOLS, SendsMessages, require
from integrations.errors import ErrorKind, ProviderError
from integrations.providers.unipile.adapter import UnipileAdapter
from integrations.values import Direction, OutgoingAttachment
from tests.integrations.unipile import payloads
from tests.integrations.unipile.conftest import NOW
from tests.integrations.unipile.payloads import ACCOUNT, API, LEAD, SELF

Part = tuple[str, str | None, bytes]


def form(request: httpx.Request) -> list[Part]:
    """Return the parts of a multipart request: name, file name, content."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.content)
    parts: list[Part] = []
    for part in message.iter_parts():
        disposition = part["Content-Disposition"]
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        parts.append((disposition.params["name"], disposition.params.get("filename"), content))
    return parts


def query(request: httpx.Request) -> dict[str, str]:
    return dict(request.url.params)


def test_implements_what_the_registry_says() -> None:
    provider = registry.get("unipile")
    adapter = registry.adapter_for(
        "unipile", credentials={"api_key": "token-123456"}, base_url=payloads.DSN, connection_id="c1"
    )
    for capability in provider.capabilities:
        assert isinstance(adapter, PROTOCOLS[capability]), capability
    assert require(adapter, SendsMessages) is adapter


def test_what_an_adapter_cannot_do_says_so() -> None:
    class Nothing:
        kind = "nothing"

    with pytest.raises(ProviderError) as caught:
        require(Nothing(), SendsMessages)
    assert caught.value.kind is ErrorKind.UNSUPPORTED


def test_every_request_carries_the_token(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get("/accounts").respond(json=payloads.page("AccountList"))
    adapter.list_accounts()
    assert route.calls.last.request.headers["X-API-KEY"] == "token-123456"


def test_accounts(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get("/accounts").respond(
        json=payloads.page("AccountList", payloads.account(), cursor="next=/+")
    )
    page = adapter.list_accounts(limit=9999, cursor="here=/+")
    assert query(route.calls.last.request) == {"limit": "250", "cursor": "here=/+"}
    assert page.cursor == "next=/+"
    assert page.items[0].own_user_ids == (SELF,)
    api.get(f"/accounts/{ACCOUNT}").respond(json=payloads.account())
    assert adapter.get_account(ACCOUNT).name == "Maya Lindqvist"
    gone = api.delete(f"/accounts/{ACCOUNT}").respond(json={"object": "AccountDeleted"})
    adapter.delete_account(ACCOUNT)
    assert gone.called


@pytest.mark.parametrize("account_id", ["", ".", ".."])
def test_an_empty_id_never_becomes_another_route(adapter: UnipileAdapter, account_id: str) -> None:
    with pytest.raises(ProviderError) as caught:
        adapter.delete_account(account_id)
    assert caught.value.kind is ErrorKind.VALIDATION


def test_ids_are_quoted(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get(url__startswith=API).respond(json=payloads.profile())
    adapter.get_profile(account_id=ACCOUNT, identifier="../accounts?x=1#é")
    assert route.calls.last.request.url.raw_path == (
        f"/api/v1/users/..%2Faccounts%3Fx%3D1%23%C3%A9?account_id={ACCOUNT}".encode()
    )


def test_connect_link(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.post("/hosted/accounts/link").respond(
        json={"object": "HostedAuthUrl", "url": "https://account.unipile.test/x"}
    )
    options = {
        "reference": "nonce-1",
        "notify_url": "https://app.test/n",
        "success_url": "https://app.test/s",
        "failure_url": "https://app.test/f",
        "expires_at": NOW,
    }
    link = adapter.connect_link(**options)  # type: ignore[arg-type]
    assert link.url == "https://account.unipile.test/x"
    sent = json.loads(route.calls.last.request.content)
    assert sent == {
        "type": "create",
        "providers": ["LINKEDIN"],
        "expiresOn": "2026-03-12T10:00:00.000Z",
        "api_url": payloads.DSN,
        "name": "nonce-1",
        "notify_url": "https://app.test/n",
        "success_redirect_url": "https://app.test/s",
        "failure_redirect_url": "https://app.test/f",
    }
    adapter.connect_link(**options, reconnect_account_id=ACCOUNT)  # type: ignore[arg-type]
    sent = json.loads(route.calls.last.request.content)
    assert (sent["type"], sent["reconnect_account"]) == ("reconnect", ACCOUNT)
    assert "providers" not in sent


@pytest.mark.parametrize(
    ("status", "succeeded", "reconnected"),
    [("CREATION_SUCCESS", True, False), ("RECONNECTED", True, True), ("CREATION_FAIL", False, False)],
)
def test_connect_notice(adapter: UnipileAdapter, status: str, succeeded: bool, reconnected: bool) -> None:
    notice = adapter.parse_connect_notice(
        payloads.body({"status": status, "account_id": ACCOUNT, "name": "nonce-1"})
    )
    assert (notice.succeeded, notice.reconnected) == (succeeded, reconnected)
    assert (notice.account_id, notice.reference) == (ACCOUNT, "nonce-1")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}"])
def test_odd_connect_notice(adapter: UnipileAdapter, raw: bytes) -> None:
    with pytest.raises(ProviderError):
        adapter.parse_connect_notice(raw)


def test_profile(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get("/users/tomas-weil").respond(json=payloads.profile())
    assert adapter.get_profile(account_id=ACCOUNT, identifier="tomas-weil").provider_id == LEAD
    assert query(route.calls.last.request) == {"account_id": ACCOUNT}


def test_a_missing_slash_is_followed_with_the_token(api: respx.Router, adapter: UnipileAdapter) -> None:
    api.get("/users/tomas-weil").respond(301, headers={"Location": f"{API}/users/tomas-weil/?account_id=a"})
    route = api.get("/users/tomas-weil/").respond(json=payloads.profile())
    adapter.get_profile(account_id=ACCOUNT, identifier="tomas-weil")
    assert route.calls.last.request.headers["X-API-KEY"] == "token-123456"


@pytest.mark.parametrize("status", [200, 201])
def test_invitation(api: respx.Router, adapter: UnipileAdapter, status: int) -> None:
    route = api.post("/users/invite").respond(
        status, json={"object": "UserInvitationSent", "invitation_id": "7280", "usage": 75}
    )
    receipt = adapter.send_invitation(
        account_id=ACCOUNT, recipient_provider_id=LEAD, note=" Hi\r\nTomas ", email="t@b.example"
    )
    assert (receipt.invitation_id, receipt.usage_percent) == ("7280", 75.0)
    assert json.loads(route.calls.last.request.content) == {
        "account_id": ACCOUNT,
        "provider_id": LEAD,
        "message": "Hi\nTomas",
        "user_email": "t@b.example",
    }


def test_invitation_without_note_sends_no_message(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.post("/users/invite").respond(json={"object": "UserInvitationSent", "invitation_id": "7"})
    assert adapter.send_invitation(account_id=ACCOUNT, recipient_provider_id=LEAD).usage_percent is None
    assert "message" not in json.loads(route.calls.last.request.content)


def test_a_long_note_is_refused_before_it_counts(api: respx.Router, adapter: UnipileAdapter) -> None:
    with pytest.raises(ProviderError) as caught:
        adapter.send_invitation(account_id=ACCOUNT, recipient_provider_id=LEAD, note="x" * 301)
    assert caught.value.kind is ErrorKind.VALIDATION
    assert "301" in caught.value.message


def test_withdraw(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.delete("/users/invite/sent/7280").respond(json={"object": "InvitationCanceled"})
    adapter.withdraw_invitation(account_id=ACCOUNT, invitation_id="7280")
    assert query(route.calls.last.request) == {"account_id": ACCOUNT}


def test_message_into_a_chat(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.post("/chats/c_Hq2mV/messages").respond(
        201, json={"object": "MessageSent", "message_id": "m_91"}
    )
    receipt = adapter.send_message(
        account_id=ACCOUNT,
        chat_id="c_Hq2mV",
        text="Grüße\r\n👋 ",
        attachments=[OutgoingAttachment(name="naïve.pdf", mime_type="application/pdf", content=b"%PDF\r\n")],
    )
    assert (receipt.message_id, receipt.chat_id) == ("m_91", "c_Hq2mV")
    assert form(route.calls.last.request) == [
        ("account_id", None, ACCOUNT.encode()),
        ("text", None, "Grüße\n👋".encode()),
        ("attachments", "naïve.pdf", b"%PDF\r\n"),
    ]


def test_message_to_a_person(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.post("/chats").respond(
        201, json={"object": "ChatStarted", "chat_id": "c_1", "message_id": None}
    )
    receipt = adapter.send_message(account_id=ACCOUNT, recipient_provider_id=LEAD, text="Hello")
    assert (receipt.chat_id, receipt.message_id) == ("c_1", "")
    request = route.calls.last.request
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert ("attendees_ids", None, LEAD.encode()) in form(request)


@pytest.mark.parametrize(
    "options",
    [
        {"text": "Hello"},
        {"text": "  \r\n", "chat_id": "c"},
        {
            "text": "x",
            "chat_id": "c",
            "attachments": [
                OutgoingAttachment(name="a", mime_type="a/b", content=b"0" * (15 * 1024 * 1024 + 1))
            ],
        },
    ],
)
def test_messages_that_cannot_be_sent(adapter: UnipileAdapter, options: dict[str, object]) -> None:
    with pytest.raises(ProviderError) as caught:
        adapter.send_message(account_id=ACCOUNT, **options)  # type: ignore[arg-type]
    assert caught.value.kind is ErrorKind.VALIDATION


def test_chats(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get("/chats").respond(json=payloads.page("ChatList", payloads.chat()))
    page = adapter.list_chats(account_id=ACCOUNT, after=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC))
    assert query(route.calls.last.request) == {
        "account_id": ACCOUNT,
        "after": "2026-03-01T12:00:00.123Z",
        "limit": "100",
    }
    assert page.items[0].counterpart_id == LEAD
    api.get("/chats/c_Hq2mV").respond(json=payloads.chat())
    assert adapter.get_chat(account_id=ACCOUNT, chat_id="c_Hq2mV").chat_id == "c_Hq2mV"


def test_a_chat_of_another_account_is_refused(api: respx.Router, adapter: UnipileAdapter) -> None:
    api.get("/chats/c_Hq2mV").respond(json=payloads.chat(account_id="other"))
    with pytest.raises(ProviderError) as caught:
        adapter.get_chat(account_id=ACCOUNT, chat_id="c_Hq2mV")
    assert caught.value.kind is ErrorKind.CONFLICT


def test_chats_with_a_person(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get(f"/chat_attendees/{LEAD}/chats").respond(json=payloads.page("ChatList"))
    assert adapter.chats_with(account_id=ACCOUNT, recipient_provider_id=LEAD).items == ()
    assert query(route.calls.last.request) == {"account_id": ACCOUNT}


def test_participants(api: respx.Router, adapter: UnipileAdapter) -> None:
    api.get("/chats/c_1/attendees").respond(json=payloads.page("ChatAttendeeList", payloads.attendee()))
    (someone,) = adapter.chat_participants(account_id=ACCOUNT, chat_id="c_1")
    assert someone.provider_id == LEAD


def test_messages(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get("/messages").respond(json=payloads.page("MessageList", payloads.message()))
    page = adapter.list_messages(account_id=ACCOUNT, after=NOW, before=NOW, cursor="c")
    assert query(route.calls.last.request) == {
        "account_id": ACCOUNT,
        "after": "2026-03-12T10:00:00.000Z",
        "before": "2026-03-12T10:00:00.000Z",
        "limit": "100",
        "cursor": "c",
    }
    assert page.items[0].direction is Direction.INBOUND
    in_chat = api.get("/chats/c_1/messages").respond(json=payloads.page("MessageList"))
    adapter.list_messages(account_id=ACCOUNT, chat_id="c_1")
    assert query(in_chat.calls.last.request) == {"limit": "100"}
    api.get("/messages/m_81xQ").respond(json=payloads.message())
    assert adapter.get_message(account_id=ACCOUNT, message_id="m_81xQ").message_id == "m_81xQ"


def test_mark_read(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.patch("/chats/c_1").respond(json={"object": "ChatPatched"})
    adapter.mark_read(account_id=ACCOUNT, chat_id="c_1")
    assert json.loads(route.calls.last.request.content) == {"action": "setReadStatus", "value": True}


def test_attachment(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get("/messages/m_1/attachments/a_1").respond(content=b"0123456789")
    with adapter.open_attachment(message_id="m_1", attachment_id="a_1", max_bytes=100) as chunks:
        assert b"".join(chunks) == b"0123456789"
    with (
        pytest.raises(ProviderError) as caught,
        adapter.open_attachment(message_id="m_1", attachment_id="a_1", max_bytes=5) as chunks,
    ):
        list(chunks)
    assert caught.value.kind is ErrorKind.VALIDATION
    route.respond(404, json={"type": "errors/resource_not_found", "status": 404, "title": "x"})
    with (
        pytest.raises(ProviderError) as caught,
        adapter.open_attachment(message_id="m_1", attachment_id="a_1", max_bytes=5),
    ):
        pass
    assert caught.value.kind is ErrorKind.NOT_FOUND


def test_relations(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get("/users/relations").respond(
        json=payloads.page("UserRelationsList", payloads.relation(), cursor="n")
    )
    page = adapter.list_relations(account_id=ACCOUNT, limit=5000)
    assert query(route.calls.last.request)["limit"] == "1000"
    assert (page.items[0].provider_id, page.cursor) == (LEAD, "n")


def test_sent_invitations(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get("/users/invite/sent").respond(json=payloads.page("InvitationList", payloads.invitation()))
    page = adapter.list_sent_invitations(account_id=ACCOUNT, limit=500)
    assert query(route.calls.last.request)["limit"] == "100"
    assert page.items[0].invitation_id == "7280012345678901234"


def test_credentials_that_work(api: respx.Router, adapter: UnipileAdapter) -> None:
    accounts = [payloads.account(), payloads.account(id="x", type="WHATSAPP")]
    api.get("/accounts").respond(json=payloads.page("AccountList", *accounts))
    api.get("/webhooks").respond(json=payloads.page("WebhookList"))
    check = adapter.verify_credentials()
    assert check.ok
    assert check.works == ("Unipile answers. LinkedIn accounts: 1.", "Webhooks can be managed.")
    assert check.lacks == ()
    assert [account.account_id for account in check.accounts] == [ACCOUNT]


def test_credentials_that_lack_things(api: respx.Router, adapter: UnipileAdapter) -> None:
    broken = payloads.account(sources=[{"id": "m", "status": "CREDENTIALS"}], connection_params={})
    api.get("/accounts").respond(json=payloads.page("AccountList", broken))
    api.get("/webhooks").respond(403, json={"type": "errors/subscription_required", "status": 403})
    check = adapter.verify_credentials()
    assert check.ok
    assert check.lacks == (
        "Maya Lindqvist is not connected (CREDENTIALS).",
        "No account has Premium or Sales Navigator, so InMail is not available.",
        "Webhooks cannot be managed: The Unipile subscription does not cover this.",
    )


def test_credentials_that_do_not_work(api: respx.Router, adapter: UnipileAdapter) -> None:
    api.get("/accounts").respond(
        401, json={"status": 401, "type": "errors/missing_credentials", "title": "Missing credentials"}
    )
    check = adapter.verify_credentials()
    assert not check.ok
    assert check.lacks == ("Unipile does not accept the access token.",)
