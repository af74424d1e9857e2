"""The demo's e-mail sender, telephone number, and the campaign that runs over three channels."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns.services import outreach
from integrations.base import ListsAccounts, require
from integrations.models import Connection, SenderAccount
from integrations.services import connections, identities, numbers, senders
from integrations.services.adapters import adapter_of
from project.core.http import client_for
from project.tenancy.models import Client, User
from reporting.demo.people import Person

CAPABILITIES = {"linkedin_outreach": "unipile", "email_outreach": "sendgrid", "sms_outreach": "twilio"}
ADDRESS = "greta@mail.ostro-logistics.com"
REPLIES = "in.ostro-logistics.com"
ZONE = "Europe/Stockholm"


def settle_rules(client: Client, actor: User) -> None:
    """State why the client may write e-mail and text messages, and the address that stands under them."""
    outreach.save(
        client=client,
        values={
            "legal_name": "Ostro Logistics AB",
            "postal_address": "Kungsgatan 12, 411 19 Göteborg, Sweden",
            "email_basis": "consent",
            "email_basis_note": "Signed up at the freight fair in Gothenburg; the list is with marketing.",
            "sms_basis": "consent",
            "sms_basis_note": "Ticked the box for texts on the same form.",
        },
        actor=actor,
    )


def email_sender(client: Client, actor: User) -> SenderAccount:
    """Connect the sandbox's SendGrid and add a proven address."""
    connection = _connected(
        "sendgrid",
        "SendGrid (sandbox)",
        {"api_key": "sandbox-key", "validation_key": "sandbox-key", "parse_hosts": REPLIES},
        actor,
    )
    connections.ensure_webhooks(connection=connection, actor=actor)
    connection.refresh_from_db()
    sender = identities.add(
        connection=connection,
        client=client,
        wanted=identities.Wanted(
            address=ADDRESS,
            name="Greta Lund",
            reply_to=f"greta@{REPLIES}",
            signature="Greta Lund\nOstro Logistics",
            time_zone=ZONE,
            postal={"address": "Kungsgatan 12", "city": "Göteborg", "zip": "41119", "country": "Sweden"},
        ),
        actor=actor,
    )
    # The owner follows the link in the mail: in the sandbox a call stands for that.
    sandbox = client_for("sandbox", base_url=str(settings.SANDBOX_URL), allow_private=True)
    sandbox.request("POST", f"/_sandbox/sendgrid/identities/{ADDRESS}", json={"status": "verified"})
    senders.refresh(sender=sender)
    return sender.refreshed()


def number(client: Client, actor: User) -> SenderAccount:
    """Connect the sandbox's Twilio and take its first number."""
    connection = _connected(
        "twilio",
        "Twilio (sandbox)",
        {"account_sid": SANDBOX_ACCOUNT, "auth_token": SANDBOX_TOKEN},
        actor,
    )
    first = require(adapter_of(connection), ListsAccounts).list_accounts().items[0]
    return numbers.add(connection=connection, client=client, account_id=first.account_id, actor=actor)


SANDBOX_ACCOUNT = f"AC{'5a' * 16}"
SANDBOX_TOKEN = "sandbox-auth-token-0123456789ab"  # noqa: S105 - the sandbox's own, worth nothing elsewhere


def _connected(provider: str, name: str, credentials: dict[str, str], actor: User) -> Connection:
    connection: Connection = connections.create(
        provider=provider, name=name, credentials=credentials, actor=actor
    )
    connections.try_out(connection=connection, actor=actor)
    connection.refresh_from_db()
    return connection


#: Numbers kept for stories (PTS in Sweden, 555-01xx in North America), by where it is that hour.
_NUMBERS = {
    "Europe/Stockholm": "+467017406",
    "America/Los_Angeles": "+121355501",
    "Pacific/Honolulu": "+180855501",
    "Pacific/Guam": "+167155501",
}


def reach(people: list[Person], seed: str, at: datetime) -> list[tuple[str, str]]:
    """Return an e-mail address and a telephone number for each person.

    The numbers are of a place where it is the middle of the day ``at`` that moment, so that texts are seen to leave
    whenever the demo is made: they wait for decent hours.
    """
    dice = random.Random(seed)  # noqa: S311 - invented data, not a secret
    ends = dice.sample(range(5, 100), len(people))
    place = min(_NUMBERS, key=lambda name: abs(at.astimezone(ZoneInfo(name)).hour - 14))
    return [
        (f"{person.slug.replace('-', '.')}@firm.example", f"{_NUMBERS[place]}{end:02d}")
        for person, end in zip(people, ends, strict=True)
    ]


def plan(time_zone: str) -> dict[str, Any]:
    """E-mail, then an invitation where it was not opened or answered, then a text: in minutes, so that it is seen."""
    return {
        "version": "1.0",
        "timezone": time_zone,
        "startNodeId": "mail",
        "nodes": [
            {
                "id": "mail",
                "type": "send",
                "label": "E-mail",
                "channel": "email",
                "action": "email",
                "variants": [
                    {
                        "id": "question",
                        "content": {"subject": "Customs papers at {{ company.name }}", "body": _MAIL},
                    },
                    {"id": "number", "content": {"subject": "11 minutes a shipment", "body": _MAIL}},
                ],
                "transitions": [
                    {"on": "click", "within": "P5D", "to": "invite"},
                    {"on": "no_open", "after": "PT3M", "to": "invite"},
                    {"on": "no_reply", "after": "PT6M", "to": "bump"},
                ],
            },
            {
                "id": "bump",
                "type": "send",
                "label": "Second e-mail",
                "channel": "email",
                "action": "email",
                "threadWith": "mail",
                "content": {"body": _BUMP},
                "transitions": [{"on": "no_reply", "after": "PT5M", "to": "invite"}],
            },
            {
                "id": "invite",
                "type": "send",
                "label": "Invitation",
                "channel": "linkedin",
                "action": "invite",
                "content": {"note": ""},
                "transitions": [
                    {"on": "accepted", "to": "message"},
                    {"on": "no_accept", "after": "PT6M", "to": "text"},
                ],
            },
            {
                "id": "message",
                "type": "send",
                "label": "Message",
                "channel": "linkedin",
                "action": "message",
                "content": {"text": _MESSAGE},
                "transitions": [{"on": "no_reply", "after": "PT6M", "to": "text"}],
            },
            {
                "id": "text",
                "type": "send",
                "label": "Text message",
                "channel": "sms",
                "action": "sms",
                "content": {"text": _TEXT},
                "transitions": [{"on": "no_reply", "after": "P3D", "to": "done"}],
            },
            {"id": "done", "type": "stop", "outcome": "completed"},
        ],
    }


_MAIL = (
    "Hi {{ lead.first_name | default: 'there' }},\n\nmost forwarders type the same customs data four times for one"
    " shipment. Is that so at {{ company.name | default: 'yours' }}?"
)
_BUMP = "One number from Malmö: 11 minutes saved on each shipment. Would ten minutes next week be fair?"
_MESSAGE = (
    "Thanks for connecting, {{ lead.first_name | default: 'and hello' }}. Shall I send the two-page case?"
)
_TEXT = "{{ lead.first_name | default: 'Hello' }}, Greta from Ostro Logistics: may I call you about customs papers?"
