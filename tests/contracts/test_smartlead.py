"""The contract for Smartlead: recorded calls, and the sandbox over real HTTP in each of its shapes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from integrations import registry
from integrations.running import NewLead, SequenceStep, StepAction
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from tests.contracts.base import WebhookFixtures
from tests.contracts.running import RunningContract, RunningOutside

KIND = "smartlead"
ANA, BEN = "ana@try-northwind.example", "ben@try-northwind.example"
LEADS = tuple(
    NewLead(email=f"{name}@acme.example", first_name=name.capitalize(), last_name="Park", company="Acme")
    for name in ("lee", "mia", "noa")
)
STEPS = (
    SequenceStep(
        number=1, action=StepAction.EMAIL, subject="Question, {{first_name}}", body="<p>Hi {{first_name}}</p>"
    ),
    SequenceStep(
        number=2, action=StepAction.EMAIL, wait_days=3, body="<p>One more, {{company}}</p>", same_thread=True
    ),
)


def email(**changes: object) -> tuple[SequenceStep, ...]:
    """One e-mail that cannot be expressed."""
    return (STEPS[0].model_copy(update=changes),)


IMPOSSIBLE = (
    ((), "steps"),
    (email(action=StepAction.INVITE), "action"),
    (email(wait_hours=5), "wait_hours"),
    (email(wait_days=366), "wait_days"),
    (email(body=" "), "body"),
    (email(subject=""), "subject"),
    (email(body="{% if x %}Hi{% endif %}"), "body"),
    (email(body="Hi {{ first_name | default: 'you' }}"), "body"),
)


class TestSmartleadFixtures(WebhookFixtures):
    """What Smartlead sends us."""

    kind = KIND


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox() as handle:
        yield handle


class TestSmartleadSandbox(RunningContract):
    """The sandbox answers as the contract asks."""

    kind = KIND

    @pytest.fixture(
        params=[
            "",
            "smartlead_enveloped",
            "smartlead_text_numbers",
            "smartlead_leads_inserted",
            "smartlead_leads_added",
            "smartlead_aliases",
        ]
    )
    def outside(
        self, sandbox: SandboxHandle, settings: Settings, request: pytest.FixtureRequest
    ) -> RunningOutside:
        sandbox.clear_faults()
        sandbox.reset(seed="demo")
        settings.SMARTLEAD_BASE_URL = sandbox.url_of(KIND)
        settings.REQUEST_RATES = {}
        if request.param:
            on = "webhook" if request.param == "smartlead_aliases" else "request"
            sandbox.add_fault("shape", provider=KIND, variant=request.param, on=on)
        adapter = registry.adapter_for(KIND, credentials={"api_key": "sandbox-key"})
        campaigns = registry.adapter_for(KIND, credentials={"api_key": "sandbox-key"})
        campaigns.create_campaign(name="Before")
        return RunningOutside(
            adapter=adapter,
            wrong_adapter=registry.adapter_for(KIND, credentials={"api_key": "wrong-key"}),
            account_id=ANA,
            own_user_id=ANA,
            accounts=(ANA, BEN),
            steps=STEPS,
            leads=LEADS,
            impossible=IMPOSSIBLE,
            calls=lambda: [item["body"].encode() for item in sandbox.deliveries()],
            jump=lambda days: sandbox.jump(days=days),
            reply=lambda lead, text: sandbox.reply(lead.email, text) and None,
        )
