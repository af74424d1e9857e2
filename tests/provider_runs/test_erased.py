"""People who were erased, at the provider: nobody goes on writing to them, and nobody takes them for strangers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import EnrollmentMirror, ErasedAddress
from campaigns.services import erasure, forgetting
from campaigns.services.provider_runs import people
from integrations.providers.emailbison.adapter import EmailBisonAdapter
from integrations.providers.heyreach.adapter import HeyReachAdapter
from integrations.providers.smartlead.adapter import SmartleadAdapter
from project.core.clock import now
from project.core.scoping import no_scope, platform_scope
from tests.provider_runs.conftest import Run
from tests.provider_runs.test_taken import losing

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = pytest.mark.parametrize("run", ["smartlead", "emailbison", "heyreach"], indirect=True)
ADAPTERS: dict[str, Any] = {
    "smartlead": SmartleadAdapter,
    "emailbison": EmailBisonAdapter,
    "heyreach": HeyReachAdapter,
}


def forget() -> int:
    """The hourly task."""
    with no_scope(), platform_scope("test"):
        return forgetting.forget_stopped()


def erase(run: Run, slug: str) -> EnrollmentMirror:
    row = run.row(slug)
    erasure.erase(lead=run.lead(slug), reason="Asked", actor=run.agency.manager)
    return row


def is_nameless(row: EnrollmentMirror) -> bool:
    return all(value.startswith(ErasedAddress.MARK) for value in (row.key, row.provider_lead_id))


@EVERY
def test_who_was_erased_and_is_written_to_there_after_all_is_stopped_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run.scope():
        run.launch()
        run.work()
        run.read()
        with monkeypatch.context() as deaf:
            # It says yes and goes on.
            deaf.setattr(ADAPTERS[run.provider], "stop_lead", lambda *_: None)
            known = erase(run, "lee-park")
            run.work()
        assert known.refreshed().state == "stopped"
        assert (forget(), is_nameless(known.refreshed())) == (1, True)
        assert run.read() == "read"
        assert run.mirror.lead_sync_unknown == 0, "nobody is a stranger"
        again = known.refreshed()
        named = (known.key, known.provider_lead_id)
        assert (again.state, again.key, again.provider_lead_id) == ("stopping", *named)
        run.work()
        assert known.refreshed().state == "stopped"
        assert [row["status"] for row in run.at_provider()["members"]].count("stopped") == 1
        # What they are called there is not kept longer, and does not come back with the next reading.
        assert forget() == 1
        assert run.read() == "read"
        assert (known.refreshed().state, is_nameless(known.refreshed())) == ("stopped", True)
        assert (run.mirror.lead_sync_unknown, forget()) == (0, 0)


def test_who_was_erased_as_not_taken_and_shows_up_is_stopped(run: Run) -> None:
    with run.scope():
        run.launch()
        run.work()
        row = run.row("lee-park")
        people.leave_out(row, state="dropped", outcome="error", reason="Not taken.", rule="dropped")
        erase(run, "lee-park")
        assert row.refreshed().key.startswith(ErasedAddress.MARK)
        run.read()
        assert row.refreshed().state == "stopping"
        run.work()
        assert row.refreshed().state == "stopped"
        assert [one["status"] for one in run.at_provider()["members"]].count("stopped") == 1


def test_who_was_erased_and_is_listed_keeps_nobody_else_from_counting_as_not_taken(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing("mia", monkeypatch)
    with run.scope():
        run.launch()
        run.work()
        known = erase(run, "lee-park")
        run.work()
        assert (known.refreshed().state, forget()) == ("stopped", 1)
        EnrollmentMirror.objects.update(added_at=now() - timedelta(hours=1))
        assert run.read() == "read"
        assert [run.row(slug).state for slug in ("mia-park", "noa-park")] == ["dropped", "added"]
        assert (run.mirror.lead_sync_unknown, known.refreshed().state) == (0, "stopped")


def test_people_who_cannot_be_stopped_keep_nobody_waiting_to_be_forgotten(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "_PRUNED_AT_ONCE", 1)
    with run.scope():
        run.launch()
        run.work()
        run.read()
        first, other = erase(run, "lee-park"), erase(run, "mia-park")
        assert first.id < other.id
        EnrollmentMirror.objects.filter(id=other.id).update(state="stopped")
        assert (forget(), forget()) == (1, 0)
        assert (first.refreshed().key, is_nameless(other.refreshed())) == (first.key, True)
