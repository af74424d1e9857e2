"""Values of campaigns that a provider runs by itself: vendor-neutral, frozen, each with the raw object.

A provider-run campaign is made, filled, started and stopped by us and carried out by the provider. Statuses are
normalised and the vendor's word is kept beside them (``raw_status``). All times are aware UTC datetimes, all ids the
provider's as strings. No Django imports.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from integrations.values import Direction, Person, Raw, Value


class CampaignStatus(StrEnum):
    """How a provider-run campaign is."""

    DRAFT = "draft"
    #: Asked to run, and not running yet: queued, scheduled, starting.
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    ARCHIVED = "archived"
    UNKNOWN = "unknown"


class LeadStatus(StrEnum):
    """How far a person is in a provider-run campaign."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    REPLIED = "replied"
    COMPLETED = "completed"
    STOPPED = "stopped"
    #: The provider does not write to them: bounced, on its block list, excluded.
    BLOCKED = "blocked"
    FAILED = "failed"
    UNKNOWN = "unknown"


class StepAction(StrEnum):
    """What a step of a linear sequence does."""

    EMAIL = "email"
    INVITE = "invite"
    MESSAGE = "message"
    INMAIL = "inmail"
    PROFILE_VIEW = "profile_view"
    FOLLOW = "follow"
    LIKE_POST = "like_post"
    #: A step of the provider that we have no word for; only read, never pushed.
    OTHER = "other"


class CampaignSchedule(Value):
    """When a campaign may send. ``days`` are ISO weekdays (1 Monday to 7 Sunday), times ``HH:MM`` in ``timezone``."""

    timezone: str
    days: frozenset[int] = frozenset({1, 2, 3, 4, 5})
    start: str = "09:00"
    end: str = "17:00"
    #: Minutes between two messages of one sender, where the provider has such a setting.
    minutes_between: int | None = None
    #: People who may be newly approached each day, where the provider has such a setting.
    new_leads_per_day: int | None = None


class CampaignSettings(Value):
    """What can be set on a campaign; ``None`` leaves a setting as it is. Providers refuse what they lack."""

    name: str | None = None
    track_opens: bool | None = None
    track_clicks: bool | None = None
    plain_text: bool | None = None
    #: The sentence with the unsubscribe link, ``""`` for none.
    unsubscribe_text: str | None = None
    stop_on_reply: bool | None = None
    #: Messages each day over all senders.
    daily_limit: int | None = None
    new_leads_per_day: int | None = None


class ProviderCampaign(Value):
    """A campaign at the provider."""

    campaign_id: str
    name: str
    status: CampaignStatus
    raw_status: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    #: Ids of its senders, where the provider says so with the campaign.
    account_ids: tuple[str, ...] = ()
    #: The provider's list of leads behind it, ``""`` where there is none.
    list_id: str = ""
    schedule: CampaignSchedule | None = None
    settings: CampaignSettings | None = None
    lead_count: int | None = None
    raw: Raw = Field(default_factory=dict, repr=False)


class StepVariant(Value):
    """Another wording of a step."""

    subject: str = ""
    body: str


class SequenceStep(Value):
    """One step. ``wait_days`` and ``wait_hours`` pass since the step before (since the start, for the first).

    ``body`` is HTML for e-mail and plain text elsewhere. ``fallback`` is what is sent where a variable is unfilled,
    for providers that have such a text; an InMail's subject has ``fallback_subject``.
    """

    #: From 1.
    number: int
    action: StepAction
    wait_days: int = 0
    wait_hours: int = 0
    subject: str = ""
    body: str = ""
    fallback: str = ""
    fallback_subject: str = ""
    #: Whether it answers in the thread of the step before.
    same_thread: bool = False
    variants: tuple[StepVariant, ...] = ()
    #: The provider's own id, ``""`` for a step that was not saved yet.
    step_id: str = ""
    raw: Raw = Field(default_factory=dict, repr=False)


class ProviderSequence(Value):
    """The steps of a campaign. ``is_linear`` is false where the provider's own graph branches: ``steps`` is then its
    main path, and ``note`` says so.
    """

    campaign_id: str
    steps: tuple[SequenceStep, ...]
    is_linear: bool = True
    note: str = ""


class StepProblem(Value):
    """Why a provider cannot carry out a sequence. ``step`` is the step's number (0: the sequence as a whole)."""

    step: int
    field: str
    message: str


class NewLead(Value):
    """A person to add to a campaign. ``account_id`` is the sender to use, ``""`` for the provider's choice."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    title: str = ""
    phone: str = ""
    website: str = ""
    location: str = ""
    profile_url: str = ""
    account_id: str = ""
    #: Further variables by name.
    custom: dict[str, str] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """By what providers tell people apart: the e-mail address, else the profile's address."""
        return self.email.strip().lower() or self.profile_url.strip().rstrip("/").lower()


class LeadsAdded(Value):
    """What became of people who were handed over. Counts are the provider's; what it does not say is 0.

    ``refused`` names the people (``NewLead.key``) whom it refused for good, with the reason.
    """

    added: int = 0
    updated: int = 0
    duplicates: int = 0
    invalid: int = 0
    blocked: int = 0
    failed: int = 0
    #: Of whom the answer says nothing: they may have been taken or not.
    unsaid: int = 0
    refused: dict[str, str] = Field(default_factory=dict)
    #: Key -> the provider's lead id, where it says so.
    lead_ids: dict[str, str] = Field(default_factory=dict)
    note: str = ""


class ProviderLead(Value):
    """A person in a campaign at the provider. ``lead_id`` names the person, ``membership_id`` the person in it."""

    lead_id: str
    campaign_id: str
    membership_id: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    title: str = ""
    profile_url: str = ""
    #: The network's id of the person (LinkedIn).
    network_id: str = ""
    status: LeadStatus
    raw_status: str
    category_id: str = ""
    category: str = ""
    #: The sender that deals with them, ``""`` if not said.
    account_id: str = ""
    is_unsubscribed: bool = False
    #: Why it is as it is, in the provider's words.
    reason: str = ""
    added_at: datetime | None = None
    last_action_at: datetime | None = None
    custom: dict[str, str] = Field(default_factory=dict)
    raw: Raw = Field(default_factory=dict, repr=False)


class LeadCategory(Value):
    """A word that the provider sorts people's answers by. ``sentiment`` is ``positive``, ``negative`` or ``""``."""

    category_id: str
    name: str
    sentiment: str = ""


class ProviderMessage(Value):
    """A message of a provider-run campaign, or of a conversation that came of it.

    The same message has the same ids by webhook and from history. ``sequence_step_number`` of a reply is the step
    that it answers; ``None`` is a message outside of the sequence.
    """

    message_id: str = ""
    #: The network's id: the RFC 5322 id of a mail, else a digest of what identifies the message.
    provider_message_id: str = ""
    chat_id: str = ""
    #: What the provider wants to be told when the thread is answered.
    provider_chat_id: str = ""
    account_id: str = ""
    campaign_id: str = ""
    lead_id: str = ""
    direction: Direction
    raw_direction: str = ""
    person: Person = Person()
    subject: str = ""
    text: str = ""
    html: str = ""
    sent_at: datetime
    sequence_step_number: int | None = None
    is_automatic: bool = False
    is_inmail: bool = False
    open_count: int = 0
    click_count: int = 0
    raw: Raw = Field(default_factory=dict, repr=False)


class ThreadReply(Value):
    """An answer into a thread. ``answers`` is the newest message of theirs, by which providers find the thread."""

    answers: ProviderMessage
    text: str
    html: str = ""
    subject: str = ""
    copies: tuple[str, ...] = ()


class ProviderStatistics(Value):
    """Counters of a campaign as the provider counts them; ``None`` is what it does not count."""

    campaign_id: str
    leads: int | None = None
    contacted: int | None = None
    sent: int | None = None
    opened: int | None = None
    clicked: int | None = None
    replied: int | None = None
    bounced: int | None = None
    unsubscribed: int | None = None
    interested: int | None = None
    invited: int | None = None
    connected: int | None = None
    raw: Raw = Field(default_factory=dict, repr=False)
