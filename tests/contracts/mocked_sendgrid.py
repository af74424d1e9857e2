"""SendGrid in memory behind a mocked network: just enough state for the contract, written by the fact sheet."""

from __future__ import annotations

import itertools
import json
import re
import time
from typing import Any

import httpx

API = "https://api.sendgrid.test"
KEY = "SG.right-key"
SENDER_ID = "4711"


def _error(status: int, message: str, field: str | None = None) -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"message": message, "field": field, "help": None}]})


class MockedSendGrid:
    """Answers as docs/providers/sendgrid.md says."""

    def __init__(self) -> None:
        self.senders: list[dict[str, Any]] = [
            {
                "id": 4711,
                "from_email": "leo@mail.acme.example",
                "from_name": "Leo",
                "verified": True,
                "locked": False,
            },
            {
                "id": 4712,
                "from_email": "old@mail.acme.example",
                "nickname": "Old",
                "verified": False,
                "locked": True,
            },
        ]
        self.sent: list[dict[str, Any]] = []
        self.unsubscribed: list[dict[str, Any]] = []
        self.webhooks: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.ids = itertools.count(1)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return _error(401, "The provided authorization grant is invalid, expired, or revoked")
        path = request.url.path.removeprefix("/v3")
        body = json.loads(request.content) if request.content else {}
        for method, pattern, handler in self._routes():
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                answer: httpx.Response = handler(request.url.params, body, *match.groups())
                return answer
        return _error(404, "not found")

    def _routes(self) -> Any:
        settings = "/user/webhooks/event/settings"
        return (
            ("GET", "/scopes", lambda q, b: httpx.Response(200, json={"scopes": ["mail.send"]})),
            ("POST", "/mail/send", self._send),
            ("GET", "/verified_senders", self._list_senders),
            ("POST", "/verified_senders", self._create_sender),
            ("POST", r"/verified_senders/resend/(\d+)", lambda q, b, i: httpx.Response(204)),
            ("GET", "/whitelabel/domains", lambda q, b: httpx.Response(200, json=[])),
            ("GET", "/ips/pools", lambda q, b: httpx.Response(200, json=[{"name": "warm"}])),
            ("GET", "/suppression/unsubscribes", self._unsubscribes),
            ("GET", "/suppression/(?:bounces|blocks|spam_reports|invalid_emails)",
             lambda q, b: httpx.Response(200, json=[])),
            ("POST", "/asm/suppressions/global", self._unsubscribe),
            ("POST", "/validations/email", self._validate),
            ("GET", "/messages", self._messages),
            ("GET", f"{settings}/all", self._list_webhooks),
            ("POST", settings, self._create_webhook),
            ("PATCH", f"{settings}/signed/(.+)", self._sign),
            ("GET", f"{settings}/signed/(.+)",
             lambda q, b, i: httpx.Response(200, json={"id": i, "public_key": self.keys.get(i, "")})),
            ("DELETE", f"{settings}/(.+)", self._delete_webhook),
            ("GET", "/user/webhooks/parse/settings", lambda q, b: httpx.Response(200, json={"result": []})),
        )  # fmt: skip

    def _send(self, query: Any, body: dict[str, Any]) -> httpx.Response:
        if body["from"]["email"] != "leo@mail.acme.example":
            return _error(403, "The from address does not match a verified Sender Identity.", "from")
        if body.get("ip_pool_name") not in {None, "warm"}:
            return _error(400, "The IP pool does not exist.", "ip_pool_name")
        (person,) = body["personalizations"]
        assert not set(";,") & set(person["to"][0].get("name", ""))
        self.sent.append(body)
        return httpx.Response(202, headers={"X-Message-Id": f"msg-{next(self.ids)}"})

    def _list_senders(self, query: Any, body: Any) -> httpx.Response:
        after, limit = int(query.get("lastSeenID") or 0), int(query.get("limit") or 50)
        rows = [row for row in self.senders if row["id"] > after]
        if query.get("id"):
            rows = [row for row in rows if str(row["id"]) == query["id"]]
        return httpx.Response(200, json={"results": rows[:limit]})

    def _create_sender(self, query: Any, body: dict[str, Any]) -> httpx.Response:
        row = {**body, "id": 4712 + next(self.ids), "verified": False, "locked": False}
        self.senders.append(row)
        return httpx.Response(201, json=row)

    def _unsubscribe(self, query: Any, body: dict[str, Any]) -> httpx.Response:
        now = int(time.time())
        self.unsubscribed += [{"created": now, "email": address} for address in body["recipient_emails"]]
        return httpx.Response(201, json=body)

    def _unsubscribes(self, query: Any, body: Any) -> httpx.Response:
        start = int(query.get("start_time") or 0)
        return httpx.Response(200, json=[row for row in self.unsubscribed if row["created"] >= start])

    def _validate(self, query: Any, body: dict[str, Any]) -> httpx.Response:
        local, _, host = body["email"].partition("@")
        typo, role = host == "gmial.com", local == "info"
        result: dict[str, Any] = {
            "email": body["email"],
            "verdict": "Invalid" if typo else "Risky" if role else "Valid",
            "score": 0.5,
            "local": local,
            "host": host,
            "checks": {
                "domain": {"has_valid_address_syntax": True, "has_mx_or_a_record": not typo,
                           "is_suspected_disposable_address": False},
                "local_part": {"is_suspected_role_address": role},
                "additional": {"has_known_bounces": False, "has_suspected_bounces": False},
            },
        }  # fmt: skip
        return httpx.Response(200, json={"result": result | ({"suggestion": "gmail.com"} if typo else {})})

    def _messages(self, query: Any, body: Any) -> httpx.Response:
        wanted = re.search(r'"(.+)"', query.get("query", '""'))
        rows = [
            {"msg_id": "msg-1.recvd.0", "status": "delivered", "last_event_time": "2026-01-01T00:00:00Z"}
            for sent in self.sent
            if wanted and sent["personalizations"][0]["custom_args"]["x_send_id"] == wanted.group(1)
        ]
        return httpx.Response(200, json={"messages": rows})

    def _list_webhooks(self, query: Any, body: Any) -> httpx.Response:
        rows = [{**hook, "id": identifier} for identifier, hook in self.webhooks.items()]
        return httpx.Response(200, json={"max_allowed": 5, "webhooks": rows})

    def _create_webhook(self, query: Any, body: dict[str, Any]) -> httpx.Response:
        identifier = f"wh-{next(self.ids)}"
        self.webhooks[identifier] = body
        return httpx.Response(201, json={**body, "id": identifier})

    def _sign(self, query: Any, body: dict[str, Any], identifier: str) -> httpx.Response:
        self.keys[identifier] = f"key-{next(self.ids)}" if body["enabled"] else ""
        return httpx.Response(200, json={"id": identifier, "public_key": self.keys[identifier]})

    def _delete_webhook(self, query: Any, body: Any, identifier: str) -> httpx.Response:
        return httpx.Response(204 if self.webhooks.pop(identifier, None) else 404)
