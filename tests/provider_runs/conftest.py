"""A client whose campaigns are run by a provider of the sandbox: real HTTP both ways, hints run when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest

from campaigns.imports.mapping import RowDraft
from campaigns.models import Campaign, CampaignMirror, Enrollment, EnrollmentMirror, Lead
from campaigns.plans.linear import parse_sequence, to_plan
from campaigns.services import campaigns as service
from campaigns.services import enrollments, outreach
from campaigns.services import leads as lead_service
from campaigns.services.provider_runs import mirroring, sweeping
from campaigns.services.settings import CampaignSettings
from inbox.models import Conversation, Message
from integrations.base import ListsAccounts, require
from integrations.models import Connection, SenderAccount
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.services import connections, senders
from integrations.services.adapters import adapter_of
from project.core.scoping import no_scope, organization_scope, platform_scope
from project.tenancy.services import entitlements
from tests.factories import Agency
from tests.integrations.conftest import Hints, hints

__all__ = ["hints"]

MAILS: list[dict[str, Any]] = [
    {
        "kind": "email",
        "subject": "Question for {{ company.name }}",
        "body": "Hi {{ lead.first_name | default: 'there' }}",
    },
    {"kind": "email", "delayDays": 3, "workingDays": False, "threaded": True, "body": "Did you see my note?"},
]
NETWORK: list[dict[str, Any]] = [
    {"kind": "invite", "note": "Hi {{ lead.first_name | default: 'there' }}, shall we?"},
    {
        "kind": "message",
        "delayDays": 1,
        "workingDays": False,
        "text": "Thanks, {{ lead.first_name | default: 'you' }}!",
    },
    {"kind": "message", "delayDays": 2, "workingDays": False, "text": "One more thing"},
]
STEPS: dict[str, list[dict[str, Any]]] = {"smartlead": MAILS, "emailbison": MAILS, "heyreach": NETWORK}
CAPABILITIES = {"email": "email_outreach", "linkedin": "linkedin_outreach"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox() as handle:
        yield handle


@dataclass
class Run:
    """A provider-run campaign, and what its people and workers can be made to do."""

    agency: Agency
    sandbox: SandboxHandle
    hints: Hints
    connection: Connection
    senders: list[SenderAccount]
    campaign: Campaign
    provider: str
    people: list[str] = field(default_factory=list)

    def scope(self) -> AbstractContextManager[None]:
        return organization_scope(self.agency.id)

    @property
    def mirror(self) -> CampaignMirror:
        return CampaignMirror.objects.select_related("connection", "campaign").get(campaign=self.campaign)

    def launch(self, *, accept_unfilled: bool = False) -> None:
        self.campaign = service.launch(
            campaign=self.campaign, actor=self.agency.manager, accept_unfilled=accept_unfilled
        )
        enrollments.enroll_audience(campaign_id=self.campaign.id)

    def work(self) -> None:
        """Workers do what was hinted at."""
        self.hints.run_all()

    def sweep(self) -> None:
        with no_scope(), platform_scope("test"):
            sweeping.sweep()
        self.work()

    def days(self, count: float) -> None:
        """Time passes at the provider; its calls are taken in."""
        self.sandbox.jump(days=count)
        self.work()

    def reply(self, slug: str, text: str) -> None:
        self.sandbox.reply(self.handle(slug), text, provider=self.provider)
        self.work()

    def accept(self, slug: str) -> None:
        self.sandbox.act(self.handle(slug), "accept", provider=self.provider)
        self.work()

    def handle(self, slug: str) -> str:
        return slug if self.provider == "heyreach" else f"{slug.replace('-', '.')}@acme.example"

    def read(self) -> str:
        """Read the campaign at the provider, as if that were due."""
        CampaignMirror.objects.filter(campaign=self.campaign).update(next_sync_at="2020-01-01T00:00:00Z")
        return mirroring.read(self.campaign.id)

    def lead(self, slug: str) -> Lead:
        return Lead.objects.get(first_name=slug.partition("-")[0].capitalize())

    def enrollment(self, slug: str) -> Enrollment:
        return Enrollment.objects.get(lead=self.lead(slug))

    def row(self, slug: str) -> EnrollmentMirror:
        return EnrollmentMirror.objects.get(enrollment__lead=self.lead(slug))

    def thread(self, slug: str) -> list[Message]:
        return list(Message.objects.filter(conversation__lead=self.lead(slug)).order_by("occurred_at", "id"))

    def conversation(self, slug: str) -> Conversation:
        return Conversation.objects.get(lead=self.lead(slug))

    def at_provider(self) -> dict[str, Any]:
        """The campaign as the sandbox has it."""
        [found] = [
            row
            for row in self.sandbox.state()[self.provider]["campaigns"]
            if str(row["id"]) == self.mirror.provider_campaign_id
        ]
        return dict(found)

    def calls(self, path: str, method: str = "POST") -> list[dict[str, Any]]:
        return [call for call in self.sandbox.calls(path=path) if call["method"] == method]

    def add_lead(self, slug: str, **values: Any) -> None:
        first, _, last = slug.partition("-")
        addresses = {"linkedin": (f"https://www.linkedin.com/in/{slug}", slug)}
        if self.provider != "heyreach":
            mail = f"{slug.replace('-', '.')}@acme.example"
            addresses = {"email": (mail, mail)}
        draft = RowDraft(
            2,
            [],
            **{
                "first_name": first.capitalize(),
                "last_name": last.capitalize(),
                "company": "Acme",
                "addresses": addresses,
                **values,
            },
        )
        lead_service.upsert_batch(client_id=self.campaign.client_id, drafts=[draft])


def make_run(
    provider: str,
    kestrel: Agency,
    sandbox: SandboxHandle,
    hints: Hints,
    settings: Any,
    url: str,
    **credentials: str,
) -> Run:
    """Connect the provider, grant it to the first client, and write a campaign that can be launched."""
    for name in ("SMARTLEAD", "EMAILBISON", "HEYREACH"):
        setattr(settings, f"{name}_BASE_URL", sandbox.url_of(name.lower()))
    settings.REQUEST_RATES = {}
    settings.WEBHOOK_BASE_URL = url
    settings.SEND_SPACING_MS = (0, 0)
    channel = "linkedin" if provider == "heyreach" else "email"
    sandbox.clear_faults()
    sandbox.reset(seed="demo")
    sandbox.settings(autopilot=False)
    with organization_scope(kestrel.id):
        entitlements.grant(
            capability=CAPABILITIES[channel], provider=provider, client_id=kestrel.first.id, actor=None
        )
        connection = connections.create(
            provider=provider,
            name=provider.capitalize(),
            credentials={"api_key": "sandbox-key", **credentials},
        )
        accounts = require(adapter_of(connection), ListsAccounts).list_accounts().items
        found = [
            senders.adopt(connection=connection, client=kestrel.first, account=account)
            for account in accounts
        ]
        outreach.save(
            client=kestrel.first,
            values={"postal_address": "1 Road, Town", "email_basis": "consent", "email_basis_note": "Fair"},
            actor=kestrel.admin,
        )
        campaign = service.create(
            client=kestrel.first, name="Founders", actor=kestrel.manager, run_on=channel
        )
        run = Run(kestrel, sandbox, hints, connection, found, campaign, provider)
        for slug in ("lee-park", "mia-park", "noa-park"):
            run.add_lead(slug)
        run.campaign = write(run, STEPS[provider])
    return run


def write(run: Run, steps: list[dict[str, Any]]) -> Campaign:
    """Give the campaign a sequence and settings."""
    values = CampaignSettings(
        name="Founders",
        time_zone="Europe/Berlin",
        weekdays=list(range(7)),
        start="00:00",
        end="00:00",
        sender_ids=[sender.id for sender in run.senders[:1]],
    )
    changed = service.update_settings(campaign=run.campaign, settings=values, actor=run.agency.manager)
    plan = to_plan(parse_sequence({"timezone": "Europe/Berlin", "steps": steps}))
    return service.save_plan(
        campaign=changed,
        plan=plan.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        actor=run.agency.manager,
    )


@pytest.fixture
def run(
    request: pytest.FixtureRequest,
    kestrel: Agency,
    sandbox: SandboxHandle,
    hints: Hints,
    settings: Any,
    live_server: Any,
) -> Run:
    """A campaign of the provider that the test names by ``indirect`` parameter; Smartlead by default."""
    provider = getattr(request, "param", "smartlead")
    return make_run(provider, kestrel, sandbox, hints, settings, live_server.url)
