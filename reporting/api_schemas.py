"""What the JSON API of reports takes and gives. Every figure counts people, unless it says otherwise."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from ninja import Schema
from pydantic import AliasChoices, Field

from project.core.api_pages import PageIn
from reporting.filters import Filters


class PeriodIn(Schema):
    """Whole days in the client's time zone, today included; or the days from one to another."""

    days: int = Field(28, ge=1, le=365)
    from_day: date | None = Field(None, alias="from", description="The first day; needs `to`.")
    to_day: date | None = Field(None, alias="to", description="The last day, at most 400 days later.")

    def filters(self, time_zone: str) -> Filters:
        """What a report takes."""
        return Filters.of(self.given(), ZoneInfo(time_zone))

    def given(self) -> dict[str, str]:
        """The same as the address of a page says it."""
        given = {"days": str(self.days)}
        if self.from_day and self.to_day:
            given |= {"from": self.from_day.isoformat(), "to": self.to_day.isoformat()}
        return given


class ReportIn(PeriodIn):
    """The days, and the channel, sender and list that the report is narrowed to.

    What several of them have in common is counted when asked for: 422 `TOO_MANY_EVENTS` above 200,000 events.
    """

    channel: Literal["linkedin", "email", "sms"] | None = None
    sender: UUID | None = None
    list_id: UUID | None = Field(None, alias="list", description="An import of leads.")
    campaign: UUID | None = Field(None, description="One campaign of a client's report.")

    def given(self) -> dict[str, str]:
        """The same as the address of a page says it."""
        more = {
            "channel": self.channel, "sender": self.sender, "list": self.list_id, "campaign": self.campaign,
        }  # fmt: skip
        return super().given() | {name: str(value) for name, value in more.items() if value}


class PeriodOut(Schema):
    """The days that are counted, both included, in a time zone."""

    first: date
    last: date
    time_zone: str


class FunnelStepOut(Schema):
    """A step of a funnel: people, and the people that it is a share of (null for the first), named by `of`."""

    kind: str
    label: str
    value: int
    before: int | None
    of: str


class ChannelFunnelOut(Schema):
    """The funnel of one channel."""

    channel: str
    funnel: list[FunnelStepOut]


class DayOut(Schema):
    """People on one local day, or in the days from it until the next."""

    day: date
    contacted: int
    replied: int
    positive: int
    positive_before: int | None


class PartOut(Schema):
    """What one part contributed: messages that left, and people, each once per campaign."""

    key: str
    name: str
    sent: int
    contacted: int
    emailed: int
    delivered: int
    opened: int
    bounced: int
    complained: int
    unsubscribed: int
    replied: int
    positive: int
    meeting: int


class SequenceStepOut(Schema):
    """One step: messages that left, and the people whose replies answer it."""

    node_id: str
    label: str
    channel: str
    sent: int
    contacted: int
    replied: int
    positive: int
    meeting: int
    bounced: int
    unsubscribed: int


class CampaignFiguresOut(Schema):
    """What one campaign contributed."""

    campaign_id: UUID
    name: str
    sent: int
    contacted: int
    replied: int
    positive: int
    meeting: int


class TotalOut(Schema):
    """All parts together."""

    sent: int
    contacted: int
    replied: int
    positive: int
    meeting: int


class PeopleOut(Schema):
    """People to whom each happened in the period for the first time, each once per campaign."""

    enrolled: int
    contacted: int
    reached: int
    invited: int
    connected: int
    messaged: int
    emailed: int
    texted: int
    delivered: int
    opened: int
    clicked: int
    machine_opened: int
    replied: int
    positive: int
    meeting: int
    away: int
    bounced: int
    complained: int
    unsubscribed: int
    qualified: int
    disqualified: int


class RowsIn(PageIn, ReportIn):
    """Which rows: the filters of a report, and the part of it that a number stands for."""

    client: UUID | None = None
    kind: str = Field("replied", description="What they count as, e.g. `contacted`, `replied`, `positive`.")
    node: str = ""
    variant: str = ""
    domain: str = ""
    hours: str = Field("", description="`9-11`: from 9:00 until 11:00 of the client's day.")
    weekday: int | None = Field(None, ge=0, le=6, description="0 is Monday.")
    left: bool = Field(False, description="Hours and days are those at which the answered message had left.")
    wait: int | None = Field(None, ge=0, description="Place in `waits` of a report.")
    cohort: date | None = Field(
        None, description="The Monday of the week in which they were contacted first."
    )
    within: Literal["7", "14", "28"] | None = Field(None, description="Days after that.")
    each: bool = Field(False, description="Each time, not only the first per person.")
    user: UUID | None = Field(None, description="The member who did it (answers).")
    campaigns: bool = Field(False, description="Only what belongs to a campaign, whichever.")

    def given(self) -> dict[str, str]:
        """The same as the address of a page says it."""
        names = (
            "client",
            "kind",
            "node",
            "variant",
            "domain",
            "hours",
            "weekday",
            "wait",
            "cohort",
            "within",
            "user",
        )
        more = {name: str(value) for name in names if (value := getattr(self, name)) not in (None, "")}
        flags = {name: "1" for name in ("left", "each", "campaigns") if getattr(self, name)}
        return super().given() | more | flags


class RowOut(Schema):
    """One fact that a number was counted from. ``value``: seconds, where it has a measured time."""

    id: UUID
    occurred_at: datetime
    kind: str
    client_id: UUID
    campaign_id: UUID | None
    enrollment_id: UUID | None
    lead_id: UUID | None
    sender_id: UUID | None
    conversation_id: UUID | None
    node_id: str
    variant_id: str
    channel: str
    domain: str
    list_id: UUID | None
    value: int | None


class WaitOut(Schema):
    """How many replied within a span."""

    name: str
    value: int


class BestTimeOut(Schema):
    """The two hours whose messages are answered most often, with both figures."""

    weekday: str
    from_hour: int = Field(validation_alias=AliasChoices("from", "from_hour"))
    until_hour: int = Field(validation_alias=AliasChoices("until", "until_hour"))
    replies: int
    sends: int


class ForecastOut(Schema):
    """How many more in so many days: eight times in ten between low and high. ``held`` of ``tested`` earlier ones."""

    days: int
    expected: int
    low: int
    high: int
    held: int
    tested: int


class ReportOutlookOut(Schema):
    """What the coming days may bring, null where there is too little to say."""

    until: date
    #: Without anything that is being sent there is no forecast.
    is_running: bool
    positive: ForecastOut | None = None
    replied: ForecastOut | None = None
    sends: ForecastOut | None = None


class CohortOut(Schema):
    """People first contacted in one week, and how many of them replied within 1, 2, 4 weeks and ever."""

    week: date
    contacted: int
    within_1: int
    within_2: int
    within_4: int
    replied: int
    positive: int
    meeting: int


class TimeseriesOut(Schema):
    """People over time."""

    campaign_id: UUID
    period: PeriodOut
    step: str
    days: list[DayOut]
    counted_at: datetime | None


class SideOut(Schema):
    """One side of a comparison."""

    period: PeriodOut
    campaigns: list[PartOut]
    all: PartOut


class ComparativeOut(Schema):
    """Campaigns side by side, in these days and before."""

    client_id: UUID
    current: SideOut
    before: SideOut


class ActivityOut(Schema):
    """One thing that happened."""

    occurred_at: datetime
    kind: str
    client_id: UUID
    campaign_id: UUID | None
    lead_id: UUID | None
    who: str


class PaceOut(Schema):
    """Today so far, and the mean of the same hours of the same weekday in the last four weeks."""

    kind: str
    today: int
    usual: float


class RealTimeOut(Schema):
    """Today so far and what happened last."""

    day: date
    time_zone: str
    pace: list[PaceOut]
    activity: list[ActivityOut]
    counted_at: datetime | None


class AnswersOut(Schema):
    """Answers of operators: how many to people who waited, the mean wait in seconds, promises and closings."""

    answers: int
    waited: int
    mean_seconds: float | None
    first_answers: int
    first_seconds: float | None
    promised: int
    kept: int
    broken: int
    resolved: int
    resolution_seconds: float | None


class ReplyCommentOut(Schema):
    """A note that the client's people see: their own, or one of the agency that is shown to them."""

    author: str
    body: str
    at: datetime


class LatestReplyOut(Schema):
    """The newest message of a person."""

    conversation_id: UUID
    lead_id: UUID | None
    campaign_id: UUID | None
    who: str
    company: str
    body: str
    verdict: str = Field(description="The client's word: qualified, disqualified, or empty.")
    occurred_at: datetime
    comments: list[ReplyCommentOut]


class FiguresOut(Schema):
    """What reports of clients and of campaigns share."""

    period: PeriodOut
    people: PeopleOut
    before: PeopleOut | None
    messages: int
    funnel: list[FunnelStepOut]
    channels: list[ChannelFunnelOut]
    days: list[DayOut]
    waits: list[WaitOut]
    best_time: BestTimeOut | None
    outlook: ReportOutlookOut
    counted_at: datetime | None


class ClientSummaryOut(FiguresOut):
    """A client's report. ``answered`` is null where it is narrowed: answers are known of the whole client only."""

    client_id: UUID
    answered: AnswersOut | None
    campaigns: list[CampaignFiguresOut]
    all_campaigns: TotalOut
    senders: list[PartOut]
    replies: list[LatestReplyOut]


class CampaignSummaryOut(FiguresOut):
    """A campaign's report. ``stages`` is where its leads are now, whatever the period."""

    campaign_id: UUID
    client_id: UUID
    stages: dict[str, int]
    senders: list[PartOut]
    lists: list[PartOut]
    domains: list[PartOut]


class ClientFiguresOut(Schema):
    """A client with the people contacted and replied in the last 28 days."""

    client_id: UUID
    name: str
    contacted: int
    replied: int
    positive: int
    meeting: int


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
