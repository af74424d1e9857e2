"""Calendars, durations and pacing: windows, quiet hours, holidays, clock changes."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from campaigns.scheduling import (
    ALWAYS,
    Calendar,
    CalendarNeverOpens,
    InvalidDuration,
    QuietHours,
    SendingWindow,
    UnknownHolidayCountry,
    UnknownZone,
    add_duration,
    is_open,
    limit_day,
    next_limit_reset,
    next_opening,
    opening_at_or_after,
    parse_duration,
    spread,
    to_instant,
    zone,
    zone_for,
)

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",  # changes by half an hour
            "Africa/Cairo",  # its gap begins at midnight
            "Asia/Kolkata",
            "Pacific/Apia",  # skipped 30 December 2011
            "America/St_Johns",
            "UTC",
        )
    ]
)
MOMENTS = st.datetimes(datetime(2011, 12, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TIMES = st.times().map(lambda value: value.replace(second=0, microsecond=0))
WEEKDAYS = frozenset(range(5))
NINE_TO_FIVE = SendingWindow(WEEKDAYS, time(9), time(17))
OFFICE = Calendar(windows=(NINE_TO_FIVE,))


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN).astimezone(UTC)  # type: ignore[arg-type, misc]


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    windows = draw(
        st.lists(
            st.builds(SendingWindow, st.frozensets(st.integers(0, 6), min_size=1), TIMES, TIMES),
            min_size=1,
            max_size=3,
        )
    )
    start, end = draw(TIMES), draw(TIMES)
    quiet = (QuietHours(start, end),) if start != end and draw(st.booleans()) else ()
    return Calendar(
        windows=tuple(windows),
        days_off=draw(st.frozensets(st.integers(0, 6), max_size=3)),
        holiday_country=draw(st.sampled_from(["", "DE", "US"])),
        quiet_hours=quiet,
    )


class TestWindows:
    @pytest.mark.parametrize(
        ("moment", "opens"),
        [
            (berlin(2026, 3, 2, 9), berlin(2026, 3, 2, 9)),
            (berlin(2026, 3, 2, 16, 59, 59), berlin(2026, 3, 2, 16, 59, 59)),
            (berlin(2026, 3, 2, 17), berlin(2026, 3, 3, 9)),
            (berlin(2026, 3, 6, 17), berlin(2026, 3, 9, 9)),
            (berlin(2026, 3, 7, 12), berlin(2026, 3, 9, 9)),
            (berlin(2026, 3, 2, 8, 59, 59), berlin(2026, 3, 2, 9)),
        ],
    )
    def test_half_open_and_weekends_off(self, moment: datetime, opens: datetime) -> None:
        assert next_opening(moment, OFFICE, BERLIN) == opens

    def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens(self) -> None:
        friday_night = Calendar(
            windows=(SendingWindow(frozenset({4}), time(22), time(2)),), days_off=frozenset({5})
        )
        assert is_open(berlin(2026, 3, 7, 1, 59), friday_night, BERLIN), "a Saturday, but Friday's window"
        assert not is_open(berlin(2026, 3, 7, 2), friday_night, BERLIN)
        assert not is_open(berlin(2026, 3, 6, 1), friday_night, BERLIN), "a Friday, but Thursday's night"

    def test_holidays_of_the_country_and_own_ones(self) -> None:
        german = Calendar(
            windows=(NINE_TO_FIVE,), holiday_country="DE", own_holidays=frozenset({date(2026, 5, 4)})
        )
        assert next_opening(berlin(2026, 5, 1, 10), german, BERLIN) == berlin(2026, 5, 5, 9)
        bavarian = Calendar(windows=(NINE_TO_FIVE,), holiday_country="DE-BY")
        assert next_opening(berlin(2026, 1, 6, 10), bavarian, BERLIN) == berlin(2026, 1, 7, 9)

    def test_an_unknown_country_is_refused(self) -> None:
        with pytest.raises(UnknownHolidayCountry):
            Calendar(holiday_country="XX")

    def test_quiet_hours_cut_the_window(self) -> None:
        quiet = OFFICE.with_quiet_hours(QuietHours(time(12), time(13)))
        assert next_opening(berlin(2026, 3, 2, 12), quiet, BERLIN) == berlin(2026, 3, 2, 13)
        assert is_open(berlin(2026, 3, 2, 11, 59, 59), quiet, BERLIN)

    def test_quiet_hours_over_midnight(self) -> None:
        calendar = Calendar(
            windows=(ALWAYS,), days_off=frozenset(), quiet_hours=(QuietHours(time(21), time(7, 30)),)
        )
        assert next_opening(berlin(2026, 3, 2, 23), calendar, BERLIN) == berlin(2026, 3, 3, 7, 30)
        assert next_opening(berlin(2026, 3, 3, 3), calendar, BERLIN) == berlin(2026, 3, 3, 7, 30)

    def test_a_window_in_a_gap_opens_at_its_end(self) -> None:
        night = Calendar(windows=(SendingWindow(frozenset({6}), time(2, 15), time(4)),), days_off=frozenset())
        assert next_opening(berlin(2026, 3, 29, 0), night, BERLIN) == berlin(2026, 3, 29, 3)

    def test_a_vacuous_calendar_says_so(self) -> None:
        for calendar in (
            Calendar(windows=(SendingWindow(frozenset({5}), time(9), time(17)),)),
            Calendar(windows=(NINE_TO_FIVE,), quiet_hours=(QuietHours(time(8), time(18)),)),
        ):
            with pytest.raises(CalendarNeverOpens, match="no sending time in the next 400 days"):
                next_opening(berlin(2026, 3, 2), calendar, BERLIN)
        never = Calendar(days_off=frozenset(range(7)))
        with pytest.raises(CalendarNeverOpens, match="no working day"):
            add_duration(berlin(2026, 3, 2), "P1D", working_days=True, calendar=never, tz=BERLIN)

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"weekdays": [], "start": "09:00", "end": "17:00"},
            {"weekdays": [7], "start": "09:00", "end": "17:00"},
            {"weekdays": [0], "start": "9:00", "end": "17:00"},
            {"weekdays": [0], "start": "24:00", "end": "17:00"},
            {"weekdays": None, "start": "09:00", "end": "17:00"},
        ],
    )
    def test_a_malformed_window_is_refused(self, data: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=r"."):
            SendingWindow.from_json(data)

    @settings(max_examples=150, deadline=None)
    @given(moment=MOMENTS, calendar=calendars(), tz=ZONES)
    def test_next_opening_is_open_not_earlier_and_stays(
        self, moment: datetime, calendar: Calendar, tz: ZoneInfo
    ) -> None:
        try:
            opens = next_opening(moment, calendar, tz)
        except CalendarNeverOpens:
            return
        assert opens >= moment
        assert is_open(opens, calendar, tz)
        assert next_opening(opens, calendar, tz) == opens
        local = opens.astimezone(tz)
        assert not any(_within(local.time(), quiet.start, quiet.end) for quiet in calendar.quiet_hours)

    @settings(max_examples=100, deadline=None)
    @given(
        moment=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(days=9)), calendar=calendars(), tz=ZONES
    )
    def test_next_opening_is_monotone(
        self, moment: datetime, later: timedelta, calendar: Calendar, tz: ZoneInfo
    ) -> None:
        try:
            first, second = next_opening(moment, calendar, tz), next_opening(moment + later, calendar, tz)
        except CalendarNeverOpens:
            return
        assert first <= second
        if first > moment + later:
            assert first == second, "nothing opens between a closed moment and its next opening"

    @settings(max_examples=100, deadline=None)
    @given(moment=MOMENTS, calendar=calendars(), tz=ZONES, seed=st.text(max_size=8))
    def test_spread_stays_in_the_opening_and_is_stable(
        self, moment: datetime, calendar: Calendar, tz: ZoneInfo, seed: str
    ) -> None:
        try:
            start, end = opening_at_or_after(moment, calendar, tz)
        except CalendarNeverOpens:
            return
        due = spread(moment, calendar, tz, seed=seed)
        assert max(start, moment) <= due < end
        assert due == spread(moment, calendar, tz, seed=seed) == spread(due, calendar, tz, seed=seed)


def _within(local: time, start: time, end: time) -> bool:
    return start <= local < end if start < end else (local >= start or local < end)


class TestSpread:
    def test_what_is_open_leaves_at_once(self) -> None:
        moment = berlin(2026, 3, 2, 10)
        assert spread(moment, OFFICE, BERLIN, seed="x") == moment

    def test_what_piled_up_does_not_leave_in_a_burst(self) -> None:
        saturday = berlin(2026, 3, 7, 12)
        dues = sorted(spread(saturday, OFFICE, BERLIN, seed=str(number)) for number in range(400))
        first_hour = [due for due in dues if due < berlin(2026, 3, 9, 10)]
        assert 25 < len(first_hour) < 80  # an eighth of the window
        assert len(set(dues)) > 380

    def test_it_may_be_kept_to_the_beginning_of_the_window(self) -> None:
        saturday = berlin(2026, 3, 7, 12)
        over = timedelta(minutes=30)
        dues = [spread(saturday, OFFICE, BERLIN, seed=str(number), over=over) for number in range(50)]
        assert max(dues) < berlin(2026, 3, 9, 9, 30)


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "days", "hours"),
        [
            ("P3D", 3, 0),
            ("P2W", 14, 0),
            ("PT72H", 0, 72),
            ("P1DT6H", 1, 6),
            ("PT90M", 0, 1.5),
            ("P180D", 180, 0),
        ],
    )
    def test_parses(self, text: str, days: int, hours: float) -> None:
        duration = parse_duration(text)
        assert (duration.days, duration.elapsed) == (days, timedelta(hours=hours))

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "Not a duration"),
            ("3D", "Not a duration"),
            ("P", "Not a duration"),
            ("PT", "Not a duration"),
            ("P1DT", "Not a duration"),
            ("P1.5D", "Not a duration"),
            ("-P1D", "Not a duration"),
            ("P1W2D", "Not a duration"),
            ("P1D\n", "Not a duration"),
            ("P\uff11D", "Not a duration"),
            ("P0D", "longer than zero"),
            ("PT0S", "longer than zero"),
            ("P1M", "no fixed length"),
            ("P1Y", "no fixed length"),
            ("P181D", "Longer than 180"),
            ("P180DT1S", "Longer than 180"),
            ("PT999999999H", "Longer than 180"),
        ],
    )
    def test_refuses_with_the_reason(self, text: str, why: str) -> None:
        with pytest.raises(InvalidDuration, match=why):
            parse_duration(text)

    @given(st.text(max_size=20))
    def test_any_text_parses_or_is_refused(self, text: str) -> None:
        with contextlib.suppress(InvalidDuration):
            assert parse_duration(text).nominal > timedelta(0)

    def test_days_keep_the_time_of_day_over_a_clock_change(self) -> None:
        before = berlin(2026, 3, 28, 9, 30)
        after = add_duration(before, "P1D", working_days=False, calendar=OFFICE, tz=BERLIN)
        assert after == berlin(2026, 3, 29, 9, 30)
        assert after - before == timedelta(hours=23)

    def test_hours_are_elapsed_time(self) -> None:
        before = berlin(2026, 3, 28, 9, 30)
        after = add_duration(before, "PT24H", working_days=False, calendar=OFFICE, tz=BERLIN)
        assert after == berlin(2026, 3, 29, 10, 30)

    def test_a_gap_moves_to_its_end_and_a_double_hour_is_taken_first(self) -> None:
        gap = add_duration(berlin(2026, 3, 28, 2, 30), "P1D", working_days=False, calendar=OFFICE, tz=BERLIN)
        assert gap.astimezone(BERLIN).time() == time(3)
        double = add_duration(
            berlin(2026, 10, 24, 2, 30), "P1D", working_days=False, calendar=OFFICE, tz=BERLIN
        )
        assert double == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("start", "days", "end"),
        [
            (berlin(2026, 3, 2, 18), 1, berlin(2026, 3, 3, 18)),
            (berlin(2026, 3, 6, 11), 1, berlin(2026, 3, 9, 11)),
            (berlin(2026, 3, 7, 11), 1, berlin(2026, 3, 9, 11)),
            (berlin(2026, 3, 6, 11), 6, berlin(2026, 3, 16, 11)),
        ],
    )
    def test_working_days_count_days_after_the_start(self, start: datetime, days: int, end: datetime) -> None:
        assert add_duration(start, f"P{days}D", working_days=True, calendar=OFFICE, tz=BERLIN) == end

    @settings(max_examples=100, deadline=None)
    @given(moment=MOMENTS, days=st.integers(1, 40), tz=ZONES)
    def test_later_is_later_and_wall_clock_holds(self, moment: datetime, days: int, tz: ZoneInfo) -> None:
        end = add_duration(moment, f"P{days}D", working_days=False, calendar=OFFICE, tz=tz)
        assert end > moment
        local, start = end.astimezone(tz), moment.astimezone(tz)
        expected = start.replace(tzinfo=None) + timedelta(days=days)
        if local.replace(tzinfo=None) != expected:
            assert local.replace(tzinfo=None) > expected, "only a gap moves it, and only forward"
            assert (end - timedelta(microseconds=1)).astimezone(tz).replace(tzinfo=None) < expected


class TestLocalTimes:
    @settings(max_examples=150, deadline=None)
    @given(local=st.datetimes(datetime(2011, 12, 1), datetime(2030, 1, 1)), tz=ZONES)  # noqa: DTZ001
    def test_every_local_time_has_one_instant(self, local: datetime, tz: ZoneInfo) -> None:
        instant = to_instant(local, tz)
        back = instant.astimezone(tz).replace(tzinfo=None)
        assert back >= local
        if back != local:
            just_before = (instant - timedelta(microseconds=1)).astimezone(tz).replace(tzinfo=None)
            assert just_before < local, "the end of the gap, not a moment later"
        else:
            earlier = [local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1)]
            assert instant == min(earlier)

    def test_a_whole_day_that_does_not_exist(self) -> None:
        apia = ZoneInfo("Pacific/Apia")
        skipped = to_instant(datetime(2011, 12, 30, 12), apia)  # noqa: DTZ001
        assert skipped == datetime(2011, 12, 30, 10, tzinfo=UTC)
        assert skipped.astimezone(apia).date() == date(2011, 12, 31)

    def test_zones(self) -> None:
        assert zone("Europe/Berlin") == BERLIN
        for name in ("", "Mars/Base", "../etc/passwd", "Europe", "\x00"):
            with pytest.raises(UnknownZone):
                zone(name)
        assert zone_for("Europe/Berlin", "America/New_York", use_lead_zone=True) == NEW_YORK
        assert zone_for("Europe/Berlin", "America/New_York", use_lead_zone=False) == BERLIN
        assert zone_for("Europe/Berlin", "nonsense", use_lead_zone=True) == BERLIN
        assert zone_for("Europe/Berlin", None, use_lead_zone=True) == BERLIN


class TestLimitDays:
    def test_a_day_is_the_senders_own(self) -> None:
        moment = datetime(2026, 3, 3, 3, 30, tzinfo=UTC)
        assert limit_day(moment, NEW_YORK) == date(2026, 3, 2)
        assert limit_day(moment, BERLIN) == date(2026, 3, 3)
        assert next_limit_reset(moment, NEW_YORK) == datetime(2026, 3, 3, 5, tzinfo=UTC)

    @settings(max_examples=150, deadline=None)
    @given(moment=MOMENTS, tz=ZONES)
    def test_the_reset_begins_another_day(self, moment: datetime, tz: ZoneInfo) -> None:
        reset = next_limit_reset(moment, tz)
        assert moment < reset <= moment + timedelta(hours=49)
        assert limit_day(reset, tz) > limit_day(moment, tz)
        # St John's put its clock back over midnight until 2011: there a day may come twice.
        assume(tz.key != "America/St_Johns" or moment.year > 2011)
        assert limit_day(reset - timedelta(microseconds=1), tz) == limit_day(moment, tz)
