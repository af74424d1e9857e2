"""Unipile in memory behind a mocked network: just enough state for the contract, from hand-written payloads."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import httpx

from tests.integrations.unipile import payloads
from tests.integrations.unipile.payloads import ACCOUNT, API, LEAD, SELF

TOKEN = "token-123456"
CHAT = "c_Hq2mV"
STRANGER = "ACoAABstranger"
INVITED = "ACoAABinvited"
SLUGS = {"tomas-weil": LEAD, "sina-stranger": STRANGER, "ida-invited": INVITED}

Handler = Callable[["MockedUnipile", httpx.Request, str], httpx.Response]


def refuse(status: int, kind: str) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "type": f"errors/{kind}", "title": kind})


def form(request: httpx.Request) -> dict[str, str]:
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    fields: dict[str, str] = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + request.content).iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        fields[part["Content-Disposition"].params["name"]] = content.decode()
    return fields


class MockedUnipile:
    """State and routes. ``__call__`` answers a request."""

    def __init__(self) -> None:
        self.ids = itertools.count(1)
        self.accounts = [payloads.account(), payloads.account(id="other", name="Somebody else")]
        self.relations = [payloads.relation(), payloads.relation(member_id="ACoAABx", public_identifier="x")]
        self.invitations = [payloads.invitation(id="i_0", invited_user_id=INVITED)]
        self.messages = [payloads.message(), payloads.message(id="m_0", provider_id="2-0", text="Hi")]
        self.messages[1]["timestamp"] = "2026-03-12T09:00:00.000Z"
        self.webhooks: list[dict[str, Any]] = []
        self.written_to: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("X-API-KEY") != TOKEN:
            return refuse(401, "missing_credentials")
        path = str(request.url.copy_with(query=None)).removeprefix(API)
        for method, pattern, handler in ROUTES:
            match = re.fullmatch(pattern, path)
            if request.method == method and match:
                return handler(self, request, "".join(match.groups()))
        return refuse(404, "resource_not_found")

    def listing(self, request: httpx.Request, items: list[dict[str, Any]]) -> httpx.Response:
        """One page; the cursor is the offset."""
        params = request.url.params
        for name, keep in (("after", lambda t, b: t > b), ("before", lambda t, b: t < b)):
            if bound := params.get(name):
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", bound)
                items = [item for item in items if keep(item["timestamp"], bound)]
        start, size = int(params.get("cursor") or 0), int(params["limit"]) if "limit" in params else 100
        more = str(start + size) if start + size < len(items) else None
        return httpx.Response(200, json=payloads.page("List", *items[start : start + size], cursor=more))

    def list_accounts(self, request: httpx.Request, _: str) -> httpx.Response:
        return self.listing(request, self.accounts)

    def account(self, request: httpx.Request, account_id: str) -> httpx.Response:
        found = next((item for item in self.accounts if item["id"] == account_id), None)
        return httpx.Response(200, json=found) if found else refuse(404, "resource_not_found")

    def link(self, request: httpx.Request, _: str) -> httpx.Response:
        return httpx.Response(200, json={"object": "HostedAuthUrl", "url": "https://account.test/x"})

    def profile(self, request: httpx.Request, identifier: str) -> httpx.Response:
        provider_id = SLUGS.get(identifier, identifier)
        slug = next((name for name, known in SLUGS.items() if known == provider_id), None)
        if slug is None:
            return refuse(404, "invalid_resource_identifier")
        pending = any(item["invited_user_id"] == provider_id for item in self.invitations)
        return httpx.Response(
            200,
            json=payloads.profile(
                provider_id=provider_id,
                public_identifier=slug,
                is_relationship=provider_id == LEAD,
                invitation={"type": "SENT", "status": "PENDING"} if pending else None,
            ),
        )

    def list_relations(self, request: httpx.Request, _: str) -> httpx.Response:
        return self.listing(request, self.relations)

    def list_invitations(self, request: httpx.Request, _: str) -> httpx.Response:
        return self.listing(request, self.invitations)

    def invite(self, request: httpx.Request, _: str) -> httpx.Response:
        body = json.loads(request.content)
        person = body["provider_id"]
        if person == LEAD:
            return refuse(422, "already_connected")
        if any(item["invited_user_id"] == person for item in self.invitations):
            return refuse(422, "already_invited_recently")
        number = f"i_{next(self.ids)}"
        self.invitations.insert(
            0, payloads.invitation(id=number, invited_user_id=person, invitation_text=body.get("message"))
        )
        return httpx.Response(200, json={"object": "UserInvitationSent", "invitation_id": number})

    def withdraw(self, request: httpx.Request, invitation_id: str) -> httpx.Response:
        self.invitations = [item for item in self.invitations if item["id"] != invitation_id]
        return httpx.Response(200, json={"object": "InvitationCanceled"})

    def list_chats(self, request: httpx.Request, _: str) -> httpx.Response:
        return self.listing(
            request, [payloads.chat(), payloads.chat(id="c_2", attendee_provider_id="ACoAABx")]
        )

    def chat(self, request: httpx.Request, chat_id: str) -> httpx.Response:
        return (
            httpx.Response(200, json=payloads.chat())
            if chat_id == CHAT
            else refuse(404, "resource_not_found")
        )

    def chat_patch(self, request: httpx.Request, _: str) -> httpx.Response:
        return httpx.Response(200, json={"object": "ChatPatched"})

    def attendees(self, request: httpx.Request, _: str) -> httpx.Response:
        me = payloads.attendee(provider_id=SELF, is_self=1, name="Maya")
        return httpx.Response(200, json=payloads.page("ChatAttendeeList", payloads.attendee(), me))

    def chats_with(self, request: httpx.Request, person: str) -> httpx.Response:
        chats = [payloads.chat()] if person == LEAD or person in self.written_to else []
        return httpx.Response(200, json=payloads.page("ChatList", *chats))

    def list_messages(self, request: httpx.Request, _: str) -> httpx.Response:
        return self.listing(request, self.messages)

    def message(self, request: httpx.Request, message_id: str) -> httpx.Response:
        found = next((item for item in self.messages if item["id"] == message_id), None)
        return httpx.Response(200, json=found) if found else refuse(404, "resource_not_found")

    def _add(self, text: str) -> str:
        number = next(self.ids)
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        sent = payloads.message(
            id=f"m_{number}",
            provider_id=f"2-new{number}",
            text=text,
            timestamp=moment,
            is_sender=1,
            sender_id=SELF,
        )
        self.messages.insert(0, sent)
        return f"m_{number}"

    def send(self, request: httpx.Request, _: str) -> httpx.Response:
        fields = form(request)
        assert fields["account_id"] == ACCOUNT
        message_id = self._add(fields["text"])
        return httpx.Response(201, json={"object": "MessageSent", "message_id": message_id})

    def start(self, request: httpx.Request, _: str) -> httpx.Response:
        fields = form(request)
        inmail = fields.get("linkedin[inmail]") == "true"
        if fields["attendees_ids"] != LEAD and not inmail:
            return refuse(422, "no_connection_with_recipient")
        if inmail:
            assert fields["linkedin[api]"] == "classic"
            assert fields["subject"]
            self.written_to.add(fields["attendees_ids"])
        message_id = self._add(fields["text"])
        return httpx.Response(201, json={"object": "ChatStarted", "chat_id": CHAT, "message_id": message_id})

    def list_webhooks(self, request: httpx.Request, _: str) -> httpx.Response:
        return self.listing(request, self.webhooks)

    def add_webhook(self, request: httpx.Request, _: str) -> httpx.Response:
        number = f"we_{next(self.ids)}"
        body = json.loads(request.content)
        body.pop("source")
        self.webhooks.append({"object": "Webhook", "id": number, "account_ids": [], "data": [], **body})
        return httpx.Response(201, json={"object": "WebhookCreated", "webhook_id": number})

    def drop_webhook(self, request: httpx.Request, webhook_id: str) -> httpx.Response:
        if not any(item["id"] == webhook_id for item in self.webhooks):
            return refuse(404, "resource_not_found")
        self.webhooks = [item for item in self.webhooks if item["id"] != webhook_id]
        return httpx.Response(200, json={"object": "WebhookDeleted"})


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/accounts", MockedUnipile.list_accounts),
    ("GET", "/accounts/([^/]+)", MockedUnipile.account),
    ("POST", "/hosted/accounts/link", MockedUnipile.link),
    ("GET", "/users/relations", MockedUnipile.list_relations),
    ("GET", "/users/invite/sent", MockedUnipile.list_invitations),
    ("POST", "/users/invite", MockedUnipile.invite),
    ("DELETE", "/users/invite/sent/([^/]+)", MockedUnipile.withdraw),
    ("GET", "/users/([^/]+)", MockedUnipile.profile),
    ("GET", "/chats", MockedUnipile.list_chats),
    ("POST", "/chats", MockedUnipile.start),
    ("GET", "/chats/([^/]+)", MockedUnipile.chat),
    ("PATCH", "/chats/([^/]+)", MockedUnipile.chat_patch),
    ("GET", "/chats/([^/]+)/attendees", MockedUnipile.attendees),
    ("GET", "/chats/([^/]+)/messages", MockedUnipile.list_messages),
    ("POST", "/chats/([^/]+)/messages", MockedUnipile.send),
    ("GET", "/chat_attendees/([^/]+)/chats", MockedUnipile.chats_with),
    ("GET", "/messages", MockedUnipile.list_messages),
    ("GET", "/messages/([^/]+)", MockedUnipile.message),
    ("GET", "/webhooks", MockedUnipile.list_webhooks),
    ("POST", "/webhooks", MockedUnipile.add_webhook),
    ("DELETE", "/webhooks/([^/]+)", MockedUnipile.drop_webhook),
]
