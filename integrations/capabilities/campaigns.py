"""Campaigns that a provider carries out by itself (mission C1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from integrations.events import Normalised
from integrations.running import (
    CampaignSchedule,
    CampaignSettings,
    LeadCategory,
    LeadsAdded,
    NewLead,
    ProviderCampaign,
    ProviderLead,
    ProviderMessage,
    ProviderSequence,
    ProviderStatistics,
    SequenceStep,
    StepProblem,
    ThreadReply,
)
from integrations.values import Account, Page, SendReceipt


@runtime_checkable
class RunsCampaigns(Protocol):
    """Carries campaigns out by itself (mission C1, provider-run)."""

    def list_campaigns(self, *, cursor: str | None = None, limit: int = 100) -> Page[ProviderCampaign]:
        """Return a page of the campaigns of these credentials."""
        ...

    def get_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Return one campaign. Kind ``not_found`` if it is gone."""
        ...

    def create_campaign(self, *, name: str, account_ids: Sequence[str] = ()) -> ProviderCampaign:
        """Make a draft. Sent once: kind ``indeterminate`` means that the list has to be looked at.

        ``account_ids`` are its senders, for providers that want them from the start.
        """
        ...

    def change_settings(self, campaign_id: str, settings: CampaignSettings) -> None:
        """Change settings. Kind ``unsupported``, before anything is changed, for one that the provider lacks."""
        ...

    def change_schedule(self, campaign_id: str, schedule: CampaignSchedule) -> None:
        """Set when the campaign may send. Kind ``validation`` for what the provider cannot express."""
        ...

    def start_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Start or resume, and return the campaign as it is afterwards, read back."""
        ...

    def pause_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Pause, and return the campaign as it is afterwards, read back."""
        ...

    def stop_campaign(self, campaign_id: str) -> ProviderCampaign:
        """End it for good. Kind ``unsupported`` where the provider can only pause."""
        ...


@runtime_checkable
class KeepsSequences(Protocol):
    """Keeps the steps of a campaign."""

    def check_sequence(self, steps: Sequence[SequenceStep]) -> tuple[StepProblem, ...]:
        """Say what of a linear sequence the provider cannot express. Pure: nothing is pushed."""
        ...

    def get_sequence(self, campaign_id: str) -> ProviderSequence:
        """Return the steps, in order."""
        ...

    def save_sequence(self, campaign_id: str, steps: Sequence[SequenceStep]) -> ProviderSequence:
        """Replace the steps and return them as the provider has them. Kind ``validation`` with the first of
        ``check_sequence``'s problems, before anything is pushed.
        """
        ...


@runtime_checkable
class AssignsSenders(Protocol):
    """Says which sender accounts a campaign uses."""

    def campaign_accounts(self, campaign_id: str) -> tuple[Account, ...]:
        """Return the accounts of a campaign."""
        ...

    def set_campaign_accounts(self, campaign_id: str, account_ids: Sequence[str]) -> None:
        """Make these the campaign's accounts, and no others."""
        ...


@runtime_checkable
class KeepsLeads(Protocol):
    """Keeps the people of a campaign. ``lead_batch`` is how many it takes in one call."""

    lead_batch: int

    def add_leads(self, campaign_id: str, leads: Sequence[NewLead]) -> LeadsAdded:
        """Add at most ``lead_batch`` people. Sent once; the provider tells people apart by ``NewLead.key``, so that
        handing the same ones over again after ``indeterminate`` adds nobody twice.
        """
        ...

    def list_leads(
        self, campaign_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[ProviderLead]:
        """Return a page of a campaign's people; an empty one with a note where the provider has no such list."""
        ...


@runtime_checkable
class HoldsLeads(Protocol):
    """Can hold a campaign for one person."""

    def pause_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Hold."""
        ...

    def resume_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Go on after a pause."""
        ...


@runtime_checkable
class StopsLeads(Protocol):
    """Can end a campaign for one person."""

    def stop_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Send no more of this campaign to this person. Kind ``not_found`` if they are not in it."""
        ...


@runtime_checkable
class CategorisesLeads(Protocol):
    """Sorts people by their answers."""

    def list_categories(self) -> tuple[LeadCategory, ...]:
        """Return the words there are."""
        ...

    def set_category(self, campaign_id: str, lead: ProviderLead, category_id: str, *, pause: bool) -> None:
        """Sort a person, ``""`` to unsort; ``pause`` holds the campaign for them as well."""
        ...


@runtime_checkable
class KeepsThreads(Protocol):
    """Has the messages of provider-run campaigns and can answer into their threads."""

    def lead_messages(self, campaign_id: str, lead: ProviderLead) -> Page[ProviderMessage]:
        """Return the thread with one person, oldest first, on one page."""
        ...

    def list_replies(
        self,
        *,
        after: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
        own: bool = False,
    ) -> Page[ProviderMessage]:
        """Return a page of what people wrote, over all campaigns, newest first; with a note where the provider or
        the connection's mode does not give it. ``own`` adds what our side wrote in the same threads.

        ``after`` is when the provider took a message in, where it tells that: it may be long after ``sent_at``.
        """
        ...

    def events_from_thread(self, message: ProviderMessage, *, seen_at: datetime) -> Normalised:
        """Turn a polled message into the events that the webhook would have given, with the same keys."""
        ...

    def reply_to_thread(self, reply: ThreadReply) -> SendReceipt:
        """Answer. Sent once; kind ``indeterminate`` is settled by reading the thread."""
        ...


@runtime_checkable
class CountsCampaigns(Protocol):
    """Counts what its campaigns came to."""

    def campaign_statistics(self, campaign_id: str) -> ProviderStatistics:
        """Return the provider's own counters."""
        ...
