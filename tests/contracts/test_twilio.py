"""The contract for Twilio: against hand-written payloads, and against the sandbox over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import respx
from pytest_django import Settings

from integrations import registry
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.sandbox.twilio.state import ACCOUNT_SID as SANDBOX_ACCOUNT
from integrations.sandbox.twilio.state import AUTH_TOKEN as SANDBOX_TOKEN
from tests.contracts.base import AdapterContract, Outside, WebhookFixtures
from tests.contracts.mocked_twilio import ACCOUNT_SID, BASE, LOST, NUMBER, SERVICES, TOKEN, MockedTwilio

THEIRS = "+13125550142"


class TestTwilioFixtures(WebhookFixtures):
    """What Twilio sends us."""

    kind = "twilio"


class TestTwilio(AdapterContract):
    """What Twilio answers us."""

    kind = "twilio"

    @pytest.fixture
    def outside(self) -> Iterator[Outside]:
        with respx.mock(assert_all_called=False) as router:
            mocked = MockedTwilio()
            for base in (BASE, SERVICES):
                router.route(url__startswith=base).mock(side_effect=mocked)
            right = {"account_sid": ACCOUNT_SID, "auth_token": TOKEN}
            yield Outside(
                adapter=registry.adapter_for("twilio", credentials=right, base_url=BASE),
                wrong_adapter=registry.adapter_for(
                    "twilio", credentials=right | {"auth_token": "wrong-token"}, base_url=BASE
                ),
                account_id=NUMBER,
                phone=THEIRS,
                lost_phone=LOST,
            )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(seed=None) as handle:
        yield handle


class TestTwilioSandbox(AdapterContract):
    """The sandbox answers as the contract asks."""

    kind = "twilio"

    @pytest.fixture(params=["SERVICE", "BARE"])
    def outside(self, sandbox: SandboxHandle, settings: Settings, request: pytest.FixtureRequest) -> Outside:
        sandbox.clear_faults()
        sandbox.reset(seed="")
        settings.TWILIO_BASE_URL = sandbox.twilio_url
        in_service = {"campaign_status": "VERIFIED"} if request.param == "SERVICE" else {}
        sandbox.rent_number(NUMBER, name="Chicago", **in_service)
        sandbox.change_person(LOST, exists=False)
        right = {"account_sid": SANDBOX_ACCOUNT, "auth_token": SANDBOX_TOKEN}
        return Outside(
            adapter=registry.adapter_for("twilio", credentials=right),
            wrong_adapter=registry.adapter_for("twilio", credentials=right | {"auth_token": "wrong-token"}),
            account_id=NUMBER,
            phone=THEIRS,
            lost_phone=LOST,
        )
