"""What happens to relations, people, campaigns and accounts."""

from __future__ import annotations

from typing import Literal

from integrations.events.base import BaseEvent, dedupe_key
from integrations.running import CampaignStatus
from integrations.values import AccountStatus, Person


class InvitationSent(BaseEvent):
    """The provider has invited a person by itself, for a campaign that it runs."""

    kind: Literal["invitation_sent"] = "invitation_sent"
    person: Person
    #: The note, ``""`` for none.
    text: str = ""
    campaign_id: str = ""
    sequence_step_number: int | None = None

    @property
    def dedupe_key(self) -> str:
        """Account, campaign and person: a campaign invites a person once."""
        who = self.person.provider_id or f"p.{self.person.public_identifier}"
        return dedupe_key(self.kind, self.account_id, self.campaign_id, who)


class LeadCategorised(BaseEvent):
    """Somebody, or the provider's own reading, has sorted a person's answer (interested, not now, a tag)."""

    kind: Literal["lead_categorised"] = "lead_categorised"
    person: Person
    #: The word as the provider has it; several tags are separated by commas.
    category: str
    category_id: str = ""
    #: ``positive``, ``negative`` or ``""``, where the provider says so.
    sentiment: str = ""
    campaign_id: str = ""
    lead_id: str = ""

    @property
    def dedupe_key(self) -> str:
        """Campaign, person, category and instant: categories may change to and fro."""
        who = self.lead_id or self.person.email or self.person.provider_id
        instant = self.occurred_at.isoformat()
        return dedupe_key(self.kind, self.campaign_id, who, self.category_id or self.category, instant)


class CampaignStatusChanged(BaseEvent):
    """The provider says how a campaign of its own running is."""

    kind: Literal["campaign_status"] = "campaign_status"
    campaign_id: str
    status: CampaignStatus
    #: The vendor's word.
    raw_status: str

    @property
    def dedupe_key(self) -> str:
        """Campaign, status and instant."""
        return dedupe_key(self.kind, self.campaign_id, self.raw_status, self.occurred_at.isoformat())


class RelationCreated(BaseEvent):
    """The account and a person are connected now, whoever invited. Comes up to 8 hours late by webhook."""

    kind: Literal["relation_created"] = "relation_created"
    #: The new connection. Match by ``provider_id``, then ``public_identifier``.
    person: Person

    @property
    def dedupe_key(self) -> str:
        """Account and person: providers tell it again after a reconnect, and polls tell it too."""
        return dedupe_key(
            self.kind, self.account_id, self.person.provider_id or f"p.{self.person.public_identifier}"
        )


class AccountStatusChanged(BaseEvent):
    """The provider says how an account is. Applying it twice is harmless, and the same status may come again
    later and mean something, so that the time is part of the key.
    """

    kind: Literal["account_status"] = "account_status"
    #: The normalised status; ``None`` for news that changes no status (see ``raw_status``).
    status: AccountStatus | None
    #: The vendor's word, e.g. ``CREDENTIALS``, ``SYNC_SUCCESS``.
    raw_status: str

    @property
    def dedupe_key(self) -> str:
        """Account, status and time of receipt."""
        return dedupe_key(self.kind, self.account_id, self.raw_status, self.occurred_at.isoformat())
