"""Sums say what a recount says, whatever came late, twice, again, was taken back, or moved to another time zone."""

from __future__ import annotations

import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from campaigns.services import erasure
from project.core.embedded.processes import wait_until
from project.core.scoping import no_scope
from reporting import counting
from reporting.models import ExportJob, Fact, FactRetraction, Rollup, RollupState
from reporting.services import export_jobs, facts, rollups
from tests.campaigns.conftest import World
from tests.factories import Agency

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
SPACE = UUID("00000000-0000-0000-0000-000000000001")
KINDS = ("enrolled", "invited", "emailed", "delivered", "replied", "positive", "answered", "machine_opened")
#: Transactions of these histories; PostgreSQL counts its own from far below.
FIRST = 10**12
ZONES = ("UTC", "Europe/Oslo", "Asia/Kathmandu", "Pacific/Kiritimati")

_writes = st.tuples(
    st.just("write"), st.sampled_from(KINDS), st.integers(0, 3), st.integers(-4_000, 4_000), st.integers(0, 1)
)
_acts = st.lists(
    st.one_of(
        _writes,
        _writes,
        st.tuples(st.just("again"), st.integers(0, 99)),
        st.tuples(st.just("take_back"), st.integers(0, 99)),
        st.tuples(st.just("zone"), st.sampled_from(ZONES)),
        st.tuples(st.just("count"), st.integers(0, 3)),
    ),
    min_size=1,
    max_size=30,
)


class History:
    """Plays acts with transaction ids of its own: ``count`` stops short of those that are still under way.

    Facts come late (minutes before what is counted), twice or replayed (``again``), are erased (``take_back``), and
    clients move to another time zone.
    """

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        for client in (agency.first, agency.second):
            client.refresh_from_db()
        self.transaction = FIRST
        self.written: list[dict[str, Any]] = []

    def play(self, act: tuple[Any, ...]) -> None:
        self.transaction += 1
        match act:
            case ("write", kind, who, minutes, place):
                self._write(kind, who, minutes, place)
            case ("again", number) if self.written:
                facts.record(**self.written[number % len(self.written)])
            case ("take_back", number) if self.written:
                told = self.written[number % len(self.written)]
                facts.take_back(Fact.objects.filter(kind=told["kind"], key=told["key"]))
            case ("zone", zone):
                client = self.agency.first
                client.time_zone = zone
                client.save()
            case ("count", behind):
                rollups.count(below=self.transaction - behind)
        self._stamp()

    def _write(self, kind: str, who: int, minutes: int, place: int) -> None:
        told = {
            "kind": kind,
            "key": f"{kind}:{who}:{minutes}",
            "occurred_at": START + timedelta(minutes=minutes),
            "client_id": self.agency.first.id if who % 2 else self.agency.second.id,
            "campaign_id": uuid5(SPACE, f"campaign {who % 2}"),
            "enrollment_id": uuid5(SPACE, f"enrollment {who}"),
            "lead_id": uuid5(SPACE, f"lead {who}"),
            "sender_id": uuid5(SPACE, f"sender {who % 2} {place}"),
            "node_id": f"step{place}",
            "channel": "email",
            "domain": "example.com" if place else "",
            "value": 60 * abs(minutes) if kind in {"replied", "answered"} else None,
        }
        self.written.append(told)
        facts.record(**told)

    def _stamp(self) -> None:
        """What this act wrote was written by its transaction, not by the test's."""
        for model in (Fact, FactRetraction):
            model.objects.filter(written_in__lt=FIRST).update(written_in=self.transaction)


def by_hand(zones: dict[UUID, str], part: str) -> dict[tuple[Any, ...], tuple[int, int]]:
    """(subject, part, day, kind) -> (n, people), recounted from the facts without any of the product's code."""
    n: Counter[tuple[Any, ...]] = Counter()
    firsts: dict[tuple[Any, ...], tuple[datetime, UUID, tuple[Any, ...]]] = {}
    meaning = [(kind, counted, True) for kind, counted in counting.PEOPLE]
    meaning += [("answered", "answered", False)]
    for fact in Fact.objects.all():
        for kind, counted, is_people in meaning:
            if kind != fact.kind:
                continue
            day = fact.occurred_at.astimezone(ZoneInfo(zones[fact.client_id])).date()
            subject = fact.client_id if part == "client" else fact.campaign_id
            place = (subject, fact.node_id if part == "step" else "", day, counted)
            n[place] += 1
            found = (fact.occurred_at, fact.id, place)
            if is_people:
                who = (fact.enrollment_id, counted)
                firsts[who] = min(firsts.get(who, found), found)
    people = Counter(place for _, _, place in firsts.values())
    return {place: (n[place], people[place]) for place in n}


def stored(grain: str) -> dict[tuple[Any, ...], tuple[int, int]]:
    rows = Rollup.objects.filter(grain=grain).exclude(n=0, people=0)
    return {(row.subject_id, row.part, row.day, row.kind): (row.n, row.people) for row in rows}


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(acts=[("write", "replied", 0, 1, 0), ("count", 0), ("write", "replied", 0, 0, 0)])
@given(acts=_acts)
def test_increments_say_what_a_recount_says(kestrel: Agency, acts: list[tuple[Any, ...]]) -> None:
    with kestrel.scope(), transaction.atomic():
        history = History(kestrel)
        rollups.count(below=history.transaction)
        for act in acts:
            history.play(act)
        rollups.count(below=history.transaction + 1)
        assert rollups.differences() == []
        zones = {client.id: client.time_zone for client in (kestrel.first, kestrel.second)}
        for grain in ("client", "campaign", "step"):
            assert stored(grain) == by_hand(zones, grain)
        totals: Counter[str] = Counter()
        for row in Rollup.objects.filter(grain="client"):
            totals[row.kind] += row.people
        for grain in ("organization", "campaign", "campaign_sender", "step", "channel"):
            same: Counter[str] = Counter()
            for row in Rollup.objects.filter(grain=grain):
                same[row.kind] += row.people
            assert +same == +totals, f"the people of {grain} add up to those of the clients"
        transaction.set_rollback(True)


def test_the_first_one_counts_and_moves_when_an_earlier_one_comes_late(kestrel: Agency) -> None:
    with kestrel.scope():
        history = History(kestrel)
        rollups.count(below=history.transaction)
        history.play(("write", "replied", 1, 3_000, 0))
        history.play(("count", 0))
        history.play(("write", "replied", 1, 10, 1))
        history.play(("count", -1))
        rows = {
            (row.day.day, row.part): row.people for row in Rollup.objects.filter(grain="step", kind="replied")
        }
        assert rows == {(20, "step0"): 0, (18, "step1"): 1}


def test_the_command_checks_and_rebuilds(kestrel: Agency) -> None:
    with kestrel.scope():
        history = History(kestrel)
        rollups.count(below=history.transaction)
        history.play(("write", "invited", 1, 0, 0))
        history.play(("count", -1))
        Rollup.objects.filter(grain="client", kind="invited").update(n=7)
    out = io.StringIO()
    with no_scope(), pytest.raises(SystemExit) as left:
        call_command("rollups", "--check", "--json", stdout=out)
    assert left.value.code == 1
    told = json.loads(out.getvalue().splitlines()[-1])
    (difference,) = told["organizations"][0]["differences"]
    assert (difference["kind"], difference["stored"], difference["counted"]) == ("invited", [7, 1], [1, 1])
    with kestrel.scope():
        assert RollupState.objects.get().counted_below == history.transaction + 1
        rollups.rebuild(below=history.transaction + 1)
        assert rollups.differences() == []


def test_who_is_erased_leaves_sums_and_no_domain(world: World) -> None:
    agency, other = world.agency, world.lead("Bo", "bo")
    lead = world.lead("Ada", "ada")
    history = History(agency)
    for who, kind, domain in (
        (lead, "emailed", "ada-lovelace.name"),
        (lead, "replied", "ada-lovelace.name"),
        (other, "emailed", "example.com"),
    ):  # fmt: skip
        facts.record(
            kind=kind, key=f"{kind}:{who.id}", occurred_at=START, client_id=agency.first.id,
            campaign_id=world.campaign.id, enrollment_id=who.id, lead_id=who.id, sender_id=uuid5(SPACE, "s"),
            channel="email", domain=domain,
        )  # fmt: skip
    job = export_jobs.start(
        access=agency.access(agency.manager), kind="rows", query={"client": str(agency.first.id)}
    )
    history._stamp()
    history.play(("count", -1))
    before = {key: value for key, value in everything().items() if "domain" not in key[0]}
    assert Rollup.objects.filter(part="ada-lovelace.name").exists()
    assert {row["domain"] for row in erasure.bundle(lead=lead, actor=agency.manager)["counted"]} == {
        "ada-lovelace.name"
    }
    erasure.erase(lead=lead, reason="Asked by mail", actor=agency.manager)
    history.transaction += 5
    history._stamp()
    history.play(("count", -1))
    assert {key: value for key, value in everything().items() if "domain" not in key[0]} == before
    assert not Fact.objects.filter(domain="ada-lovelace.name").exists()
    assert not Rollup.objects.filter(part="ada-lovelace.name").exists()
    assert Rollup.objects.filter(part="example.com").exists()
    assert not ExportJob.objects.filter(id=job.id).exists(), "files they may stand in are gone"
    assert rollups.differences() == []


def everything() -> dict[tuple[Any, ...], tuple[int, int]]:
    rows = Rollup.objects.exclude(n=0, people=0)
    return {(row.grain, row.subject_id, row.day, row.part, row.kind): (row.n, row.people) for row in rows}


@pytest.mark.django_db(transaction=True)
def test_what_a_slow_transaction_wrote_is_counted_when_it_ends() -> None:
    from tests.factories import make_agency

    agency = make_agency("slow")
    with agency.scope():
        rollups.count()
        with transaction.atomic():
            History(agency)._write("invited", 1, 0, 0)
            other = connection.copy()
            try:
                with other.cursor() as cursor:
                    cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
                    (seen_from_outside,) = cursor.fetchone()
            finally:
                other.close()
        fact = Fact.objects.get()
        assert fact.written_in >= seen_from_outside, "others would not count it yet, and not count past it"
        # Another run on the same server may be in a transaction of its own: nothing is counted past that either.
        assert wait_until(lambda: rollups.count() >= 0 and Rollup.objects.exists(), seconds=60)
        assert Rollup.objects.get(grain="client", kind="invited").people == 1
