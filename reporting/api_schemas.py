"""What the JSON API of reports takes and gives. Every figure counts people, unless it says otherwise."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from ninja import Schema
from pydantic import Field


class PeriodIn(Schema):
    """How many whole days in the client's time zone, today included."""

    days: int = Field(28, ge=1, le=365)


class PeriodOut(Schema):
    """The days that are counted, both included, in a time zone."""

    first: date
    last: date
    time_zone: str


class FunnelStepOut(Schema):
    """A step of the funnel: people, and people at the step before (null for the first)."""

    label: str
    value: int
    before: int | None


class DayOut(Schema):
    """People on one local day."""

    day: date
    contacted: int
    replied: int


class CampaignFiguresOut(Schema):
    """What one campaign contributed."""

    campaign_id: UUID
    name: str
    contacted: int
    connected: int
    replied: int


class PeopleOut(Schema):
    """People to whom each happened in the period. Contacted: invited or messaged."""

    contacted: int
    enrolled: int
    invited: int
    connected: int
    messaged: int
    replied: int


class AnswersOut(Schema):
    """Replies of operators to waiting people: how many, and the mean wait in seconds (null without any)."""

    count: int
    mean_seconds: float | None


class LatestReplyOut(Schema):
    """The newest message of a person."""

    conversation_id: UUID
    lead_id: UUID | None
    campaign_id: UUID | None
    who: str
    company: str
    body: str
    occurred_at: datetime


class ClientSummaryOut(Schema):
    """A client's report."""

    client_id: UUID
    period: PeriodOut
    people: PeopleOut
    funnel: list[FunnelStepOut]
    days: list[DayOut]
    answered: AnswersOut
    campaigns: list[CampaignFiguresOut]
    replies: list[LatestReplyOut]
    counted_at: datetime


class CampaignSummaryOut(Schema):
    """A campaign's report. ``stages`` is where its leads are now, whatever the period."""

    campaign_id: UUID
    client_id: UUID
    period: PeriodOut
    people: PeopleOut
    funnel: list[FunnelStepOut]
    days: list[DayOut]
    stages: dict[str, int]
    counted_at: datetime


class ClientFiguresOut(Schema):
    """A client with the people contacted and replied in the last 28 days."""

    client_id: UUID
    name: str
    contacted: int
    replied: int


class UsageOut(Schema):
    """A daily budget of an account, in actions."""

    action: str
    used: int
    limit: int
    left: int


class RateUsageOut(Schema):
    """An account's budgets of its own local day, and when they begin anew."""

    sender_id: UUID
    name: str
    day: date
    resets_at: datetime
    budgets: list[UsageOut]


class AnsweringOut(Schema):
    """How promptly was answered. Seconds are medians, null for none; ``in_time`` is of ``promised``."""

    answers: int = 0
    reply_seconds: float | None = None
    first_answers: int = 0
    first_reply_seconds: float | None = None
    promised: int = 0
    in_time: int = 0
    broken: int = 0
    resolved: int = 0
    resolution_seconds: float | None = None


class PersonAnsweringOut(AnsweringOut):
    """One member's figures."""

    user_id: UUID


class ClientAnsweringOut(AnsweringOut):
    """One client's figures, and what is unread now."""

    client_id: UUID
    unread: int
    oldest_unread_at: datetime | None


class InboxFiguresOut(Schema):
    """How the team answers."""

    total: AnsweringOut
    people: list[PersonAnsweringOut]
    clients: list[ClientAnsweringOut]
