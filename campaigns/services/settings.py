"""Settings of a campaign as one validated value, shared by form, API and engine."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from campaigns.models import Campaign
from campaigns.scheduling import Calendar, SendingWindow, parse_time, zone


class Audience(BaseModel):
    """Whom a campaign approaches: the leads of one import, or all leads of the client."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["all", "import"] = "all"
    import_id: UUID | None = None


class CampaignSettings(BaseModel):
    """Name, when, whom, by whom."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=160)
    time_zone: str
    use_lead_time_zone: bool = False
    weekdays: list[int] = Field(min_length=1, max_length=7)
    start: str = Field(pattern=r"^\d\d:\d\d$")
    end: str = Field(pattern=r"^\d\d:\d\d$")
    holiday_country: str = Field(default="", max_length=2)
    audience: Audience = Audience()
    sender_ids: list[UUID] = Field(default_factory=list, max_length=100)
    #: Pools that steps may name, each with some of the senders; absent: as they are.
    sender_pools: dict[str, list[UUID]] | None = None
    reply_stops: Literal["campaign", "lead", "company"] = "lead"
    exclusive: bool = False
    reentry_days: int = Field(default=0, ge=0, le=3650)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        zone(value)
        return value

    @field_validator("start", "end")
    @classmethod
    def _time(cls, value: str) -> str:
        parse_time(value)
        return value

    @field_validator("weekdays")
    @classmethod
    def _weekdays(cls, value: list[int]) -> list[int]:
        if any(day not in range(7) for day in value):
            raise ValueError("Weekdays go from 0 (Monday) to 6 (Sunday).")
        return sorted(set(value))

    @field_validator("holiday_country")
    @classmethod
    def _country(cls, value: str) -> str:
        country = value.strip().upper()
        if country:
            Calendar(holiday_country=country)
        return country

    @model_validator(mode="after")
    def _pools_of_senders(self) -> Self:
        for name, members in (self.sender_pools or {}).items():
            if not 1 <= len(name) <= 64:
                raise ValueError("The name of a pool has 1 to 64 characters.")
            if not set(members) <= set(self.sender_ids):
                raise ValueError(f"The pool {name!r} has senders that the campaign does not have.")
        return self

    @model_validator(mode="after")
    def _possible_window(self) -> Self:
        self.window()
        return self

    def window(self) -> dict[str, Any]:
        """The sending window as it is stored. Raises ``ValueError`` for impossible times."""
        data = {"weekdays": self.weekdays, "start": self.start, "end": self.end}
        SendingWindow.from_json(data)
        return data

    def columns(self) -> dict[str, Any]:
        """The columns of ``Campaign`` that these settings fill."""
        return {
            "name": self.name,
            "time_zone": self.time_zone,
            "use_lead_time_zone": self.use_lead_time_zone,
            "window": self.window(),
            "holiday_country": self.holiday_country,
            "audience": self.audience.model_dump(mode="json"),
            "reply_stops": self.reply_stops,
            "exclusive": self.exclusive,
            "reentry_days": self.reentry_days,
        }

    def pools_of(self, sender_id: UUID) -> list[str]:
        """The pools that a sender belongs to, by name."""
        return sorted(name for name, members in (self.sender_pools or {}).items() if sender_id in members)


def calendar_of(campaign: Campaign) -> Calendar:
    """The calendar of a campaign: its window; days without a window are no working days; holidays."""
    window = campaign.window
    return _calendar(
        tuple(window["weekdays"]),
        window["start"],
        window["end"],
        campaign.holiday_country,
        tuple(campaign.own_holidays),
    )


@lru_cache(maxsize=1024)
def _calendar(
    weekdays: tuple[int, ...], start: str, end: str, country: str, own_holidays: tuple[str, ...]
) -> Calendar:
    # Asked for every action; campaigns with the same settings share one.
    window = SendingWindow.from_json({"weekdays": list(weekdays), "start": start, "end": end})
    return Calendar(
        windows=(window,),
        days_off=frozenset(range(7)) - window.weekdays,
        holiday_country=country,
        own_holidays=frozenset(date.fromisoformat(day) for day in own_holidays),
    )
