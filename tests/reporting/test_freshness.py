"""Figures say truly how late they are, and neither a slow writer nor a long count holds anything else up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from project.core.embedded.processes import wait_until
from project.core.scoping import no_scope, platform_scope
from reporting.models import RollupState
from reporting.selectors_rollups import freshness
from reporting.services import report_mails, rollups
from tests.factories import Agency, make_agency

pytestmark = pytest.mark.django_db(transaction=True)

#: A Sunday evening, so that a week ends while the test waits.
SUNDAY = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)


@pytest.fixture
def agency() -> Iterator[Agency]:
    made = make_agency("slow")
    with made.scope():
        yield made


@contextmanager
def meanwhile(statement: str) -> Iterator[None]:
    """Another session has run a statement in a transaction that goes on."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(statement)
        yield
    finally:
        other.rollback()
        other.close()


def caught_up() -> bool:
    rollups.count()
    return not freshness()["is_stale"]


def test_figures_that_a_slow_writer_holds_up_say_so_and_no_mail_leaves(
    agency: Agency, time_machine: Any
) -> None:
    client = agency.first
    client.time_zone = "UTC"
    client.save()
    time_machine.move_to(SUNDAY, tick=False)
    access = agency.access(agency.manager)
    report_mails.set_plan(access=access, client=client, is_on=True, weekday=0, hour=8, needs_approval=False)
    assert wait_until(caught_up, seconds=60)

    def due() -> list[Any]:
        with no_scope(), platform_scope("test"):
            return report_mails.due()

    with meanwhile("SELECT pg_current_xact_id()"):
        time_machine.move_to(SUNDAY + timedelta(hours=12), tick=False)
        for _ in range(3):
            rollups.count()
        assert freshness() == {"counted_at": SUNDAY, "is_stale": True}
        assert due() == [], "Sunday's last hours may be missing"
    assert wait_until(caught_up, seconds=60)
    assert due() == [(agency.id, client.id)]


def test_a_count_that_goes_on_is_not_waited_for(agency: Agency) -> None:
    assert wait_until(caught_up, seconds=60)
    before = RollupState.objects.get().updated_at
    with meanwhile("SELECT id FROM reporting_rollupstate FOR UPDATE"):
        assert rollups.count() == 0
        assert rollups.differences() == [], "and a check needs no lock"
        assert RollupState.objects.get().updated_at == before
    rollups.count()
    assert RollupState.objects.get().updated_at > before
