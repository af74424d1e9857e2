"""The demo's numbers: texts can leave at whatever hour it is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import phonenumbers
import pytest

from campaigns.models import OutreachPolicy
from campaigns.scheduling.phones import zones_of_number
from reporting.demo.channels import reach
from reporting.demo.people import people


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("month", [1, 7])
def test_it_is_a_decent_hour_where_the_numbers_are(hour: int, month: int) -> None:
    at = datetime(2026, month, 14, tzinfo=UTC) + timedelta(hours=hour)
    policy = OutreachPolicy()
    for _address, number in reach(people(16, "three channels"), "x", at):
        assert phonenumbers.is_valid_number(phonenumbers.parse(number, None))
        zones = zones_of_number(number)
        assert zones
        for zone in zones:
            assert policy.sms_from_hour <= at.astimezone(zone).hour < policy.sms_until_hour
