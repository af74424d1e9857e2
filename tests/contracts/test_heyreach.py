"""The contract for HeyReach: recorded calls, and the sandbox over real HTTP in each of its shapes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from integrations import registry
from integrations.errors import ErrorKind
from integrations.running import NewLead, SequenceStep, StepAction
from integrations.sandbox.heyreach.calls import ORGANIZATION_KEY
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from tests.contracts.base import WebhookFixtures
from tests.contracts.running import RunningContract, RunningOutside

KIND = "heyreach"
LEADS = tuple(
    NewLead(
        profile_url=f"https://www.linkedin.com/in/{name}-park", first_name=name.capitalize(), last_name="Park",
        company="Acme",
    )
    for name in ("lee", "mia", "noa")
)  # fmt: skip
STEPS = (
    SequenceStep(
        number=1, action=StepAction.INVITE, body="Hi {{first_name}}, shall we?", fallback="Shall we?"
    ),
    SequenceStep(
        number=2, action=StepAction.MESSAGE, wait_days=1, body="Thanks, {{first_name}}!", fallback="Thanks!"
    ),
    SequenceStep(
        number=3, action=StepAction.MESSAGE, wait_days=2, body="One more thing", fallback="One more thing"
    ),
)
IMPOSSIBLE = (
    ((), "steps"),
    ((STEPS[0].model_copy(update={"action": StepAction.EMAIL}),), "action"),
    ((STEPS[0], STEPS[1].model_copy(update={"wait_days": 0, "wait_hours": 2})), "wait_hours"),
    ((STEPS[0], STEPS[1].model_copy(update={"wait_days": 9, "wait_hours": 2})), "wait_hours"),
    ((STEPS[0].model_copy(update={"body": "x" * 301}),), "body"),
    ((STEPS[0].model_copy(update={"fallback": ""}),), "fallback"),
    (
        (STEPS[1].model_copy(update={"action": StepAction.INMAIL, "subject": "For {{first_name}}"}),),
        "subject",
    ),
)


class TestHeyReachFixtures(WebhookFixtures):
    """What HeyReach sends us."""

    kind = KIND


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox() as handle:
        yield handle


class TestHeyReachSandbox(RunningContract):
    """The sandbox answers as the contract asks."""

    kind = KIND

    @pytest.fixture(params=["", "heyreach_nameless", "heyreach_camel"])
    def outside(
        self, sandbox: SandboxHandle, settings: Settings, request: pytest.FixtureRequest
    ) -> RunningOutside:
        sandbox.clear_faults()
        sandbox.reset(seed="demo")
        settings.HEYREACH_BASE_URL = sandbox.url_of(KIND)
        settings.REQUEST_RATES = {}
        if request.param:
            for event in ("MESSAGE_SENT", "EVERY_MESSAGE_REPLY_RECEIVED"):
                sandbox.add_fault("shape", provider=KIND, variant=request.param, on="webhook", event=event)
        accounts = [str(item["id"]) for item in sandbox.state()[KIND]["senders"]]
        right = {"api_key": "sandbox-key", "mode": "pull_best_effort"}
        return RunningOutside(
            adapter=registry.adapter_for(KIND, credentials=right),
            wrong_adapter=registry.adapter_for(KIND, credentials={"api_key": "wrong-key"}),
            account_id=accounts[0],
            accounts=accounts,
            steps=STEPS,
            leads=LEADS,
            impossible=IMPOSSIBLE,
            jump=lambda days: sandbox.jump(days=days),
            connect=lambda lead: sandbox.act(slug(lead), "accept", provider=KIND) and None,
            reply=lambda lead, text: sandbox.reply(slug(lead), text, provider=KIND) and None,
            calls=lambda: [item["body"].encode() for item in sandbox.deliveries()],
            pauses_leads=False,
            stops_campaigns=False,
            calls_tell_steps=False,
        )

    def test_a_key_of_the_organization_is_told(self, outside: RunningOutside) -> None:
        adapter = registry.adapter_for(KIND, credentials={"api_key": ORGANIZATION_KEY})
        with pytest.raises(Exception, match="organization") as caught:
            adapter.list_accounts()
        assert caught.value.kind is ErrorKind.AUTH

    def test_modes_and_missing_routes_give_empty_sets_with_a_note(
        self, outside: RunningOutside, sandbox: SandboxHandle
    ) -> None:
        campaign_id = self.running(outside)
        lead = self.people(outside, campaign_id)[0]
        quiet = registry.adapter_for(KIND, credentials={"api_key": "sandbox-key"})
        before = len(sandbox.calls(path="/inbox/*"))
        assert "from webhooks alone" in quiet.list_replies().note
        assert "from webhooks alone" in quiet.lead_messages(campaign_id, lead).note
        assert len(sandbox.calls(path="/inbox/*")) == before
        for status in (404, 405):
            for path in ("/campaign/GetLeadsFromCampaign", "/inbox/*"):
                sandbox.add_fault("status", provider=KIND, path=path, status=status)
            for page in (outside.adapter.list_leads(campaign_id), outside.adapter.list_replies()):
                assert page.items == ()
                assert page.note
            sandbox.clear_faults()


def slug(lead: NewLead) -> str:
    return lead.profile_url.rpartition("/")[2]
