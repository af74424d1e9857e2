"""A campaign by e-mail and SMS that can run, and helpers that play mailbox, telephone and provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from campaigns.models import (
    Campaign,
    CampaignSender,
    Enrollment,
    Lead,
    LeadChannel,
    OutreachPolicy,
    ScheduledAction,
)
from campaigns.services import campaigns as campaign_service
from campaigns.services import engine, enrollments
from integrations.events import (
    LinkClicked,
    MessageBounced,
    MessageDelivered,
    MessageEvent,
    MessageOpened,
    MessageReceived,
    SpamComplained,
    Unsubscribed,
)
from integrations.models import Connection, OutboundMessage, SenderAccount
from integrations.services import outcomes
from integrations.services.events import record_event
from integrations.services.outgoing import message_id_of
from integrations.values import Direction, Person, SendReceipt
from project.core.clock import now
from project.core.scoping import no_scope, platform_scope
from project.tenancy.models import Entitlement
from tests.campaigns.conftest import WORKING
from tests.factories import Agency

MAIL: dict[str, Any] = {
    "version": "1.0",
    "timezone": "Europe/Stockholm",
    "startNodeId": "intro",
    "nodes": [
        {
            "id": "intro",
            "type": "send",
            "channel": "email",
            "action": "email",
            "content": {
                "subject": "Cold rooms at {{ company.name | default: 'your place' }}",
                "body": "Hi {{ lead.first_name }},\n\nsee https://kestrelcooling.com/a?b=1&c=2.",
            },
            "transitions": [{"on": "no_reply", "after": "P3D", "to": "bump"}],
        },
        {
            "id": "bump",
            "type": "send",
            "channel": "email",
            "action": "email",
            "threadWith": "intro",
            "content": {"body": "Did you see this?"},
            "transitions": [{"on": "no_reply", "after": "P3D", "to": "text"}],
        },
        {
            "id": "text",
            "type": "send",
            "channel": "sms",
            "action": "sms",
            "content": {"text": "Hi {{ lead.first_name }}, a word about cold rooms?"},
            "transitions": [{"on": "no_reply", "after": "P3D", "to": "end"}],
        },
        {"id": "end", "type": "stop", "outcome": "completed"},
    ],
}


@dataclass
class Post:
    """An agency with a running campaign by mail and text."""

    agency: Agency
    mailbox: SenderAccount
    number: SenderAccount
    campaign: Campaign
    leads: list[Lead] = field(default_factory=list)

    def lead(self, name: str, *, email: str = "", phone: str = "") -> Lead:
        lead = Lead.objects.create(client=self.agency.first, first_name=name, last_name="Berg")
        for kind, value in (("email", email or f"{name.lower()}@prospect.test"), ("sms", phone)):
            if value:
                LeadChannel.objects.create(
                    client=self.agency.first, lead=lead, kind=kind, value=value, normalized=value
                )
        self.leads.append(lead)
        return lead

    def launch(self, *, accept_unfilled: bool = False) -> None:
        self.campaign = campaign_service.launch(
            campaign=self.campaign, actor=self.agency.manager, accept_unfilled=accept_unfilled
        )
        enrollments.enroll_audience(campaign_id=self.campaign.id)

    def tick(self) -> int:
        with no_scope(), platform_scope("test"):
            return engine.tick()

    def enrollment(self, lead: Lead) -> Enrollment:
        return Enrollment.objects.get(lead=lead)

    def queued(self) -> list[OutboundMessage]:
        return list(OutboundMessage.objects.filter(state="queued").order_by("created_at", "id"))

    def sent(self, outbound: OutboundMessage) -> OutboundMessage:
        """The provider took it, as dispatch and the adapters say it."""
        attempt = outbound.send_attempts.create(
            number=outbound.attempts + 1, organization_id=outbound.organization_id
        )
        OutboundMessage.objects.filter(id=outbound.id).update(state="sending", attempts=attempt.number)
        fresh = OutboundMessage.objects.select_related("sender", "sender__connection").get(id=outbound.id)
        if outbound.channel == "email":
            own = message_id_of(fresh)
            root = (outbound.payload.get("references") or [own])[0]
            receipt = SendReceipt(message_id=f"v-{outbound.id}", provider_message_id=own, chat_id=root)
        else:
            chat = f"{self.number.address}:{outbound.recipient['phone']}"
            receipt = SendReceipt(
                message_id=f"SM{outbound.id.hex}", provider_message_id=f"SM{outbound.id.hex}", chat_id=chat
            )
        outcomes.accepted(fresh, attempt, receipt)
        return OutboundMessage.objects.get(id=outbound.id)

    def send_next(self) -> OutboundMessage:
        """Let the engine queue the one send that is due, and the provider take it."""
        self.tick()
        queued = self.queued()
        assert len(queued) == 1, [row.node_id for row in queued]
        return self.sent(queued[0])

    def wait_for_send(self, time_machine: Any, tries: int = 12) -> OutboundMessage:
        """Let time pass from one due action to the next until something is queued; return it."""
        for _ in range(tries):
            self.tick()
            queued = self.queued()
            if queued:
                return queued[0]
            due = ScheduledAction.objects.filter(state="due").order_by("due_at").first()
            assert due is not None, "nothing is due any more"
            time_machine.move_to(max(due.due_at, now()) + timedelta(seconds=1), tick=False)
        raise AssertionError(f"nothing was queued: {due.held_by} {due.held_reason}")

    def record(self, event: MessageEvent, sender: SenderAccount | None = None) -> dict[str, str]:
        return record_event(event, sender=sender or self.mailbox, source="webhook").outcome

    def report(
        self, kind: type[MessageEvent], outbound: OutboundMessage, at: datetime, **values: Any
    ) -> dict[str, str]:
        """A report about a message of ours, by its id at the vendor."""
        sender = self.mailbox if outbound.channel == "email" else self.number
        event = kind(
            provider="sendgrid",
            account_id=sender.provider_account_id,
            occurred_at=at,
            message_id=outbound.message_id,
            send_id=str(outbound.id),
            **values,
        )
        return self.record(event, sender)

    def bounces(
        self, outbound: OutboundMessage, at: datetime, *, permanent: bool = True, **values: Any
    ) -> dict[str, str]:
        given = {
            "category": "invalid_address",
            "reason": "550 5.1.1 user unknown",
            "recipient": outbound.recipient.get("email", ""),
            **values,
        }
        return self.report(
            MessageBounced, outbound, at, is_permanent=permanent, vendor_event_id=uuid4().hex, **given
        )

    def answers(
        self,
        address: str,
        text: str,
        at: datetime,
        *,
        references: tuple[str, ...] = (),
        chat: str = "",
        message_id: str = "",
        **values: Any,
    ) -> dict[str, str]:
        """A mail comes in."""
        own = message_id or f"<{uuid4().hex[:12]}x@prospect.test>"
        person = Person(name="", email=address)
        event = MessageReceived(
            provider="sendgrid",
            account_id=self.mailbox.provider_account_id,
            occurred_at=at,
            provider_message_id=own,
            chat_id=chat or (references[0] if references else own),
            references=references,
            direction=Direction.INBOUND,
            sender=person,
            counterpart=person,
            participants=(person,),
            text=text,
            **values,
        )
        return self.record(event)

    def texts(self, phone: str, text: str, at: datetime) -> dict[str, str]:
        """A text message comes in."""
        person = Person(phone=phone)
        sid = f"SM{uuid4().hex}"
        event = MessageReceived(
            provider="twilio",
            account_id=self.number.provider_account_id,
            occurred_at=at,
            message_id=sid,
            provider_message_id=sid,
            chat_id=f"{self.number.address}:{phone}",
            direction=Direction.INBOUND,
            sender=person,
            counterpart=person,
            participants=(person,),
            text=text,
        )
        return self.record(event, self.number)


REPORTS = {
    "delivered": MessageDelivered,
    "open": MessageOpened,
    "click": LinkClicked,
    "complaint": SpamComplained,
    "unsubscribe": Unsubscribed,
}


@pytest.fixture
def post(kestrel: Agency, time_machine: Any) -> Iterator[Post]:
    time_machine.move_to(WORKING, tick=False)
    with kestrel.scope():
        for capability, provider in (("email_outreach", "sendgrid"), ("sms_outreach", "twilio")):
            Entitlement.objects.get_or_create(
                client=None, capability=capability, defaults={"provider": provider}
            )
        mail = Connection.objects.create(provider="sendgrid", name="SendGrid", status="ok")
        phone = Connection.objects.create(provider="twilio", name="Twilio", status="ok")
        mailbox = SenderAccount.objects.create(
            client=kestrel.first,
            connection=mail,
            channel="email",
            name="Leo Sand",
            provider_account_id="leo@kestrel.test",
            address="leo@kestrel.test",
            signature="Leo Sand\nKestrel",
            status="ok",
            time_zone="Europe/Stockholm",
        )
        number = SenderAccount.objects.create(
            client=kestrel.first,
            connection=phone,
            channel="sms",
            name="Kestrel texts",
            provider_account_id="AC1",
            address="+46700000001",
            status="ok",
            time_zone="Europe/Stockholm",
        )
        OutreachPolicy.objects.create(
            client=kestrel.first,
            postal_address="Storgatan 1\n111 22 Stockholm",
            legal_name="Kestrel AB",
            email_basis="legitimate_interest",
            sms_basis="consent",
        )
        campaign = campaign_service.create(client=kestrel.first, name="Cold rooms", actor=kestrel.manager)
        Campaign.objects.filter(id=campaign.id).update(
            time_zone="Europe/Stockholm", draft_plan=MAIL, audience={"kind": "all"}
        )
        for sender in (mailbox, number):
            CampaignSender.objects.create(campaign=campaign, sender=sender)
        yield Post(kestrel, mailbox, number, campaign.refreshed())
