"""Readers that take what Unipile sends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.unipile import fields
from integrations.providers.unipile.client import normalise_dsn
from integrations.values import Distance

FILTER = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")


@given(st.datetimes(timezones=st.timezones() | st.just(UTC), min_value=datetime(1990, 1, 1)))  # noqa: DTZ001
def test_filters_have_three_digits_and_z(value: datetime) -> None:
    written = fields.format_time(value)
    assert FILTER.fullmatch(written)
    read = fields.moment(written)
    assert read is not None
    assert timedelta(0) <= value - read < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-12T09:41:10.000Z", datetime(2026, 3, 12, 9, 41, 10, tzinfo=UTC)),
        ("2026-03-12T10:41:10+01:00", datetime(2026, 3, 12, 9, 41, 10, tzinfo=UTC)),
        ("2026-03-12T09:41:10", datetime(2026, 3, 12, 9, 41, 10, tzinfo=UTC)),
        (1771943752000, datetime(2026, 2, 24, 14, 35, 52, tzinfo=UTC)),
        ("1771943752000", datetime(2026, 2, 24, 14, 35, 52, tzinfo=UTC)),
        (1771943752, datetime(2026, 2, 24, 14, 35, 52, tzinfo=UTC)),
        ("Sent 3 days ago", None),
        ("", None),
        (None, None),
        (0, None),
        (True, None),
        (10**30, None),
        ({}, None),
    ],
)
def test_times(value: Any, expected: datetime | None) -> None:
    assert fields.moment(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, True), (0, False), (True, True), (False, False), ("1", True), ("0", False), ("true", True),
        ("False", False), (None, None), ("", None), (2, None), ("maybe", None), ([], None), ({}, None),
    ],
)  # fmt: skip
def test_flags(value: Any, expected: bool | None) -> None:
    assert fields.flag(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("FIRST_DEGREE", Distance.FIRST), ("DISTANCE_1", Distance.FIRST), (1, Distance.FIRST),
        ("SECOND_DEGREE", Distance.SECOND), ("DISTANCE_2", Distance.SECOND), (2, Distance.SECOND),
        ("THIRD_DEGREE", Distance.THIRD), ("DISTANCE_3", Distance.THIRD), (3, Distance.THIRD),
        ("OUT_OF_NETWORK", Distance.OUT_OF_NETWORK), (-1, Distance.OUT_OF_NETWORK), ("SELF", Distance.SELF),
        (None, Distance.UNKNOWN), ("", Distance.UNKNOWN), (True, Distance.UNKNOWN), ("x", Distance.UNKNOWN),
    ],
)  # fmt: skip
def test_distances_in_all_three_spellings(value: Any, expected: Distance) -> None:
    assert fields.distance(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("tomas-weil", "tomas-weil"),
        ("Tomas-Weil", "tomas-weil"),
        ("https://www.linkedin.com/in/Tomas-Weil/?utm=x", "tomas-weil"),
        ("https://www.linkedin.com/in/tomas-weil/details/", "tomas-weil"),
        ("www.linkedin.com/in/tomas-weil", "tomas-weil"),
        ("https://www.linkedin.com/in/jos%C3%A9-p", "josé-p"),
        ("https://www.linkedin.com/in/ACoAABpR0sp3ct/", ""),
        ("https://www.linkedin.com/sales/lead/ACwAABpR0lead,NAME_SEARCH", ""),
        ("ACoAABpR0sp3ct", ""),
        ("", ""),
        ("https://[bad", ""),
    ],
)
def test_slugs(value: str, expected: str) -> None:
    assert fields.slug(value) == expected


@pytest.mark.parametrize(
    ("value", "family"),
    [("ACoAAB", "classic"), ("ADoAAB", "classic"), ("ACwAAB", "sales"), ("AEMAAB", "recruiter"), ("x", "")],
)
def test_id_families(value: str, family: str) -> None:
    assert fields.id_family(value) == family


@pytest.mark.parametrize(
    "raw",
    [
        "api8.unipile.com:13443",
        "https://api8.unipile.com:13443",
        "https://https://api8.unipile.com:13443/",
        "https://api8.unipile.com:13443/api/v1/",
        "  api8.unipile.com:13443/api/v1 ",
    ],
)
def test_dsn_spellings(raw: str) -> None:
    assert normalise_dsn(raw) == "https://api8.unipile.com:13443"


def test_dsn_keeps_scheme_and_prefix() -> None:
    assert normalise_dsn("http://127.0.0.1:9000/unipile/") == "http://127.0.0.1:9000/unipile"


@pytest.mark.parametrize("raw", ["", "https://", "api8 unipile", "https://u:p@h", "h:99999", "h?port=1"])
def test_wrong_dsn(raw: str) -> None:
    with pytest.raises(ProviderError) as caught:
        normalise_dsn(raw)
    assert caught.value.kind is ErrorKind.CONFIG


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'"x"', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        fields.load_object(raw)
    assert caught.value.kind is ErrorKind.VALIDATION


def test_what_postgresql_cannot_store_is_cleaned() -> None:
    raw = fields.load_object(b'{"a\\u0000": ["x\\u0000y", "\\ud800"], "n": NaN, "i": Infinity}')
    assert raw == {"a": ["xy", "?"], "n": None, "i": None}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a\r\nb\rc", "a\nb\nc"), ("  a  \n", "a"), ("a\n\nb", "a\n\nb"), ("", "")],
)
def test_text_as_it_is_sent(value: str, expected: str) -> None:
    assert fields.normalise_text(value) == expected


def test_time_zone_is_not_lost() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert fields.format_time(datetime(2026, 3, 12, 9, tzinfo=tokyo)) == "2026-03-12T00:00:00.000Z"
