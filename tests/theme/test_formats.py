"""Numbers, spans and moments read as the design language says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from project.theme import formats

NOW = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)


def plain(text: str) -> str:
    return text.replace(formats.NBSP, " ")


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=20), "now"),
        (timedelta(minutes=8), "8 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(minutes=89), "1 h 29"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=4), "10:02"),
        (timedelta(days=3), "17 Nov"),
        (timedelta(days=368), "17 Nov 2025"),
        (timedelta(minutes=-30), "14:32"),
    ],
)
def test_age(passed: timedelta, shown: str) -> None:
    assert plain(formats.age(NOW - passed, NOW)) == shown


def test_times_are_those_of_the_viewers_zone() -> None:
    with timezone.override(ZoneInfo("Europe/Stockholm")):
        assert formats.clock(NOW) == "15:02"
        assert formats.absolute(NOW) == "Fri 20 Nov 2026, 15:02:00 CET"
        assert formats.stamp(datetime(2026, 11, 19, 23, 30, tzinfo=UTC), NOW) == "Today 00:30"


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (NOW, "Today 14:02"),
        (NOW - timedelta(days=1), "Yesterday 14:02"),
        (NOW + timedelta(days=1), "Tomorrow 14:02"),
        (NOW - timedelta(days=8), "Thu 12 Nov, 14:02"),
        (NOW - timedelta(days=365), "Thu 20 Nov 2025, 14:02"),
    ],
)
def test_stamp(moment: datetime, shown: str) -> None:
    assert formats.stamp(moment, NOW) == shown


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (0.8, "0.8 s"),
        (12, "12 s"),
        (26 * 60, "26 min"),
        (3600, "1 h"),
        (91 * 60, "1 h 31"),
        (timedelta(days=1, hours=3), "1 day"),
        (timedelta(days=3), "3 days"),
        (None, ""),
    ],
)
def test_duration(span: timedelta | float | None, shown: str) -> None:
    assert plain(formats.duration(span)) == shown


def test_sla_turns_amber_then_late() -> None:
    shown = [formats.sla(NOW + timedelta(minutes=left), NOW) for left in (39, 9)]
    assert shown == [(f"39{formats.NBSP}min", ""), (f"9{formats.NBSP}min", "soon")]
    assert formats.sla(NOW - timedelta(minutes=12), NOW) == (f"12{formats.NBSP}min late", "late")


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (date(2026, 12, 11), date(2026, 12, 15), "11 to 15 Dec"),
        (date(2026, 11, 29), date(2026, 12, 3), "29 Nov to 3 Dec"),
        (date(2026, 12, 29), date(2027, 1, 8), "29 Dec 2026 to 8 Jan 2027"),
        (date(2026, 11, 27), date(2026, 11, 27), "27 Nov"),
    ],
)
def test_day_range(start: date, end: date, shown: str) -> None:
    assert formats.day_range(start, end, NOW) == shown


def test_percentages_keep_their_denominator() -> None:
    assert plain(formats.share(71, 2410, "contacted")) == "2.9 % of 2,410 contacted"
    assert formats.percent(0, 81) == "none yet"
    assert formats.percent(3, 0) == "none yet"
    assert formats.percent(1, 3, least=20) == "too few"
    assert formats.ratio(3, 25) == "3 of 25"


@given(part=st.integers(0, 10**9), whole=st.integers(1, 10**9))
def test_a_share_is_never_a_lone_zero(part: int, whole: int) -> None:
    text = plain(formats.percent(part, whole))
    assert text == "none yet" if part == 0 else text.endswith(" %")


def test_sizes_and_initials() -> None:
    assert [plain(formats.file_size(size)) for size in (812, 34_000, 1_200_000)] == [
        "812 B",
        "34 kB",
        "1.2 MB",
    ]
    assert [formats.initials(name) for name in ("Marta Lindqvist", "ana", "tom.okafor@x.example", "")] == [
        "ML",
        "A",
        "TE",
        "?",
    ]


@given(st.text())
def test_initials_never_fail(name: str) -> None:
    assert len(formats.initials(name)) >= 1
