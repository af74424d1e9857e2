"""Daily budgets: exact under any number of workers, without Redis, in the sender's day."""

from __future__ import annotations

import threading
from datetime import date, datetime, timezone

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection as database

from integrations.models import RateUsage, SenderAccount
from integrations.services import rates
from project.core.clock import now
from tests.integrations.conftest import Room


@pytest.mark.django_db(transaction=True)
def test_32_threads_never_overrun(room: Room) -> None:
    at = now()
    with room.scope():
        rates.set_limit(sender=room.sender, action="invite", per_day=40, actor=None)
    start = threading.Barrier(32)
    results: list[object] = []

    def worker() -> None:
        start.wait()
        with room.scope():
            for _ in range(5):
                results.append(rates.reserve(sender=room.sender, action="invite", at=at))
        database.close()

    threads = [threading.Thread(target=worker) for _ in range(32)]
    for thread in threads:
        thread.start()
    # Redis holds no part of a budget: losing everything in it meanwhile changes nothing.
    redis.Redis.from_url(django_settings.REDIS_URL).flushall()
    for thread in threads:
        thread.join()
    taken = [result for result in results if isinstance(result, rates.Reserved)]
    assert len(results) == 160
    assert len(taken) == 40
    assert sorted(result.used for result in taken) == list(range(1, 41))
    with room.scope():
        assert RateUsage.objects.get().used == 40


def test_the_defaults_are_25_invites_and_100_messages(room: Room) -> None:
    with room.scope():
        shown = rates.usage(room.sender, date(2026, 11, 21))
    assert shown["invite"] == (0, 25)
    assert shown["message"] == (0, 100)


def test_a_refusal_says_when_the_next_day_begins_for_the_sender(room: Room) -> None:
    at = datetime(2026, 10, 24, 20, 30, tzinfo=timezone.utc)
    with room.scope():
        SenderAccount.objects.update(time_zone="Europe/Paris")
        room.sender.refresh_from_db()
        rates.set_limit(sender=room.sender, action="invite", per_day=1, actor=None)
        first = rates.reserve(sender=room.sender, action="invite", at=at)
        second = rates.reserve(sender=room.sender, action="invite", at=at)
    assert isinstance(first, rates.Reserved)
    assert first.day == date(2026, 10, 24)
    assert isinstance(second, rates.Refused)
    assert second.next_free == datetime(2026, 10, 24, 22, 0, tzinfo=timezone.utc)
    with room.scope():
        # The clocks go back that night; the next day is 25 hours away from the one before.
        assert rates.next_day_starts(room.sender, second.next_free) == datetime(
            2026, 10, 25, 23, 0, tzinfo=timezone.utc
        )


def test_the_same_instant_is_another_day_elsewhere(room: Room) -> None:
    at = datetime(2026, 11, 21, 23, 30, tzinfo=timezone.utc)
    with room.scope():
        assert rates.day_of(room.sender, at) == date(2026, 11, 21)
        room.sender.time_zone = "Asia/Tokyo"
        assert rates.day_of(room.sender, at) == date(2026, 11, 22)
        room.sender.time_zone = "Nowhere/Land"
        assert rates.day_of(room.sender, at) == date(2026, 11, 21)


def test_a_limit_of_zero_and_a_lowered_limit_refuse(room: Room) -> None:
    at = now()
    with room.scope():
        assert isinstance(rates.reserve(sender=room.sender, action="message", at=at), rates.Reserved)
        rates.set_limit(sender=room.sender, action="message", per_day=0, actor=None)
        assert isinstance(rates.reserve(sender=room.sender, action="message", at=at), rates.Refused)
        rates.set_limit(sender=room.sender, action="invite", per_day=0, actor=None)
        assert isinstance(rates.reserve(sender=room.sender, action="invite", at=at), rates.Refused)


def test_a_released_unit_can_be_taken_again_and_nothing_goes_below_zero(room: Room) -> None:
    at = now()
    with room.scope():
        rates.set_limit(sender=room.sender, action="invite", per_day=1, actor=None)
        taken = rates.reserve(sender=room.sender, action="invite", at=at)
        assert isinstance(taken, rates.Reserved)
        rates.release(sender=room.sender, action="invite", day=taken.day)
        rates.release(sender=room.sender, action="invite", day=taken.day)
        assert rates.usage(room.sender, taken.day)["invite"] == (0, 1)
        assert isinstance(rates.reserve(sender=room.sender, action="invite", at=at), rates.Reserved)


def test_an_action_without_a_limit_is_counted(room: Room) -> None:
    with room.scope():
        taken = rates.reserve(sender=room.sender, action="reaction", at=now())
        assert isinstance(taken, rates.Reserved)
        assert rates.usage(room.sender, taken.day)["reaction"] == (1, rates.UNLIMITED)


@pytest.mark.parametrize(("action", "per_day"), [("dance", 5), ("invite", -1), ("invite", 10_001)])
def test_nonsense_limits_are_refused(room: Room, action: str, per_day: int) -> None:
    with room.scope(), pytest.raises(ValueError, match="daily limit"):
        rates.set_limit(sender=room.sender, action=action, per_day=per_day, actor=None)
