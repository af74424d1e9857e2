"""Parts of a report that no column of a fact names: hours of a week, times to reply, weekly cohorts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay

from reporting.charts import HEAT_HOURS, WEEKDAYS
from reporting.counting import LAST_WAIT, WAITS
from reporting.filters import Period
from reporting.models import Fact, FirstFact

#: Days within which a cohort's replies are looked at.
WITHIN: Final = (7, 14, 28)
_FIELDS: Final = ("hours", "weekday", "elsewhere", "left", "wait", "cohort", "within")


@dataclass(frozen=True, slots=True)
class Slice:
    """Which of the rows; nothing is set for all of them."""

    #: From an hour (included) until another of the client's day.
    hours: tuple[int, int] | None = None
    #: 0 is Monday.
    weekday: int | None = None
    #: All hours that the heat map does not show.
    elsewhere: bool = False
    #: Hours and days are those at which the answered message had left.
    left: bool = False
    #: Place among ``counting.WAITS``; one more for the last.
    wait: int | None = None
    #: The Monday of the week in which people were contacted first.
    cohort: date | None = None
    #: At most so many days after that.
    within: int | None = None

    @classmethod
    def of(cls, data: Mapping[str, str]) -> Slice:
        """Read an address; what makes no sense is as if it was not there."""
        first, _, last = data.get("hours", "").partition("-")
        start, until = _number(first, 23), _number(last, 24)
        try:
            cohort = date.fromisoformat(data.get("cohort", ""))
        except ValueError:
            cohort = None
        within = _number(data.get("within", ""), max(WITHIN))
        return cls(
            hours=(start, until) if start is not None and until is not None and start < until else None,
            weekday=_number(data.get("weekday", ""), 6),
            elsewhere=data.get("elsewhere") == "1",
            left=data.get("left") == "1",
            wait=_number(data.get("wait", ""), len(WAITS)),
            cohort=cohort if cohort and 2000 <= cohort.year <= 2100 else None,
            within=within if within in WITHIN else None,
        )

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self == Slice()

    @property
    def query(self) -> dict[str, str]:
        """The same as an address names it."""
        given = {
            "hours": f"{self.hours[0]}-{self.hours[1]}" if self.hours else "",
            "weekday": "" if self.weekday is None else str(self.weekday),
            "elsewhere": "1" if self.elsewhere else "",
            "left": "1" if self.left else "",
            "wait": "" if self.wait is None else str(self.wait),
            "cohort": self.cohort.isoformat() if self.cohort else "",
            "within": str(self.within) if self.within else "",
        }
        return {name: given[name] for name in _FIELDS if given[name]}

    @property
    def words(self) -> list[str]:
        """What is looked at, for people."""
        when = f"{self.hours[0]}:00 to {self.hours[1]}:00" if self.hours else ""
        if self.weekday is not None:
            when = f"{WEEKDAYS[self.weekday]} {when}".strip()
        if self.elsewhere:
            when = f"before {HEAT_HOURS.start}:00 or after {HEAT_HOURS.stop}:00"
        if when and self.left:
            when = f"the answered message left {when}"
        names = [*(name for _, name in WAITS), LAST_WAIT]
        return [
            part
            for part in (
                when,
                f"replied {names[self.wait]}" if self.wait is not None else "",
                f"first contacted in the week from {self.cohort:%-d %B}" if self.cohort else "",
                f"within {self.within} days" if self.within else "",
            )
            if part
        ]

    def period(self, asked: Period, today: date) -> Period:
        """The days that are looked at: those asked for, or of a cohort all since it began."""
        if self.cohort is None:
            return asked
        return Period(self.cohort, max(self.cohort, today), asked.zone)

    def apply(self, rows: QuerySet[Fact], period: Period) -> QuerySet[Fact]:
        """Those of the rows; ``contact`` is annotated. All of them belong to a campaign, like the sums shown."""
        if self.is_whole:
            return rows
        rows = rows.filter(campaign_id__isnull=False)
        if self.hours or self.weekday is not None or self.elsewhere or self.left:
            rows = self._at_hours(rows, period)
        if self.wait is not None:
            bounds: list[int | None] = [0, *(bound for bound, _ in WAITS), None]
            low, high = bounds[self.wait], bounds[self.wait + 1]
            rows = rows.filter(value__isnull=False)
            rows = rows.filter(value__gte=low) if self.wait else rows
            rows = rows.filter(value__lt=high) if high is not None else rows
        return rows.filter(Exists(self._cohort(period.zone))) if self.cohort else rows

    def _at_hours(self, rows: QuerySet[Fact], period: Period) -> QuerySet[Fact]:
        at: Any = F("occurred_at")
        if self.left:
            rows = rows.filter(value__isnull=False)
            waited = ExpressionWrapper(F("value") * Value(timedelta(seconds=1)), output_field=DurationField())
            at = ExpressionWrapper(
                F("occurred_at") - waited, output_field=Fact._meta.get_field("occurred_at")
            )
        rows = rows.alias(at=at)
        if self.left:
            rows = rows.filter(at__gte=period.start, at__lt=period.end)
        rows = rows.alias(
            hour=ExtractHour("at", tzinfo=period.zone), weekday=ExtractIsoWeekDay("at", tzinfo=period.zone)
        )
        if self.hours:
            rows = rows.filter(hour__gte=self.hours[0], hour__lt=self.hours[1])
        if self.elsewhere:
            rows = rows.filter(Q(hour__lt=HEAT_HOURS.start) | Q(hour__gte=HEAT_HOURS.stop))
        return rows.filter(weekday=self.weekday + 1) if self.weekday is not None else rows

    def _cohort(self, zone: ZoneInfo) -> QuerySet[FirstFact]:
        assert self.cohort is not None
        begins = datetime.combine(self.cohort, time(), zone)
        firsts: QuerySet[FirstFact] = FirstFact.objects.filter(
            contact_id=OuterRef("contact"), kind="contacted",
            first_at__gte=begins, first_at__lt=datetime.combine(self.cohort + timedelta(days=7), time(), zone),
        )  # fmt: skip
        if self.within:
            firsts = firsts.filter(first_at__gt=OuterRef("occurred_at") - timedelta(days=self.within))
        return firsts


def _number(text: str, most: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 and int(text) <= most else None
