"""The contract for Resend: against hand-written payloads, and against the sandbox over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
import respx
from pytest_django import Settings

from integrations import registry
from integrations.sandbox.testing import API_KEY, SandboxHandle, running_sandbox
from tests.contracts.base import AdapterContract, Outside, WebhookFixtures

BASE = "https://api.resend.test"
KEY = "re_key_of_the_team"
US, THEM = "leo@mail.acme.example", "ana@prospect.example"


class TestResendFixtures(WebhookFixtures):
    """What Resend sends us."""

    kind = "resend"


def mocked(request: httpx.Request) -> httpx.Response:
    """Resend as its specification words it."""
    if request.headers.get("Authorization") != f"Bearer {KEY}":
        return httpx.Response(
            403, json={"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid"}
        )
    assert request.headers.get("User-Agent")
    if request.url.path == "/domains":
        domain = {"id": "d1", "name": "mail.acme.example", "status": "pending"}
        return httpx.Response(200, json={"object": "list", "data": [domain]})
    body = json.loads(request.content)
    assert request.headers["Idempotency-Key"]
    assert body["to"] == [f'"Ana" <{THEM}>']
    assert body["from"] == f'"Léo at Acme" <{US}>'
    assert body["tags"][0]["name"] == "send_id"
    assert all(isinstance(value, str) for value in body["headers"].values())
    return httpx.Response(200, json={"id": str(uuid4())})


class TestResend(AdapterContract):
    """What Resend answers us."""

    kind = "resend"

    @pytest.fixture
    def outside(self) -> Iterator[Outside]:
        with respx.mock(assert_all_called=False) as router:
            router.route(url__startswith=BASE).mock(side_effect=mocked)
            yield Outside(
                adapter=registry.adapter_for("resend", credentials={"api_key": KEY}, base_url=BASE),
                wrong_adapter=registry.adapter_for(
                    "resend", credentials={"api_key": "re_wrong"}, base_url=BASE
                ),
                account_id=US,
                email=THEM,
            )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(seed=None) as handle:
        yield handle


class TestResendSandbox(AdapterContract):
    """The sandbox answers as the contract asks."""

    kind = "resend"

    @pytest.fixture
    def outside(self, sandbox: SandboxHandle, settings: Settings) -> Outside:
        sandbox.clear_faults()
        sandbox.reset(seed="")
        settings.RESEND_BASE_URL = sandbox.resend_url
        return Outside(
            adapter=registry.adapter_for("resend", credentials={"api_key": API_KEY}),
            wrong_adapter=registry.adapter_for("resend", credentials={"api_key": "re_wrong"}),
            account_id=US,
            email=THEM,
        )
