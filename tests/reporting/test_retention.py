"""Old months go once everything in them is done with; what was counted from them stays, and stays right."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection, transaction

from integrations.models import Connection, WebhookDelivery, WebhookKey
from project.core import retention, upkeep
from project.core.db.base import owner_connection
from project.core.ids import first_uuid7
from project.core.scoping import no_scope, platform_scope
from reporting import selectors_rows
from reporting.models import Fact, FirstFact, Rollup, RollupState
from reporting.services import facts, rollups
from tests.factories import Agency, make_agency

#: In a month of its own, in no partition but the default one, and just now.
OLD, OLDER = datetime(2024, 1, 20, 12, tzinfo=UTC), datetime(2022, 5, 3, 12, tzinfo=UTC)
PARTITION = "reporting_fact_2024_01"


@pytest.fixture
def agency(transactional_db: None) -> Iterator[Agency]:
    with no_scope(), owner_connection(), connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {PARTITION} PARTITION OF reporting_fact FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')"
        )
    yield make_agency("kept")
    with no_scope(), owner_connection(), connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {PARTITION}")


def write(agency: Agency, kind: str, at: datetime, who: UUID, **about: Any) -> None:
    with transaction.atomic():
        facts.record(
            kind=kind, key=f"{kind}:{who}:{at}", occurred_at=at, client_id=agency.first.id,
            campaign_id=UUID(int=7), enrollment_id=who, lead_id=who, channel="email", **about,
        )  # fmt: skip


def sums() -> dict[tuple[Any, ...], tuple[int, int]]:
    rows = Rollup.objects.exclude(n=0, people=0)
    return {(row.grain, row.subject_id, row.day, row.part, row.kind): (row.n, row.people) for row in rows}


def run(*options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The command's exit code, and what it said of facts by month."""
    out = io.StringIO()
    code = 0
    try:
        with no_scope():
            call_command("retention", "--json", *options, stdout=out)
    except SystemExit as left:
        code = int(left.code or 0)
    told = json.loads(out.getvalue().splitlines()[-1])["months"]
    return code, {one["month"]: one for one in told if one["table"] == Fact._meta.db_table}


def months_ago(months: int) -> datetime:
    """The first instant of the month that lies so far back, by UTC."""
    today = datetime.now(UTC)
    years, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return datetime(years, month + 1, 1, tzinfo=UTC)


def is_there(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        return bool(cursor.fetchone()[0])


def test_months_of_facts_go_when_they_are_counted_and_sums_stay(agency: Agency) -> None:
    ada, bo, cy = (uuid4() for _ in range(3))
    recent = datetime.now(UTC) - timedelta(days=3)
    with agency.scope():
        write(agency, "replied", OLD, ada, value=60)
        write(agency, "replied", OLDER, bo)
        write(agency, "replied", recent, ada)
        write(agency, "replied", recent, cy)
    code, told = run()
    assert code == 1
    assert told["2024-01"]["did"] == told["others"]["did"] == "held", "nobody has counted them"
    assert "in no sum yet" in told["2024-01"]["why"]
    with agency.scope():
        rollups.count()
        before = sums()
        assert RollupState.objects.get().forgotten_before is None, "what was held is not forgotten"
    code, told = run("--dry-run")
    assert (code, {one["did"] for one in told.values()}) == (0, {"would go"})
    assert is_there(PARTITION)
    with no_scope():
        assert upkeep.forget_old_months() >= 2
    assert not is_there(PARTITION)
    assert run() == (0, {})
    with agency.scope():
        assert {fact.enrollment_id for fact in Fact.objects.all()} == {ada, cy}
        assert sums() == before
        assert rollups.differences() == []
        rollups.rebuild()
        assert sums() == before, "counting again keeps what can be counted no more"
        # Ada was first in the month that went; what comes late for it makes nobody reply twice.
        write(agency, "replied", OLD - timedelta(days=1), ada)
        write(agency, "replied", recent + timedelta(hours=1), bo)
        rollups.count()
        page = selectors_rows.RowFilters.of(
            {"from": "2024-01-01", "to": "2024-03-01"}, agency.access(agency.manager)
        )
        assert page is not None
        assert selectors_rows.forgotten_before(page) == months_ago(25)
        people = sum(row.people for row in Rollup.objects.filter(grain="client", kind="replied"))
        assert people == FirstFact.objects.filter(kind="replied").count() == 3
        assert rollups.differences() == []
        after = sums()
        rollups.rebuild()
        assert sums() == after


def test_a_month_can_be_put_elsewhere(agency: Agency) -> None:
    assert run("--detach")[1]["2024-01"]["did"] == "detached"
    assert is_there(PARTITION)
    with agency.scope():
        write(agency, "replied", OLD, uuid4())
        assert Fact.objects.count() == 1, "a late one still finds a place"


def test_calls_that_are_still_to_be_read_stay(agency: Agency) -> None:
    with agency.scope():
        made = {
            state: WebhookDelivery.objects.create(
                received_at=OLDER, provider="unipile", state=state, body=b"{}", payload_hash=state
            )
            for state in ("processed", "dead", "failed")
        }
        WebhookKey.objects.create(
            connection=Connection.objects.create(provider="sendgrid", name="Mail", status="ok"),
            id=first_uuid7(OLDER), key="known", delivery_id=made["processed"].id, delivery_received_at=OLDER,
        )  # fmt: skip
    with no_scope(), platform_scope("test"), owner_connection():
        done = [one for one in retention.run() if one.table == WebhookDelivery._meta.db_table]
    assert {one.did for one in done} == {"deleted", "held"}
    with agency.scope():
        assert [row.state for row in WebhookDelivery.objects.all()] == ["failed"]
        assert not WebhookKey.objects.exists()


def test_less_than_what_is_made_anew_cannot_be_kept(settings: Any, db: None) -> None:
    settings.KEEP_FACTS_MONTHS = 2
    with pytest.raises(ImproperlyConfigured, match="KEEP_FACTS_MONTHS is 0"):
        retention.run(dry_run=True)
    for name in ("KEEP_FACTS_MONTHS", "KEEP_CALLS_MONTHS", "KEEP_EVENTS_MONTHS"):
        setattr(settings, name, 0)
    assert retention.run(dry_run=True) == []
