"""What the composer shows, by channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from inbox import selectors
from inbox.models import Conversation
from inbox.services import drafts
from integrations.models import Connection, OutboundMessage, SenderAccount
from project.core.scoping import no_scope
from tests.factories import Agency

pytestmark = pytest.mark.django_db


@pytest.fixture
def scope(kestrel: Agency) -> Iterator[None]:
    with kestrel.scope():
        yield


def conversation(agency: Agency, channel: str, theirs: str, **values: Any) -> Conversation:
    connection = Connection.objects.create(provider={"sms": "twilio"}.get(channel, "sendgrid"), name="C")
    sender = SenderAccount.objects.create(
        client=agency.first,
        connection=connection,
        channel=channel,
        name="Chicago",
        provider_account_id=f"account-{channel}",
        address="+13125550100" if channel == "sms" else "maya@kestrel.example",
        status=SenderAccount.Status.OK,
    )
    made: Conversation = Conversation.objects.create(
        client=agency.first,
        sender=sender,
        channel=channel,
        chat_id=f"chat-{channel}",
        counterpart_id=theirs,
        counterpart_name=theirs,
        last_message_at=timezone.now(),
        **values,
    )
    return made


def page(agency: Agency, found: Conversation, browser: Browser) -> str:
    with no_scope():
        browser.force_login(agency.manager)
        return browser.get(agency.url(f"inbox/{found.id}/")).content.decode()


def test_a_text_counts_its_segments(kestrel: Agency, scope: None, client: Browser) -> None:
    found = conversation(kestrel, "sms", "+13125550142")
    composer = selectors.composer(found)
    assert (composer["counted"], composer["max_length"], composer["limit"]) == ("texts", 1600, 200)
    shown = page(kestrel, found, client)
    assert "texts left today" in shown
    assert 'maxlength="1600"' in shown
    assert f'data-segments="segments-{found.id}"' in shown
    assert "0 characters, 1 text" in shown
    assert "Chicago to +13125550142" in shown
    with no_scope():
        refused = client.post(
            kestrel.url(f"inbox/{found.id}/replies/"),
            {
                "body": "x" * 1601,
                "client_token": "019c2d4e-5b1a-7c33-9d11-6f0b7a3c2e55",
                "seen_revision": found.revision,
            },
        )
    assert "at most 1,600 can be sent" in refused.content.decode()


def test_an_email_says_its_subject(kestrel: Agency, scope: None, client: Browser) -> None:
    found = conversation(kestrel, "email", "ana@prospect.example", subject="Your rollout")
    shown = page(kestrel, found, client)
    assert "e-mails left today" in shown
    assert "Subject: Re: Your rollout" in shown
    assert "data-segments" not in shown
    with no_scope():
        answered = client.post(
            kestrel.url(f"inbox/{found.id}/replies/"),
            {
                "body": "Thank you",
                "client_token": "019c2d4e-5b1a-7c33-9d11-6f0b7a3c2e56",
                "seen_revision": found.revision,
            },
        )
    assert answered.status_code in {200, 302, 303}, answered.content
    outbound = OutboundMessage.objects.get(conversation_id=found.id)
    assert (outbound.action, outbound.recipient["email"]) == ("email", "ana@prospect.example")
    assert outbound.payload["subject"] == "Re: Your rollout"


def test_a_note_that_was_begun_is_still_a_note_on_another_device(
    kestrel: Agency, scope: None, client: Browser
) -> None:
    found = conversation(kestrel, "email", "ana@prospect.example", subject="Your rollout")
    drafts.save(conversation_id=found.id, author=kestrel.manager, body="No price yet", mode="note")
    shown = page(kestrel, found, client)
    form = shown[shown.index("data-reply-form") - 700 : shown.index("data-reply-form")]
    assert form.count(f'="{kestrel.url(f"inbox/{found.id}/notes/")}"') == 2, "action and hx-post"
    assert f'="{kestrel.url(f"inbox/{found.id}/replies/")}"' not in form
    assert "Add note" in shown
    assert "No price yet" in shown
