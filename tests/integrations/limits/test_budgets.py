"""Every budget of a send: charged together or not at all, named when it binds, given back exactly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import Connection, OutboundMessage, RateLimit, RateUsage, WarmupPlan
from integrations.services import rates
from integrations.services.rates import reserving
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import AuditEntry
from tests.factories import Agency
from tests.integrations.limits.conftest import MakeSender, take, used

#: A Wednesday, in the middle of an hour.
WEDNESDAY = datetime(2026, 11, 18, 10, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def scope(kestrel: Agency, settings: Any) -> Iterator[None]:
    settings.DAILY_LIMITS = {"invite": 25, "message": 100, "email": 50}
    settings.VELOCITY_GROWTH_PERCENT = None
    settings.WEEKLY_LIMITS = {}
    with time_machine.travel(WEDNESDAY, tick=False), organization_scope(kestrel.id):
        yield


def refused(answers: list[rates.Reserved | rates.Refused]) -> rates.Refused:
    [found] = {answer for answer in answers if isinstance(answer, rates.Refused)}
    return found


def granted(answers: list[rates.Reserved | rates.Refused]) -> int:
    return sum(isinstance(answer, rates.Reserved) for answer in answers)


def test_the_day_binds_and_the_next_begins_in_the_accounts_zone(make_sender: MakeSender) -> None:
    sender = make_sender(time_zone="America/New_York")
    answers = take(sender, "invite", 30)
    assert granted(answers) == 25
    found = refused(answers)
    assert found == rates.Refused(
        reason="The daily limit of 25 (invite) of this account is used up.",
        limit=25,
        next_free=datetime(2026, 11, 19, 5, tzinfo=UTC),
        limit_key="account_day",
    )
    assert (answers[24].used, answers[24].limit, answers[24].day) == (25, 25, date(2026, 11, 18))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("window", "key", "next_free"),
    [
        ("hour", "mailbox_hour", datetime(2026, 11, 18, 11, tzinfo=UTC)),
        ("day", "account_day", datetime(2026, 11, 19, tzinfo=UTC)),
        ("week", "account_week", datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_each_window_of_an_account(
    make_sender: MakeSender, window: str, key: str, next_free: datetime
) -> None:
    sender = make_sender("email")
    rates.set_limit(sender=sender, action="email", window=window, cap=3, actor=None)
    answers = take(sender, "email", 5)
    assert granted(answers) == 3
    assert (refused(answers).limit_key, refused(answers).next_free) == (key, next_free)
    with time_machine.travel(next_free, tick=False):
        assert granted(take(sender, "email", 5)) == 3


def test_gmail_and_googlemail_are_one_budget_of_the_organization(
    make_sender: MakeSender, settings: Any
) -> None:
    settings.RECIPIENT_DOMAIN_HOURLY_LIMITS = {"gmail.com": 4}
    first, second = make_sender("email"), make_sender("email")
    assert granted(take(first, "email", 3, "gmail.com")) == 3
    answers = take(second, "email", 3, "someone@GoogleMail.com")
    assert granted(answers) == 1
    found = refused(answers)
    assert (found.limit_key, found.next_free) == (
        "recipient_domain_hour",
        datetime(2026, 11, 18, 11, tzinfo=UTC),
    )
    assert found.reason == "The hourly limit of 4 for gmail.com is used up."
    # Who was refused for the domain has used nothing of the account.
    assert used(sender=second, window="day") == 1
    assert granted(take(second, "email", 3, "example.com")) == 3


def test_a_domain_limit_that_is_set_and_a_default_for_all_others(
    make_sender: MakeSender, settings: Any
) -> None:
    sender = make_sender("email")
    rates.set_domain_limit(domain="Example.com", cap=2, actor=None)
    assert granted(take(sender, "email", 3, "example.com")) == 2
    settings.RECIPIENT_DOMAIN_HOURLY_DEFAULT = 5
    assert granted(take(sender, "email", 9, "other.test")) == 5
    rates.set_domain_limit(domain="example.com", cap=None, actor=None)
    assert not RateLimit.objects.exists()
    for wrong in ("", "no domain", "https://example.com/", "a" * 200):
        with pytest.raises(Invalid):
            rates.set_domain_limit(domain=wrong, cap=2, actor=None)


def test_clients_and_organizations_have_days_of_their_own(make_sender: MakeSender, kestrel: Agency) -> None:
    mine, other = make_sender(), make_sender(client=kestrel.second)
    rates.set_client_limit(client=kestrel.first, cap=5, actor=None)
    rates.set_organization_limit(cap=8, actor=None)
    answers = take(mine, "message", 7)
    assert (granted(answers), refused(answers).limit_key) == (5, "client_day")
    answers = take(other, "message", 7)
    assert (granted(answers), refused(answers).limit_key) == (3, "organization_day")
    assert refused(answers).next_free == datetime(2026, 11, 19, tzinfo=UTC)
    # A look at a profile reaches nobody.
    assert granted(take(mine, "profile_view", 2)) == 2
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {
        "client.limit_set",
        "organization.limit_set",
    }


def test_a_limit_set_during_the_day_counts_what_left_before(make_sender: MakeSender, kestrel: Agency) -> None:
    sender = make_sender("email")
    for number, state in enumerate(["sent", "sent", "queued", "failed"]):
        OutboundMessage.objects.create(
            client=kestrel.first, sender=sender, channel="email", action="email", origin="campaign",
            dedupe_key=str(number), recipient={"email": "a@example.com"}, state=state,
            sent_at=now() if state == "sent" else None,
            reservation={"keys": []} if state == "queued" else None,
        )  # fmt: skip
    rates.set_client_limit(client=kestrel.first, cap=5, actor=None)
    rates.set_domain_limit(domain="example.com", cap=4, actor=None)
    answers = take(sender, "email", 5, "example.com")
    assert (granted(answers), refused(answers).limit_key) == (1, "recipient_domain_hour")
    assert granted(take(sender, "email", 5)) == 1


def test_the_growth_of_a_week_is_capped_by_the_last_one(make_sender: MakeSender, settings: Any) -> None:
    settings.VELOCITY_GROWTH_PERCENT = 25
    settings.VELOCITY_FLOOR_DAYS = 1
    sender = make_sender()
    rates.set_limit(sender=sender, action="invite", cap=1000, actor=None)
    # A new account may do a day at the default limit.
    answers = take(sender, "invite", 40)
    assert (granted(answers), refused(answers).limit_key) == (25, "velocity")
    assert refused(answers).next_free == datetime(2026, 11, 23, tzinfo=UTC)
    for weeks, expected in ((1, 32), (2, 40)):
        with time_machine.travel(WEDNESDAY + timedelta(weeks=weeks), tick=False):
            assert granted(take(sender, "invite", 60)) == expected
    # After an idle week it starts from the floor again.
    with time_machine.travel(WEDNESDAY + timedelta(weeks=4), tick=False):
        assert granted(take(sender, "invite", 60)) == 25


def test_growth_can_be_set_for_all_an_account_or_one_action(make_sender: MakeSender, settings: Any) -> None:
    settings.VELOCITY_GROWTH_PERCENT = 25
    settings.VELOCITY_FLOOR_DAYS = 0
    sender = make_sender()
    with time_machine.travel(WEDNESDAY - timedelta(weeks=1), tick=False):
        settings.VELOCITY_FLOOR_DAYS = 1
        assert granted(take(sender, "message", 100)) == 100
        settings.VELOCITY_FLOOR_DAYS = 0

    def cap() -> int:
        return next(one.limit for one in rates.caps_of(sender, "message", now()) if one.key == "velocity")

    assert cap() == 125
    rates.set_growth(percent=50, actor=None)
    assert cap() == 150
    rates.set_limit(sender=sender, action="", window="growth", cap=10, actor=None)
    assert cap() == 110
    rates.set_limit(sender=sender, action="message", window="growth", cap=0, actor=None)
    assert cap() == 100


def test_a_warm_up_is_a_cap_like_any_other(make_sender: MakeSender) -> None:
    sender = make_sender()
    WarmupPlan.objects.create(sender=sender, kind="linkedin", started_on=date(2026, 11, 16))
    answers = take(sender, "invite", 20)
    found = refused(answers)
    assert (granted(answers), found.limit_key, found.limit) == (7, "warmup", 7)
    assert found.reason == "The warm-up limit of 7 (invite), day 3 of 21, is used up."
    with time_machine.travel(WEDNESDAY + timedelta(days=1), tick=False):
        assert granted(take(sender, "invite", 20)) == 8
    mail = make_sender("email")
    WarmupPlan.objects.create(sender=mail, kind="ip", started_on=date(2026, 11, 18))
    answers = take(mail, "email", 40)
    assert (granted(answers), refused(answers).next_free) == (20, datetime(2026, 11, 18, 11, tzinfo=UTC))


def test_every_cap_is_told_and_the_one_that_binds(make_sender: MakeSender, settings: Any) -> None:
    settings.WEEKLY_LIMITS = {"invite": 30}
    settings.VELOCITY_GROWTH_PERCENT = 25
    sender = make_sender()
    WarmupPlan.objects.create(sender=sender, kind="linkedin", started_on=date(2026, 11, 16))
    take(sender, "invite", 4)
    caps = {cap.key: cap for cap in rates.caps_of(sender, "invite", now())}
    assert {key: (cap.used, cap.limit, cap.remaining) for key, cap in caps.items()} == {
        "account_day": (4, 25, 21),
        "warmup": (4, 7, 3),
        "account_week": (4, 30, 26),
        "velocity": (4, 125, 121),
        "organization_day": (4, 100_000, 99_996),
    }
    assert [key for key, cap in caps.items() if cap.binds] == ["warmup"]
    assert caps["account_week"].resets_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert rates.remaining_of([sender], "invite", now()) == {sender.id: 3}
    take(sender, "invite", 3)
    assert rates.remaining_of([sender], "invite", now()) == {sender.id: 0}


def test_what_was_charged_is_given_back_and_nothing_else(make_sender: MakeSender, kestrel: Agency) -> None:
    sender = make_sender("email")
    rates.set_client_limit(client=kestrel.first, cap=10, actor=None)
    first, _second = take(sender, "email", 2, "gmail.com")
    assert isinstance(first, rates.Reserved)
    charged = set(RateUsage.objects.filter(used=2).values_list("scope", "window"))
    assert charged == {
        ("sender", "day"), ("sender", "week"), ("sender", "hour"), ("client", "day"),
        ("organization", "day"), ("domain", "hour"),
    }  # fmt: skip
    # Later windows are not touched by what is given back.
    with time_machine.travel(WEDNESDAY + timedelta(hours=2), tick=False):
        assert rates.covers(first.reservation, sender, WEDNESDAY)
        assert not rates.covers(first.reservation, sender, now())
        take(sender, "email", 1, "gmail.com")
        rates.release(sender=sender, reservation=first.reservation)
    hours = RateUsage.objects.filter(scope="domain").order_by("key").values_list("used", flat=True)
    assert list(hours) == [1, 1]
    assert used(scope="client") == used(sender=sender, window="day") == 2
    rates.release(sender=sender, reservation=None)


def test_an_action_without_a_limit_is_counted(make_sender: MakeSender) -> None:
    sender = make_sender()
    assert granted(take(sender, "like", 3)) == 3
    assert used(sender=sender, action="like", window="day") == 3
    assert rates.usage(sender, rates.day_of(sender, now()))["like"] == (3, rates.UNLIMITED)


def test_a_lowered_limit_refuses_and_a_raised_one_recovers(make_sender: MakeSender) -> None:
    sender = make_sender()
    take(sender, "invite", 10)
    rates.set_limit(sender=sender, action="invite", cap=5, actor=None)
    assert refused(take(sender, "invite")).limit == 5
    rates.set_limit(sender=sender, action="invite", cap=12, actor=None)
    assert granted(take(sender, "invite", 5)) == 2
    rates.set_limit(sender=sender, action="invite", cap=None, actor=None)
    assert granted(take(sender, "invite", 20)) == 13


def test_a_batch_of_any_size_takes_two_statements(
    make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is remembered on commit, at once.
    monkeypatch.setattr(reserving.transaction, "on_commit", lambda remember: remember())
    senders = [make_sender("email") for _ in range(3)]
    demands = [
        rates.Demand(sender, "email", domain) for sender in senders for domain in ("gmail.com", "example.com")
    ]
    rates.reserve_many(demands, now())
    for batch in (demands[:1], demands * 3):
        with CaptureQueriesContext(connection) as queries:
            rates.reserve_many(batch, now())
        assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        rates.caps_of_many(demands, now())
    assert len(queries) == 1


def test_a_batch_over_two_organizations(make_sender: MakeSender, rival: Agency) -> None:
    mine = make_sender()
    rates.set_organization_limit(cap=1, actor=None)
    with platform_scope("test"):
        theirs = make_sender(
            client=rival.first,
            organization=rival.organization,
            connection=Connection.objects.create(
                organization=rival.organization, provider="unipile", name="Theirs"
            ),
        )
        answers = rates.reserve_many([rates.Demand(one, "invite") for one in (mine, theirs) * 2], now())
        assert [isinstance(answer, rates.Reserved) for answer in answers] == [True, True, False, True]


def test_counters_of_a_rolled_back_batch_are_made_anew(make_sender: MakeSender) -> None:
    sender = make_sender()
    take(sender, "invite", 2)
    RateUsage.objects.all().delete()
    assert granted(take(sender, "invite", 30)) == 25


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"action": "dance", "cap": 1}, "action"),
        ({"action": "", "cap": 1}, "action"),
        ({"action": "invite", "cap": -1}, "cap"),
        ({"action": "invite", "cap": 10_001}, "cap"),
        ({"action": "invite", "cap": 1, "window": "minute"}, "window"),
        ({"action": "invite", "cap": 1_001, "window": "growth"}, "cap"),
    ],
)
def test_limits_that_cannot_be(make_sender: MakeSender, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        rates.set_limit(sender=make_sender(), actor=None, **values)
    assert caught.value.field == field
