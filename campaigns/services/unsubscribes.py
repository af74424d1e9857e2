"""Unsubscribes: links that work for years, what they do, and taking a mistake back.

A link names a row (``UnsubscribeLink``), so it says nothing about whose it is, and is signed, so nobody makes one up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from campaigns.events import AddressUnsubscribed
from campaigns.models import (
    ErasedAddress,
    Lead,
    LeadChannel,
    OutreachPolicy,
    Suppression,
    Unsubscribe,
    UnsubscribeLink,
)
from campaigns.services import suppression
from campaigns.services.outreach import policy_of
from integrations.models import SenderAccount
from integrations.services import suppressions
from project.core.clock import now
from project.core.events import publish
from project.core.scoping import organization_scope, platform_scope
from project.tenancy import audit
from project.tenancy.models import User

How = Unsubscribe.How
_SIGNER: Final = signing.Signer(sep=".", salt="campaigns.unsubscribe")
_TOKEN: Final = re.compile(r"[0-9a-f]{32}\.[A-Za-z0-9_-]{20,90}")

#: Stands for the link in previews, where nothing is sent.
SAMPLE_URL: Final = f"{settings.PUBLIC_URL}/u/..."

#: How a suppression says that it came from an unsubscribe; only these are taken back by the person.
_SOURCE: Final = {
    How.LINK: Suppression.Source.LINK,
    How.ONE_CLICK: Suppression.Source.ONE_CLICK,
    How.MAIL: Suppression.Source.MAIL,
    How.REPLY: Suppression.Source.REPLY,
    How.STOP_WORD: Suppression.Source.STOP_WORD,
    How.COMPLAINT: Suppression.Source.COMPLAINT,
    How.PROVIDER: Suppression.Source.PROVIDER,
    How.PERSON: Suppression.Source.PERSON,
}
REVERSIBLE: Final = (How.LINK, How.ONE_CLICK, How.MAIL, How.REPLY, How.STOP_WORD, How.PROVIDER)


@dataclass(frozen=True, slots=True)
class Address:
    """Who is meant: an address on a channel for a client, and what the wish followed, as far as known."""

    client_id: UUID
    channel: str
    value: str
    lead_id: UUID | None = None
    campaign_id: UUID | None = None
    enrollment_id: UUID | None = None
    sender_id: UUID | None = None

    @classmethod
    def of_link(cls, link: UnsubscribeLink) -> Address:
        """What a link stands for."""
        return cls(
            client_id=link.client_id,
            channel=link.channel,
            value=link.value,
            lead_id=link.lead_id,
            campaign_id=link.campaign_id,
            enrollment_id=link.enrollment_id,
            sender_id=link.sender_id,
        )


# --- links ------------------------------------------------------------------------------------------


def link_for(address: Address) -> UnsubscribeLink:
    """Return the link of an address in a campaign, made on first use."""
    link: UnsubscribeLink
    link, _ = UnsubscribeLink.objects.get_or_create(
        client_id=address.client_id,
        channel=address.channel,
        value=address.value,
        enrollment_id=address.enrollment_id,
        defaults={
            "lead_id": address.lead_id,
            "campaign_id": address.campaign_id,
            "sender_id": address.sender_id,
        },
    )
    return link


def token_of(link: UnsubscribeLink) -> str:
    """Return what stands after ``/u/``: it is the same for the same link, for as long as the signing key is known."""
    return _SIGNER.sign(link.id.hex)


def url_of(token: str) -> str:
    """Return the whole address of the page."""
    return f"{settings.PUBLIC_URL}{reverse('unsubscribe', args=[token])}"


def headers_of(token: str, mailbox: str) -> dict[str, str]:
    """Return both headers of RFC 2369 and RFC 8058. Outlook.com follows only the mailto, Gmail and Yahoo the POST."""
    ways = [f"<{url_of(token)}>"]
    if mailbox:
        ways.insert(0, f"<mailto:{quote(mailbox, safe='@+')}?subject={quote(f'unsubscribe {token}')}>")
    return {"List-Unsubscribe": ", ".join(ways), "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def find(token: str) -> UnsubscribeLink | None:
    """Return the link of a token, ``None`` for one that we have not made. In any scope, or in none."""
    link_id = find_id(token)
    if link_id is None:
        return None
    with platform_scope("whoever holds an unsubscribe link may use it"):
        found: UnsubscribeLink | None = (
            UnsubscribeLink.objects.select_related("client", "organization").filter(id=link_id).first()
        )
    return found


def find_here(token: str) -> UnsubscribeLink | None:
    """Return the link of a token within the active organization."""
    found = find_id(token)
    return UnsubscribeLink.objects.filter(id=found).first() if found else None


def find_id(token: str) -> UUID | None:
    """Return the id that a genuine token carries."""
    if not _TOKEN.fullmatch(token):
        return None
    try:
        return UUID(_SIGNER.unsign(token))
    except (signing.BadSignature, ValueError):
        return None


# --- what they do -----------------------------------------------------------------------------------


def use(link: UnsubscribeLink, *, how: str) -> Unsubscribe | None:
    """Unsubscribe whoever the link belongs to; once more changes nothing. Needs no scope: the link is the right.

    ``None`` for somebody who was erased: they are off already, and their address does not come back.
    """
    if is_erased(link):
        return None
    with organization_scope(link.organization_id), transaction.atomic():
        return record(address=Address.of_link(link), how=how)


def undo(link: UnsubscribeLink) -> bool:
    """Take an unsubscribe back at the person's own wish; ``False`` when something else keeps them off."""
    if is_erased(link):
        return False
    with organization_scope(link.organization_id), transaction.atomic():
        return resubscribe(address=Address.of_link(link))


def is_erased(link: UnsubscribeLink) -> bool:
    """Whether whoever the link belonged to was erased."""
    return link.value.startswith(ErasedAddress.MARK)


def stands(link: UnsubscribeLink) -> bool:
    """Whether the link's address is left out now, for whatever reason."""
    if is_erased(link):
        return True
    with organization_scope(link.organization_id):
        found = suppression.suppression_of_value(
            client_id=link.client_id, channel=link.channel, value=link.value
        )
    return found is not None


@transaction.atomic
def record(
    *,
    address: Address,
    how: str,
    occurred_at: datetime | None = None,
    reason: str = "",
    everywhere: bool | None = None,
    actor: User | None = None,
) -> Unsubscribe:
    """Suppress an address and remember when, how and after what. The first wish that stands is the one that counts.

    ``everywhere`` makes it hold for all clients; by default the client's rule decides.
    """
    if everywhere is None:
        policy = policy_of(address.client_id)
        everywhere = policy.unsubscribe_scope == OutreachPolicy.Scope.ORGANIZATION
    suppression.suppress(
        client_id=None if everywhere else address.client_id,
        channel=address.channel,
        value=address.value,
        source=_SOURCE[How(how)],
        reason=reason,
        actor=actor,
    )
    moment = occurred_at or now()
    row: Unsubscribe
    row, is_new = Unsubscribe.objects.get_or_create(
        client_id=address.client_id,
        channel=address.channel,
        value=address.value,
        undone_at=None,
        defaults={
            "how": how,
            "everywhere": everywhere,
            "occurred_at": moment,
            "lead_id": address.lead_id,
            "campaign_id": address.campaign_id,
            "enrollment_id": address.enrollment_id,
            "sender_id": _known_sender(address.sender_id),
        },
    )
    if is_new:
        publish(AddressUnsubscribed(unsubscribe=row, leads=leads_of(address, everywhere=everywhere)))
    return row


@transaction.atomic
def resubscribe(*, address: Address, actor: User | None = None) -> bool:
    """Take unsubscribes of an address back. Bounces, complaints and what people entered stay.

    Returns whether the address may be written to again.
    """
    standing = Unsubscribe.objects.filter(
        client_id=address.client_id, channel=address.channel, value=address.value, undone_at=None
    )
    row: Unsubscribe | None = standing.first()
    clients = [address.client_id, None] if row is not None and row.everywhere else [address.client_id]
    for client_id in clients:
        suppression.lift(
            client_id=client_id,
            channel=address.channel,
            value=address.value,
            sources=[_SOURCE[how] for how in REVERSIBLE],
            actor=actor,
        )
    left = suppression.suppression_of_value(
        client_id=address.client_id, channel=address.channel, value=address.value
    )
    if left is None:
        if row is not None and row.channel == "email":
            suppressions.take_back(client_id=None if row.everywhere else row.client_id, address=row.value)
        standing.update(undone_at=now(), updated_at=now())
    audit.record(
        actor=actor,
        action="unsubscribe.undone" if left is None else "unsubscribe.not_undone",
        subject=row,
        client_id=address.client_id,
        channel=address.channel,
    )
    return left is None


def leads_of(address: Address, *, everywhere: bool) -> list[Lead]:
    """The leads that have the address: of the client, or of all clients of the organization."""
    rows = LeadChannel.objects.filter(kind=address.channel, normalized=address.value)
    if not everywhere:
        rows = rows.filter(client_id=address.client_id)
    found = [row.lead for row in rows.select_related("lead", "lead__company").order_by("lead_id")]
    if address.lead_id is not None and all(lead.id != address.lead_id for lead in found):
        found += list(Lead.objects.filter(id=address.lead_id).select_related("company"))
    return found


def _known_sender(sender_id: UUID | None) -> UUID | None:
    return (
        SenderAccount.objects.filter(id=sender_id).values_list("id", flat=True).first() if sender_id else None
    )
