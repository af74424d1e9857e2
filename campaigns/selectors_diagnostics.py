"""What the providers told about a lead, and why it matched or did not."""

from __future__ import annotations

from campaigns.models import Lead, LeadChannel
from integrations.diagnostics import Diagnosis, Subject, diagnose
from integrations.models import SenderAccount
from project.tenancy.access import Access

#: Accounts of the client that are looked at.
ACCOUNTS = 200


def lead_words(lead: Lead) -> tuple[str, ...]:
    """What a provider may name a lead by: addresses, profile, ids at the network."""
    rows = LeadChannel.objects.filter(lead=lead).order_by("kind", "id")
    columns = ("normalized", "provider_id", "member_urn", "value")
    found = [value for row in rows.values_list(*columns) for value in row]
    return tuple(
        dict.fromkeys(word.removeprefix("https://www.linkedin.com/in/").strip("/") for word in found if word)
    )


def lead_diagnosis(access: Access, lead: Lead) -> Diagnosis:
    """The last deliveries, facts and raw messages that concern a lead."""
    accounts = SenderAccount.objects.filter(client_id=lead.client_id).order_by("id")
    subject = Subject(
        name=str(lead),
        words=lead_words(lead),
        sender_ids=tuple(accounts.values_list("id", flat=True)[:ACCOUNTS]),
        lead_id=lead.id,
        client_id=lead.client_id,
    )
    return diagnose(access, subject)
