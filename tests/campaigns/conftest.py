"""A campaign that can run: a connection, two seats, leads with LinkedIn profiles, a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.models import Campaign, CampaignSender, Enrollment, Lead, LeadChannel
from campaigns.services import campaigns as campaign_service
from campaigns.services import engine, enrollments
from integrations.events import MessageReceived, RelationCreated
from integrations.models import Connection, OutboundMessage, SenderAccount
from integrations.services import outcomes
from integrations.services.events import record_event
from integrations.values import Direction, Person, SendReceipt
from project.core.scoping import no_scope, platform_scope
from tests.factories import Agency

#: A Wednesday, 10:00 in Stockholm: inside every window of these tests.
WORKING = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)

SEQUENCE: dict[str, Any] = {
    "version": "1.0",
    "timezone": "Europe/Stockholm",
    "startNodeId": "invite",
    "nodes": [
        {
            "id": "invite",
            "type": "send",
            "channel": "linkedin",
            "action": "invite",
            "content": {"note": "Hi {{ lead.first_name | default: 'there' }}"},
            "transitions": [
                {"on": "accepted", "to": "message"},
                {"on": "no_accept", "after": "P14D", "to": "give_up"},
            ],
        },
        {
            "id": "message",
            "type": "send",
            "channel": "linkedin",
            "action": "message",
            "content": {"text": "Thanks, {{ lead.first_name | default: 'you' }}."},
            "transitions": [{"on": "no_reply", "after": "P2D", "workingDays": True, "to": "follow_up"}],
        },
        {
            "id": "follow_up",
            "type": "send",
            "channel": "linkedin",
            "action": "message",
            "content": {"text": "Did you see this, {{ lead.first_name | default: 'you' }}?"},
            "transitions": [{"on": "no_reply", "after": "P3D", "workingDays": True, "to": "give_up"}],
        },
        {"id": "give_up", "type": "stop", "outcome": "completed"},
    ],
}


@dataclass
class World:
    """An agency with a running LinkedIn campaign; helpers play provider and clock."""

    agency: Agency
    connection: Connection
    sender: SenderAccount
    campaign: Campaign

    def lead(self, first_name: str, slug: str) -> Lead:
        lead = Lead.objects.create(client=self.agency.first, first_name=first_name, last_name="Lindqvist")
        LeadChannel.objects.create(
            client=self.agency.first,
            lead=lead,
            kind="linkedin",
            value=f"https://www.linkedin.com/in/{slug}",
            normalized=slug,
            provider_id=f"ACoAA_{slug}",
        )
        return lead

    def launch(self, *, accept_unfilled: bool = False) -> None:
        self.campaign = campaign_service.launch(
            campaign=self.campaign, actor=self.agency.manager, accept_unfilled=accept_unfilled
        )
        enrollments.enroll_audience(campaign_id=self.campaign.id)

    def launch_empty(self) -> None:
        """Launch with one lead to begin with, who is taken away again: the audience comes later."""
        first = self.lead("First", "first")
        self.campaign = campaign_service.launch(campaign=self.campaign, actor=self.agency.manager)
        first.delete()

    def enroll(self) -> None:
        enrollments.enroll_audience(campaign_id=self.campaign.id)

    def tick(self) -> int:
        with no_scope(), platform_scope("test"):
            return engine.tick()

    def enrollment(self, lead: Lead) -> Enrollment:
        return Enrollment.objects.get(lead=lead)

    def queued(self) -> list[OutboundMessage]:
        return list(OutboundMessage.objects.filter(state="queued").order_by("created_at", "id"))

    def deliver(self, outbound: OutboundMessage, **receipt: str) -> None:
        """The provider took it: what dispatch does after a successful call."""
        attempt = outbound.send_attempts.create(
            number=outbound.attempts + 1, organization_id=outbound.organization_id
        )
        OutboundMessage.objects.filter(id=outbound.id).update(state="sending", attempts=attempt.number)
        fresh = OutboundMessage.objects.select_related("sender", "sender__connection").get(id=outbound.id)
        outcomes.accepted(fresh, attempt, SendReceipt(**receipt))

    def accepts(self, slug: str, at: datetime) -> None:
        event = RelationCreated(
            provider="unipile",
            account_id=self.sender.provider_account_id,
            occurred_at=at,
            person=Person(provider_id=f"ACoAA_{slug}", public_identifier=slug, name=slug),
        )
        record_event(event, sender=self.sender, source="webhook")

    def says(
        self,
        slug: str,
        text: str,
        at: datetime,
        *,
        message: str = "m1",
        source: str = "webhook",
        **values: Any,
    ) -> None:
        person = Person(provider_id=f"ACoAA_{slug}", name=slug.title())
        event = MessageReceived(
            provider="unipile",
            account_id=self.sender.provider_account_id,
            occurred_at=at,
            message_id=f"api_{message}",
            provider_message_id=f"net_{message}",
            chat_id=f"chat_{slug}",
            provider_chat_id=f"thread_{slug}",
            direction=Direction.INBOUND,
            sender=person,
            counterpart=person,
            participants=(person,),
            text=text,
            **values,
        )
        record_event(event, sender=self.sender, source=source)


@pytest.fixture
def world(kestrel: Agency, time_machine: Any) -> Iterator[World]:
    time_machine.move_to(WORKING, tick=False)
    with kestrel.scope():
        connection = Connection.objects.create(
            provider="unipile", name="Unipile", base_url="http://127.0.0.1:1/unipile", status="ok"
        )
        sender = SenderAccount.objects.create(
            client=kestrel.first,
            connection=connection,
            channel="linkedin",
            name="Erik Sand",
            provider_account_id="acc_erik",
            own_user_id="ACoAA_erik",
            own_user_ids=["ACoAA_erik"],
            status="ok",
            time_zone="Europe/Stockholm",
        )
        campaign = campaign_service.create(client=kestrel.first, name="Cold chain", actor=kestrel.manager)
        Campaign.objects.filter(id=campaign.id).update(
            time_zone="Europe/Stockholm", draft_plan=SEQUENCE, audience={"kind": "all"}
        )
        CampaignSender.objects.create(campaign=campaign, sender=sender)
        yield World(kestrel, connection, sender, campaign.refreshed())
