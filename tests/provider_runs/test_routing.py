"""Whose a fact is: the account that it names, or who of the campaign writes to the person; never anybody else's."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from campaigns.models import CampaignMirror, CampaignSender, Suppression
from integrations.models import WebhookDelivery
from integrations.services import webhooks
from project.core.clock import now
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


def tell(run: Run, event: str, **fields: Any) -> WebhookDelivery:
    """A call of Smartlead about Lee's part of the campaign, stored and worked on; ``None`` leaves a field out."""
    call = {
        "event_type": event,
        "event_timestamp": now().isoformat(),
        "campaign_id": run.mirror.provider_campaign_id,
        "sl_lead_email": "lee.park@acme.example",
        "to_email": "lee.park@acme.example",
        "from_email": run.senders[0].address,
        **fields,
    }
    body = json.dumps({name: value for name, value in call.items() if value is not None}).encode()
    made: WebhookDelivery = WebhookDelivery.objects.create(
        connection_id=run.connection.id,
        provider="smartlead",
        event_type=event,
        body=body,
        size=len(body),
        payload_hash=hashlib.sha256(body).hexdigest(),
    )
    webhooks.process(made.id, made.received_at)
    run.work()
    return WebhookDelivery.objects.get(id=made.id)


def reply(name: str) -> dict[str, Any]:
    block = {"message_id": f"<{name}@acme.example>", "text": name, "time": now().isoformat()}
    return {"stats_id": f"s-{name}", "reply_message": block, "time_replied": now().isoformat()}


def test_what_names_no_account_is_of_who_writes_to_the_person_and_what_names_a_stranger_of_nobody(
    run: Run,
) -> None:
    with run.scope():
        # Two senders; the second one writes to Lee, by what the provider tells.
        CampaignSender.objects.create(campaign=run.campaign, sender=run.senders[1])
        run.launch()
        run.work()
        second = run.senders[1]
        sent = {"message_id": "<m1@x.example>", "text": "Hi", "time": now().isoformat()}
        tell(run, "EMAIL_SENT", from_email=second.address, stats_id="s-m1", sent_message=sent)
        assert run.enrollment("lee-park").sender_links.get().sender_id == second.id
        # A reply of a mailbox that is no sender here: told with what to do, in nobody's name.
        strange = tell(run, "EMAIL_REPLY", from_email="zoe@elsewhere.example", **reply("strange"))
        assert (strange.state, run.enrollment("lee-park").status) == ("ignored", "active")
        assert strange.reason == (
            "No sender account here has the id zoe@elsewhere.example. Add it under Senders, then replay this."
        )
        # What is about the campaign or the person holds, whoever it was sent from.
        assert (
            tell(run, "CAMPAIGN_STATUS_CHANGED", from_email=None, campaign_status="PAUSED").state
            == "processed"
        )
        assert CampaignMirror.objects.get().raw_status == "PAUSED"
        # A reply that names no account is an answer to whoever wrote, the same fact as a poll would tell.
        nameless = tell(run, "EMAIL_REPLY", from_email=None, **reply("nameless"))
        assert nameless.state == "processed", nameless.reason
        conversation = run.conversation("lee-park")
        assert (conversation.sender_id, run.enrollment("lee-park").stage) == (second.id, "replied")
        named = tell(run, "EMAIL_REPLY", from_email=second.address, **reply("nameless"))
        assert "again" in named.outcome[0]["outcome"]
        assert [message.body for message in run.thread("lee-park")].count("nameless") == 1
        gone = tell(
            run, "LEAD_UNSUBSCRIBED", from_email="zoe@elsewhere.example", lead_email="lee.park@acme.example"
        )
        assert gone.state == "processed", gone.reason
        assert Suppression.objects.filter(value="lee.park@acme.example").exists()
