"""The order in which people keep their campaigns: copies, folders, tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import transaction

from campaigns.models import Campaign, CampaignSender
from campaigns.services import campaigns, draft_history, live
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, User

MOST_TAGS: Final = 12
LONGEST_TAG: Final = 30
#: What a copy takes over from its origin. Leads, senders of other clients and everything that happened stay behind.
_COPIED: Final = (
    "time_zone", "use_lead_time_zone", "window", "holiday_country", "reply_stops", "exclusive", "reentry_days",
    "auto_winner", "needs_approval", "folder", "tags",
)  # fmt: skip


@transaction.atomic
def copy(
    *, campaign: Campaign, name: str, client: Client, actor: User, with_audience: bool = False
) -> Campaign:
    """Make a draft with the plan and settings of another campaign, for its client or another one.

    Leads are not taken over unless asked for and the client is the same; senders only within a client. Raises
    ``Invalid`` for a campaign that a provider runs.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 160:
        raise Invalid("A campaign's name has 1 to 160 characters.", field="name")
    same = client.id == campaign.client_id
    if campaign.kind == Campaign.Kind.PROVIDER:
        raise Invalid("What a provider runs is not copied: make a new one and write its steps.")
    made = campaigns.create(client=client, name=name, actor=actor)
    values = {field: getattr(campaign, field) for field in _COPIED}
    if campaign.template_id and (same or campaign.template.client_id is None):
        values |= {
            name: getattr(campaign, name) for name in ("template_id", "template_version", "template_hash")
        }
    if same and with_audience:
        values["audience"] = campaign.audience
    Campaign.objects.filter(id=made.id).update(copied_from=campaign, updated_at=now(), **values)
    if same:
        links = CampaignSender.objects.filter(campaign=campaign)
        CampaignSender.objects.bulk_create(
            [CampaignSender(campaign=made, sender_id=link.sender_id, pools=link.pools) for link in links]
        )
    if campaign.draft_plan:
        draft_history.record(
            campaign=made.refreshed(),
            plan=campaign.draft_plan,
            label=f"Copied from {campaign.name}",
            actor=actor,
        )
    audit.record(actor=actor, action="campaign.copied", subject=made, origin=str(campaign.id))
    return made.refreshed()


@transaction.atomic
def file(*, campaign: Campaign, folder: str, tags: Iterable[str], actor: User) -> Campaign:
    """Put a campaign into a folder (empty: none) and give it tags. Raises ``Invalid``."""
    folder = " ".join(folder.split())
    if len(folder) > 80:
        raise Invalid("A folder's name has at most 80 characters.", field="folder")
    wanted = list(dict.fromkeys(" ".join(tag.split()).lower() for tag in tags if tag.strip()))
    if len(wanted) > MOST_TAGS:
        raise Invalid(f"A campaign has at most {MOST_TAGS} tags.", field="tags")
    if any(len(tag) > LONGEST_TAG for tag in wanted):
        raise Invalid(f"A tag has at most {LONGEST_TAG} characters.", field="tags")
    Campaign.objects.filter(id=campaign.id).update(folder=folder, tags=wanted, updated_at=now())
    audit.record(actor=actor, action="campaign.filed", subject=campaign, folder=folder, tags=wanted)
    live.campaign_changed(campaign.id)
    return campaign.refreshed()
