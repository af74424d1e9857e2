"""When the list of a person's sessions says that one was last used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from allauth.usersessions.models import UserSession
from django.test import Client as Browser

from project.core.clock import now
from tests.factories import Agency

pytestmark = pytest.mark.django_db


def test_the_use_of_a_session_is_written_once_a_minute_and_when_it_changes(
    kestrel: Agency, clean_redis: redis.Redis, time_machine: Any
) -> None:
    browser = Browser()
    browser.force_login(kestrel.admin)

    def seen_after(seconds: int, browser_name: str) -> UserSession:
        time_machine.move_to(now() + timedelta(seconds=seconds), tick=False)
        browser.get(kestrel.url("inbox/"), headers={"User-Agent": browser_name})
        return UserSession.objects.get()

    first = seen_after(0, "Firefox")
    assert first.user_agent == "Firefox"
    assert seen_after(20, "Firefox").last_seen_at == first.last_seen_at
    moved = seen_after(20, "Safari")
    assert (moved.user_agent, moved.last_seen_at - first.last_seen_at) == ("Safari", timedelta(seconds=40))
    clean_redis.flushdb()  # its minute is over
    assert seen_after(60, "Safari").last_seen_at - moved.last_seen_at == timedelta(seconds=60)
