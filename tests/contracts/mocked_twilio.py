"""Twilio in memory behind a mocked network: just enough state for the contract, from hand-written payloads."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx

ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef"
TOKEN = "token-of-the-account"
BASE = "https://api.twilio.test"
SERVICES = "https://messaging.twilio.test"
ROOT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
NUMBER, SERVICE = "+13125550100", "MG0a1b2c3d4e5f60718293a4b5c6d7e8f9"
LOST = "+13125550999"


def refuse(status: int, code: int, message: str = "No") -> httpx.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return httpx.Response(
        status, json={"code": code, "message": message, "more_info": more, "status": status}
    )


def sent_message(sid: str, fields: dict[str, str]) -> dict[str, Any]:
    """The answer to a send through a service, word for word as the fact sheet has it."""
    return {
        "sid": sid,
        "account_sid": ACCOUNT_SID,
        "messaging_service_sid": fields.get("MessagingServiceSid"),
        "to": fields["To"],
        "from": None if "MessagingServiceSid" in fields else fields["From"],
        "body": fields["Body"],
        "status": "accepted",
        "direction": "outbound-api",
        "num_segments": "0",
        "num_media": "0",
        "price": None,
        "price_unit": None,
        "error_code": None,
        "error_message": None,
        "date_created": format_datetime(datetime.now(UTC).replace(microsecond=0)),
        "date_sent": None,
        "date_updated": None,
        "api_version": "2010-04-01",
        "uri": f"{ROOT}/Messages/{sid}.json",
        "subresource_uris": {"media": f"{ROOT}/Messages/{sid}/Media.json"},
    }


class MockedTwilio:
    """State and routes. ``__call__`` answers a request."""

    def __init__(self) -> None:
        self.ids = itertools.count(1)
        self.messages: list[dict[str, Any]] = []
        self.forms: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        scheme, _, _given = request.headers.get("Authorization", "").partition(" ")
        right = httpx.BasicAuth(ACCOUNT_SID, TOKEN)._auth_header
        if scheme != "Basic" or request.headers["Authorization"] != right:
            return refuse(401, 20003, "Authenticate")
        path = request.url.path
        if str(request.url).startswith(SERVICES):
            return self.service(request, path)
        if path == f"{ROOT}.json":
            return httpx.Response(200, json={"sid": ACCOUNT_SID, "status": "active", "type": "Full"})
        if path == f"{ROOT}/IncomingPhoneNumbers.json":
            return self.numbers(request)
        if path == f"{ROOT}/Messages.json":
            return self.send(request) if request.method == "POST" else self.listing(request)
        return refuse(404, 20404)

    def numbers(self, request: httpx.Request) -> httpx.Response:
        number = {
            "sid": "PN1",
            "phone_number": NUMBER,
            "friendly_name": "Chicago",
            "capabilities": {"sms": True, "mms": True, "voice": True},
            "date_created": "Tue, 06 Jan 2026 15:04:05 +0000",
        }
        wanted = request.url.params.get("PhoneNumber")
        found = [number] if wanted in {None, NUMBER} else []
        return httpx.Response(200, json={"incoming_phone_numbers": found, "next_page_uri": None})

    def service(self, request: httpx.Request, path: str) -> httpx.Response:
        answers: dict[str, dict[str, Any]] = {
            "/v1/Services": {"services": [{"sid": SERVICE, "friendly_name": "US"}]},
            f"/v1/Services/{SERVICE}/PhoneNumbers": {"phone_numbers": [{"phone_number": NUMBER}]},
            f"/v1/Services/{SERVICE}/Compliance/Usa2p": {
                "compliance": [
                    {
                        "campaign_status": "VERIFIED",
                        "brand_registration_sid": "BN1",
                        "us_app_to_person_usecase": "MARKETING",
                    }
                ]
            },
        }
        return httpx.Response(200, json=answers[path]) if path in answers else refuse(404, 20404)

    def send(self, request: httpx.Request) -> httpx.Response:
        fields = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        self.forms.append(fields)
        if fields["To"] == LOST:
            return refuse(400, 21614)
        message = sent_message(f"SM{next(self.ids):032x}", fields)
        self.messages.insert(0, message)
        return httpx.Response(201, json=message)

    def listing(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        found = [item for item in self.messages if params.get("To") in {None, item["to"]}]
        size, page = int(params.get("PageSize", 50)), int(params.get("Page", 0))
        more = None
        if (page + 1) * size < len(found):
            more = f"{ROOT}/Messages.json?{params.set('Page', str(page + 1))}"
        window = found[page * size : (page + 1) * size]
        return httpx.Response(200, json={"messages": window, "next_page_uri": more})
