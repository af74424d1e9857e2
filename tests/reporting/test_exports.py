"""Large exports: written in the background, gone on with after a crash, fetched for a week by whoever asked."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client as Browser

from inbox.models import Conversation
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.scoping import no_scope, platform_scope
from project.tenancy.models import AuditEntry, Membership
from reporting import export_kinds, exports, tasks
from reporting.models import ExportJob, ExportPart, Fact, PortalPolicy
from reporting.services import export_jobs
from tests.campaigns.conftest import WORKING, World
from tests.factories import make_agency
from tests.reporting.test_reports import answered

__all__ = ["answered"]

pytestmark = pytest.mark.django_db


def access_of(world: World, who: Any = None) -> Any:
    return world.agency.access(who or world.agency.manager)


def start(world: World, kind: str, who: Any = None, **query: str) -> ExportJob:
    given = {"client": str(world.agency.first.id), **query}
    return export_jobs.start(access=access_of(world, who), kind=kind, query=given)


def lines_of(job: ExportJob) -> list[dict[str, str]]:
    text = b"".join(export_jobs.content(job.refreshed())).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_each_kind_has_its_rows(answered: World, client: Browser) -> None:
    rows, events, threads = (start(answered, kind) for kind in ("rows", "events", "conversations"))
    for job in (rows, events, threads):
        export_jobs.write(job_id=job.id)
    assert [(row["kind"], row["person"]) for row in lines_of(rows)] == [("replied", "Marta Lindqvist")]
    facts = Fact.objects.filter(client_id=answered.agency.first.id)
    assert len(lines_of(events)) == facts.count() == events.refreshed().rows_total
    (thread,) = lines_of(threads)
    assert (thread["person"], thread["intent"], thread["channel"]) == (
        "Marta Lindqvist",
        "interested",
        "linkedin",
    )
    assert "tell me more" in thread["last_message"]
    client.force_login(answered.agency.manager)
    page = client.get(answered.agency.url("reports/exports/")).content.decode()
    assert page.count("Download") == 3
    file = client.get(answered.agency.url(f"reports/exports/{threads.id}/file"))
    assert b"Marta Lindqvist" in b"".join(file.streaming_content)  # type: ignore[attr-defined]
    assert AuditEntry.objects.filter(action="report.exported").count() == 3


def test_a_thread_that_goes_on_stays_in_the_file(
    answered: World, monkeypatch: Any, time_machine: Any
) -> None:
    """Whoever wrote in the period is in the file, also if they write again later, or while it is written."""
    monkeypatch.setattr(export_kinds, "PAGE", 1)
    monkeypatch.setattr(export_jobs, "PAGES", 1)
    answered.says("owen", "Which price?", WORKING + timedelta(minutes=6), message="m2")
    time_machine.move_to(WORKING + timedelta(days=3), tick=False)
    answered.says("marta", "Still there?", WORKING + timedelta(days=3), message="m3")
    day = str(WORKING.date())
    job = start(answered, "conversations", **{"from": day, "to": day})
    kind = export_kinds.KINDS["conversations"]

    def written_on(access: Any, filters: Any, cursor: Any) -> Any:
        found = kind.page(access, filters, cursor)
        Conversation.objects.update(last_inbound_at=WORKING + timedelta(days=4))
        return found

    monkeypatch.setitem(
        export_kinds.KINDS, "conversations", export_kinds.ExportKind(kind.head, kind.rows, written_on)
    )
    export_jobs.write(job_id=job.id)
    assert sorted(row["person"] for row in lines_of(job)) == ["Marta Lindqvist", "Owen Lindqvist"]
    day_after = str((WORKING + timedelta(days=1)).date())
    empty = start(answered, "conversations", **{"from": day_after, "to": day_after})
    export_jobs.write(job_id=empty.id)
    assert lines_of(empty) == []


def test_a_long_file_says_how_far_it_is_and_is_not_made_while_somebody_waits(
    answered: World, client: Browser, monkeypatch: Any
) -> None:
    monkeypatch.setattr(export_jobs, "COUNTED", 1)
    monkeypatch.setattr(exports, "MOST_ROWS", {"csv": 1, "xlsx": 0})
    job = start(answered, "events")
    export_jobs.write(job_id=job.id)
    assert job.refreshed().rows_total is None
    assert len(lines_of(job)) == job.refreshed().rows_done > 1
    client.force_login(answered.agency.manager)
    query = f"?kind=replied&client={answered.agency.first.id}"
    assert client.get(answered.agency.url(f"reports/rows.csv{query}")).status_code == 200
    refused = client.get(answered.agency.url(f"reports/rows.xlsx{query}"))
    assert refused.status_code == 422
    assert "As a file later" in refused.content.decode()


def test_it_goes_on_where_a_killed_worker_stood(answered: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(export_kinds, "PAGE", 1)
    monkeypatch.setattr(export_jobs, "PAGES", 2)
    job = start(answered, "events")
    whole = Fact.objects.filter(client_id=answered.agency.first.id).count()
    calls: list[Any] = []
    kind = export_kinds.KINDS["events"]

    def dying(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 4:
            raise MemoryError
        return kind.page(*given)

    monkeypatch.setitem(export_kinds.KINDS, "events", export_kinds.ExportKind(kind.head, kind.rows, dying))
    with pytest.raises(MemoryError):
        export_jobs.write(job_id=job.id)
    stopped = job.refreshed()
    assert (stopped.state, stopped.rows_done) == ("running", 2)
    export_jobs.write(job_id=job.id)
    assert job.refreshed().rows_done == 2, "somebody may still be at it"
    ExportJob.objects.update(claimed_until=now() - timedelta(seconds=1))
    with no_scope(), platform_scope("test"):
        assert export_jobs.forgotten() == [(answered.agency.id, job.id)]
    export_jobs.write(job_id=job.id)
    ids = [(row["kind"], row["lead_id"], row["occurred_at"]) for row in lines_of(job)]
    assert len(ids) == len(set(ids)) == whole == job.refreshed().rows_done


def test_one_that_always_breaks_ends_and_says_so(
    answered: World, client: Browser, monkeypatch: Any, time_machine: Any
) -> None:
    """Once a part was written the tries begin anew; an outage of the database ends nothing."""
    monkeypatch.setattr(export_kinds, "PAGE", 1)
    monkeypatch.setattr(export_jobs, "PAGES", 1)
    job, kind = start(answered, "events"), export_kinds.KINDS["events"]
    errors: list[Exception] = []

    def broken(access: Any, filters: Any, cursor: Any) -> Any:
        if cursor is not None or len(errors) < 2:
            errors.append(OperationalError("away") if len(errors) % 2 else ZeroDivisionError("a row"))
            raise errors[-1]
        return kind.page(access, filters, cursor)

    monkeypatch.setitem(export_kinds.KINDS, "events", export_kinds.ExportKind(kind.head, kind.rows, broken))
    for _ in range(20):
        with suppress(ZeroDivisionError, OperationalError):
            export_jobs.write(job_id=job.id)
        time_machine.shift(export_jobs.LEASE + timedelta(seconds=1))
    ended = job.refreshed()
    assert (ended.state, ended.rows_done) == ("failed", 1)
    assert export_jobs.TRIES + 2 <= len(errors) <= export_jobs.TRIES + 3
    assert "at the same place" in ended.error
    with no_scope(), platform_scope("test"):
        assert export_jobs.forgotten() == []
    client.force_login(answered.agency.manager)
    assert ended.error[:40] in client.get(answered.agency.url("reports/exports/")).content.decode()


def test_one_whose_workers_are_killed_ends_too(answered: World, time_machine: Any) -> None:
    job = start(answered, "events")
    ExportJob.objects.update(state="running", tries=export_jobs.TRIES, claimed_until=now())
    time_machine.shift(timedelta(minutes=2))
    export_jobs.write(job_id=job.id)
    assert job.refreshed().state == "failed"


def test_only_whoever_asked_has_it_and_only_for_a_week(
    answered: World, client: Browser, time_machine: Any
) -> None:
    job = start(answered, "rows")
    path = answered.agency.url(f"reports/exports/{job.id}/file")
    client.force_login(answered.agency.manager)
    assert client.get(path).status_code == 410, "it is not written yet"
    export_jobs.write(job_id=job.id)
    assert client.get(path).status_code == 200
    client.force_login(answered.agency.admin)
    assert client.get(path).status_code == 404
    client.force_login(answered.agency.manager)
    time_machine.move_to(now() + export_jobs.KEPT + timedelta(minutes=1), tick=False)
    assert client.get(path).status_code == 410
    with no_scope(), platform_scope("test"):
        tasks.sweep_exports()
    assert not ExportJob.objects.exists()
    assert not ExportPart.objects.exists()


def test_it_never_holds_what_is_out_of_reach(answered: World) -> None:
    limited = answered.agency.people["limited"]
    with pytest.raises(Invalid, match="within your reach"):
        start(answered, "rows", limited)
    own = start(answered, "conversations", answered.agency.client_user)
    PortalPolicy.objects.create(client=answered.agency.first, shows_replies=False)
    export_jobs.write(job_id=own.id)
    assert lines_of(own) == [], "the agency does not show them replies"
    lost = start(answered, "events", answered.agency.client_user)
    Membership.objects.filter(user=answered.agency.client_user).update(is_active=False)
    export_jobs.write(job_id=lost.id)
    assert (lost.refreshed().state, lost.refreshed().rows_done) == ("failed", 0)
    with pytest.raises(Invalid, match="A file is one of"):
        start(answered, "everything")


@pytest.mark.django_db(transaction=True)
def test_a_file_over_all_clients_is_gone_for_whoever_was_limited_since(answered: World) -> None:
    manager = answered.agency.manager
    everything = export_jobs.start(access=access_of(answered), kind="rows", query={})
    ExportJob.objects.filter(id=everything.id).update(created_at=now() - timedelta(hours=1))
    member = Membership.objects.get(user=manager)
    member.all_clients = False
    member.save()
    limited = access_of(answered)
    assert limited.client_ids is not None
    assert everything not in export_jobs.jobs(limited)
    own = export_jobs.start(access=limited, kind="rows", query={})
    assert list(export_jobs.jobs(limited)) == [own]


def test_a_worker_writes_it_at_once() -> None:
    """Workers are in no transaction of their own, unlike the other tests here."""
    agency = make_agency("exporter")
    with agency.scope():
        job = export_jobs.start(access=agency.access(agency.manager), kind="events", query={})
        export_jobs.write(job_id=job.id)
        assert (job.refreshed().state, job.refreshed().rows_total) == ("done", 0)
