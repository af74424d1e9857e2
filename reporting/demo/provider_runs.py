"""The demo's clients whose campaigns providers run: Smartlead and HeyReach for one, EmailBison for another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from campaigns.services import outreach
from integrations.base import ListsAccounts, require
from integrations.models import Connection, SenderAccount
from integrations.registry import label_of
from integrations.services import accounts, connections
from integrations.services.adapters import adapter_of
from project.tenancy.access import Access
from project.tenancy.models import Client
from project.tenancy.services import clients as client_service
from project.tenancy.services import entitlements


@dataclass(frozen=True, slots=True)
class Run:
    """A campaign that a provider carries out for a client."""

    channel: str
    provider: str
    capability: str
    name: str


@dataclass(frozen=True, slots=True)
class Owner:
    """A client, and what providers run for it."""

    name: str
    colour: int
    zone: str
    legal_name: str
    postal_address: str
    runs: tuple[Run, ...]


OWNERS = (
    Owner(
        "Fjordline Payroll",
        3,
        "Europe/Oslo",
        "Fjordline Payroll AS",
        "Strandgaten 4, 5013 Bergen, Norway",
        (
            Run("email", "smartlead", "email_outreach", "Payroll leads, e-mail at Smartlead"),
            Run("linkedin", "heyreach", "linkedin_outreach", "Payroll leads, LinkedIn at HeyReach"),
        ),
    ),
    Owner(
        "Skagen Payments",
        5,
        "Europe/Copenhagen",
        "Skagen Payments ApS",
        "Havnevej 12, 9990 Skagen, Denmark",
        (Run("email", "emailbison", "email_outreach", "Payroll in Denmark, e-mail at EmailBison"),),
    ),
)


def client(access: Access, owner: Owner) -> Client:
    """Make the client, settle why it may write, and let its providers run its campaigns."""
    made = client_service.create(access=access, name=owner.name, colour=owner.colour, time_zone=owner.zone)
    for run in owner.runs:
        entitlements.grant(
            capability=run.capability, provider=run.provider, client_id=made.id, actor=access.user
        )
    outreach.save(
        client=made,
        values={
            "legal_name": owner.legal_name,
            "postal_address": owner.postal_address,
            "email_basis": "legitimate_interest",
            "email_basis_note": "Heads of finance of firms with more than 50 people; weighed in March.",
        },
        actor=access.user,
    )
    return made


def senders(access: Access, owner: Client, provider: str) -> list[SenderAccount]:
    """Connect a provider of the sandbox and take its first accounts in."""
    connection: Connection = connections.create(
        provider=provider,
        name=f"{label_of(provider)} (sandbox)",
        credentials={"api_key": "sandbox-key"},
        client=owner,
        actor=access.user,
    )
    connections.try_out(connection=connection, actor=access.user)
    connection.refresh_from_db()
    found = require(adapter_of(connection), ListsAccounts).list_accounts().items[:2]
    return [
        accounts.add(connection=connection, client=owner, account_id=account.account_id, actor=access.user)
        for account in found
    ]


def sequence(channel: str, zone: str) -> dict[str, Any]:
    """Steps that the provider of a channel can carry out: waits count all days."""
    return {"timezone": zone, "closeDays": 14, "steps": _MAILS if channel == "email" else _NETWORK}


_MAILS: list[dict[str, Any]] = [
    {
        "kind": "email",
        "subject": "Payroll at {{ company.name | default: 'your firm' }}",
        "body": (
            "Hi {{ lead.first_name | default: 'there' }},\n\nmost payroll runs are corrected by hand twice a month."
            " Is that so at {{ company.name | default: 'yours' }}?"
        ),
    },
    {
        "kind": "email",
        "delayDays": 2,
        "workingDays": False,
        "threaded": True,
        "body": "One number from Bergen: 40 minutes saved on each run. Would ten minutes next week be fair?",
    },
]
_NETWORK: list[dict[str, Any]] = [
    {
        "kind": "invite",
        "note": "Hi {{ lead.first_name | default: 'there' }}, a question on payroll corrections.",
    },
    {
        "kind": "message",
        "delayDays": 1,
        "workingDays": False,
        "text": "Thanks for connecting, {{ lead.first_name | default: 'and hello' }}. Who corrects your payroll runs?",
    },
    {
        "kind": "message",
        "delayDays": 3,
        "workingDays": False,
        "text": "Shall I send the two-page case instead?",
    },
]
