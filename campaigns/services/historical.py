"""Historical connections: who of an account's connections is a lead, however long ago they connected (mission S4)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from campaigns.models import Campaign, CampaignSender, Enrollment, Lead, Relation
from campaigns.services import matching, reactions
from integrations.domain_events import RelationsListed, RelationsTold
from integrations.models import SenderAccount, SyncRun
from integrations.services import sync
from project.core.clock import now
from project.core.refusals import Refused
from project.tenancy.models import User


def request(
    *, campaign: Campaign, actor: User, sender: SenderAccount | None = None, trigger: str = "person"
) -> list[SyncRun]:
    """Have the connections of a campaign's LinkedIn accounts (or of one of them) matched with its leads.

    Accounts that are being read already are left out. Raises ``Refused`` if there is no account to read, or all of them
    are busy.
    """
    links = CampaignSender.objects.filter(campaign=campaign, sender__channel="linkedin")
    if sender is not None:
        links = links.filter(sender=sender)
    accounts = [link.sender for link in links.select_related("sender__connection")]
    if not accounts:
        raise Refused("No LinkedIn account works for this campaign.", code="NO_ACCOUNT")
    runs = [
        sync.request(
            sender=account, resource=sync.CONNECTIONS, trigger=trigger, actor=actor, campaign_id=campaign.id
        )
        for account in accounts
    ]
    asked = [run for run in runs if run is not None]
    if not asked:
        raise Refused("A synchronisation of this account is under way.", code="SYNC_RUNNING")
    return asked


def on_relations_listed(listed: RelationsListed) -> None:
    """Match a page of connections in a few statements, and tell the enrollments of those who are new."""
    sender, told = listed.sender, listed.told
    found = matching.match_people(sender=sender, people=listed.people)
    in_scope = _in_campaign(listed.campaign_id, {lead.id for lead in found.values()})
    leads = [lead.id for lead in found.values()]
    known = set(Relation.objects.filter(sender=sender, lead_id__in=leads).values_list("lead_id", flat=True))
    told.unmatched.extend(place for place in range(len(listed.people)) if place not in found)
    for place, lead in found.items():
        if in_scope is not None and lead.id not in in_scope:
            told.outside += 1
        elif lead.id in known:
            told.known += 1
        else:
            known.add(lead.id)
            _connect(sender, lead, listed.connected_at[place], told)


def _connect(sender: SenderAccount, lead: Lead, at: datetime, told: RelationsTold) -> None:
    reactions.connected(sender=sender, lead=lead, occurred_at=at, received_at=now())
    told.matched += 1


def _in_campaign(campaign_id: UUID | None, lead_ids: set[UUID]) -> set[UUID] | None:
    """Those leads that are in the campaign; ``None`` if there is none to be in."""
    if campaign_id is None:
        return None
    rows = Enrollment.objects.filter(campaign_id=campaign_id, lead_id__in=lead_ids)
    return set(rows.values_list("lead_id", flat=True))
