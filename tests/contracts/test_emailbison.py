"""The contract for EmailBison: recorded calls, and the sandbox over real HTTP in each of its shapes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from integrations import registry
from integrations.running import NewLead, SequenceStep, StepAction
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from tests.contracts.base import WebhookFixtures
from tests.contracts.running import RunningContract, RunningOutside

KIND = "emailbison"
LEADS = tuple(
    NewLead(
        email=f"{name}@acme.example", first_name=name.capitalize(), last_name="Park", company="Acme",
        custom={"icebreaker": "Loved your talk"},
    )
    for name in ("lee", "mia", "noa")
)  # fmt: skip
STEPS = (
    SequenceStep(
        number=1, action=StepAction.EMAIL, subject="Question, {{first_name}}", body="<p>Hi {{first_name}}</p>"
    ),
    SequenceStep(
        number=2,
        action=StepAction.EMAIL,
        wait_days=3,
        body="<p>{{icebreaker}}, {{company}}</p>",
        same_thread=True,
    ),
)
IMPOSSIBLE = (
    ((), "steps"),
    ((STEPS[0].model_copy(update={"action": StepAction.MESSAGE}),), "action"),
    ((STEPS[0].model_copy(update={"wait_days": 2}),), "wait_days"),
    ((STEPS[0], STEPS[1].model_copy(update={"wait_days": 0})), "wait_days"),
    ((STEPS[0], STEPS[1].model_copy(update={"wait_hours": 4})), "wait_hours"),
)


class TestEmailBisonFixtures(WebhookFixtures):
    """What EmailBison sends us."""

    kind = KIND


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox() as handle:
        yield handle


class TestEmailBisonSandbox(RunningContract):
    """The sandbox answers as the contract asks."""

    kind = KIND

    @pytest.fixture(params=["", "emailbison_capitals", "calls"])
    def outside(
        self, sandbox: SandboxHandle, settings: Settings, request: pytest.FixtureRequest
    ) -> RunningOutside:
        sandbox.clear_faults()
        sandbox.reset(seed="demo")
        settings.EMAILBISON_BASE_URL = sandbox.url_of(KIND)
        settings.REQUEST_RATES = {}
        if request.param == "calls":
            for variant in ("emailbison_contact", "emailbison_wrapped"):
                sandbox.add_fault("shape", provider=KIND, variant=variant, on="webhook")
        elif request.param:
            sandbox.add_fault("shape", provider=KIND, variant=request.param, on="request")
        accounts = [str(item["id"]) for item in sandbox.state()[KIND]["senders"]]
        return RunningOutside(
            adapter=registry.adapter_for(KIND, credentials={"api_key": "sandbox-key"}),
            wrong_adapter=registry.adapter_for(KIND, credentials={"api_key": "wrong-key"}),
            account_id=accounts[0],
            own_user_id="cleo@hello-fjordline.example",
            accounts=accounts,
            steps=STEPS,
            leads=LEADS,
            impossible=IMPOSSIBLE,
            jump=lambda days: sandbox.jump(days=days),
            reply=lambda lead, text: sandbox.reply(lead.email, text) and None,
            calls=lambda: [item["body"].encode() for item in sandbox.deliveries()],
            pauses_leads=False,
        )
