"""Reports as programs read them."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from inbox.models import Conversation
from project.core.clock import now
from reporting.models import Fact
from reporting.services import export_jobs, facts, portal, rollups
from tests.api.conftest import Program
from tests.campaigns.conftest import WORKING, World
from tests.reporting.conftest import counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(world: World, time_machine: Any) -> World:
    """Marta was invited, accepted and answered; Nils waits."""
    world.lead("Marta", "marta")
    world.lead("Nils", "nils")
    world.launch()
    world.tick()
    time_machine.move_to(WORKING + timedelta(hours=1), tick=False)
    world.tick()
    for outbound in world.queued():
        world.deliver(outbound)
    world.accepts("marta", WORKING + timedelta(hours=2))
    world.says("marta", "Tell me more", WORKING + timedelta(hours=3))
    time_machine.move_to(WORKING + timedelta(hours=4), tick=False)
    counted()
    return world


def test_a_clients_report(busy: World, manager: Program) -> None:
    portal.comment(
        access=busy.agency.access(busy.agency.client_user),
        conversation=Conversation.objects.get(has_inbound=True),
        text="We know them",
    )
    status, report = manager("GET", f"analytics/clients/{busy.agency.first.id}/summary?days=7")
    assert status == 200
    assert report["period"]["last"] == "2026-11-18"
    assert (report["people"]["enrolled"], report["people"]["replied"]) == (2, 1)
    assert len(report["days"]) == 7
    assert report["days"][-1]["replied"] == 1
    assert report["funnel"][0] == {
        "kind": "enrolled",
        "label": "Enrolled",
        "value": 2,
        "before": None,
        "of": "",
    }
    assert report["campaigns"][0]["name"] == "Cold chain"
    assert (report["replies"][0]["who"], report["replies"][0]["body"]) == ("Marta Lindqvist", "Tell me more")
    (said,) = report["replies"][0]["comments"]
    assert (said["author"], said["body"]) == (busy.agency.client_user.display_name, "We know them")
    assert said["at"].startswith("2026-11-18")
    assert manager("GET", "analytics/clients")[1][0]["replied"] == 1
    narrowed = manager("GET", f"analytics/clients/{busy.agency.first.id}/summary?days=7&channel=email")[1]
    assert (narrowed["people"]["replied"], narrowed["answered"], narrowed["replies"]) == (0, None, [])


def test_a_campaigns_report(busy: World, manager: Program) -> None:
    status, report = manager("GET", f"analytics/campaigns/{busy.campaign.id}/summary")
    assert (status, report["people"]["replied"]) == (200, 1)
    assert report["stages"]["replied"] == 1
    assert sum(report["stages"].values()) == 2
    status, error = manager("GET", f"analytics/campaigns/{busy.campaign.id}/summary?days=0")
    assert (status, list(error["details"]["fields"])) == (422, ["days"])


def test_a_campaign_over_time_and_by_step(busy: World, manager: Program) -> None:
    base = f"analytics/campaigns/{busy.campaign.id}"
    status, series = manager("GET", f"{base}/timeseries?from=2026-11-17&to=2026-11-18")
    assert (status, series["step"]) == (200, "day")
    assert [(day["day"], day["contacted"], day["replied"]) for day in series["days"]] == [
        ("2026-11-17", 0, 0), ("2026-11-18", 2, 1),
    ]  # fmt: skip
    steps = {row["node_id"]: row for row in manager("GET", f"{base}/sequence-steps")[1]}
    assert (steps["invite"]["sent"], steps["invite"]["replied"], steps["message"]["sent"]) == (2, 1, 0)
    (cohort,) = manager("GET", f"{base}/cohorts")[1]
    assert (cohort["week"], cohort["contacted"], cohort["within_1"]) == ("2026-11-16", 2, 1)
    sides = manager("GET", f"analytics/clients/{busy.agency.first.id}/comparative?days=7")[1]
    assert (sides["current"]["all"]["replied"], sides["before"]["all"]["contacted"]) == (1, 0)
    assert manager("GET", "analytics/inbox?days=28")[1]["total"]["answers"] == 0
    today = manager("GET", "analytics/real-time")[1]
    assert {row["kind"]: row["today"] for row in today["pace"]}["replied"] == 1
    assert today["activity"][0]["who"] == "Marta Lindqvist"


def test_the_rows_behind_a_number(busy: World, manager: Program) -> None:
    base = f"analytics/rows?campaign={busy.campaign.id}"
    status, page = manager("GET", f"{base}&kind=contacted&limit=1")
    assert (status, len(page["items"]), page["items"][0]["kind"]) == (200, 1, "invited")
    page = manager("GET", f"{base}&kind=contacted&limit=1&cursor={page['next_cursor']}")[1]
    assert (len(page["items"]), page["next_cursor"]) == (1, None)
    assert len(manager("GET", f"{base}&kind=replied&channel=linkedin&weekday=2")[1]["items"]) == 1
    assert manager("GET", f"{base}&kind=replied&channel=email")[1]["items"] == []
    assert manager("GET", f"analytics/rows?client={busy.campaign.id}")[0] == 404
    summary = manager("GET", f"analytics/campaigns/{busy.campaign.id}/summary?sender={busy.sender.id}")[1]
    assert (summary["people"]["replied"], summary["waits"]) == (1, [])


def test_saved_reports_and_notes(busy: World, manager: Program, limited: Program) -> None:
    base = f"clients/{busy.agency.first.id}"
    given = {"name": "Mail", "query": "days=7&channel=email"}
    status, saved = manager("POST", f"{base}/saved-reports", given)
    assert (status, saved["query"]) == (201, "days=7&channel=email")
    assert [row["id"] for row in manager("GET", f"{base}/saved-reports")[1]] == [saved["id"]]
    assert manager("DELETE", f"saved-reports/{saved['id']}")[0] == 204
    status, note = manager("POST", f"{base}/report-notes", {"day": "2026-11-17", "text": "The fair began"})
    assert (status, note["day"]) == (201, "2026-11-17")
    assert limited("GET", f"{base}/report-notes")[0] == 404
    assert limited("DELETE", f"report-notes/{note['id']}")[0] == 404
    assert manager("DELETE", f"report-notes/{note['id']}")[0] == 204
    assert manager("GET", f"{base}/report-notes")[1] == []


def test_large_exports(busy: World, manager: Program) -> None:
    given = {"kind": "events", "query": f"client={busy.agency.first.id}"}
    status, job = manager("POST", "analytics/exports", given)
    assert (status, job["state"]) == (201, "waiting")
    path = f"analytics/exports/{job['id']}"
    assert manager("GET", f"{path}/file")[0] == 410
    export_jobs.write(job_id=UUID(job["id"]))
    assert manager("GET", path)[1]["state"] == "done"
    assert [row["id"] for row in manager("GET", "analytics/exports")[1]["items"]] == [job["id"]]
    assert Program(busy.agency, busy.agency.admin)("GET", path)[0] == 404, "it is whoever's asked"
    assert manager("DELETE", path)[0] == 204


def test_an_accounts_budgets(busy: World, manager: Program) -> None:
    status, usage = manager("GET", f"analytics/accounts/{busy.sender.id}/rate-usage")
    assert (status, usage["day"], usage["resets_at"]) == (200, "2026-11-18", "2026-11-18T23:00:00Z")
    budgets = {budget["action"]: budget for budget in usage["budgets"]}
    assert budgets["invite"]["used"] + budgets["invite"]["left"] == budgets["invite"]["limit"]
    invites = next(row for row in usage["history"] if row["action"] == "invite")
    assert (len(invites["days"]), invites["days"][-1]) == (7, {"day": "2026-11-18", "used": 2})
    base = f"analytics/clients/{busy.agency.first.id}"
    rows = manager("GET", f"{base}/rate-usage?days=2")[1]
    assert (rows[0]["action"], rows[0]["used"], len(rows[0]["days"])) == ("invite", 2, 2)
    status, told = manager("GET", f"{base}/reliability?days=1")
    assert (status, told["sync_lag"]["accounts"]) == (200, 1)


def test_who_sees_which_report(busy: World, limited: Program, stranger: Program, reader: Program) -> None:
    own = Program(busy.agency, busy.agency.client_user)
    paths = (
        f"analytics/clients/{busy.agency.first.id}/summary",
        f"analytics/campaigns/{busy.campaign.id}/summary",
        f"analytics/accounts/{busy.sender.id}/rate-usage",
    )
    for path in paths:
        assert limited("GET", path)[0] == 404
        assert stranger("GET", path)[0] == 404
        assert reader("GET", path)[0] == 200
    assert [own("GET", path)[0] for path in paths] == [200, 200, 403]
    assert own("GET", f"analytics/clients/{busy.agency.second.id}/summary")[0] == 404


def test_answers_are_kept_until_figures_change(
    busy: World, manager: Program, django_capture_on_commit_callbacks: Any
) -> None:
    ops = Program(busy.agency, busy.agency.people["ops"])
    path = f"analytics/clients/{busy.agency.first.id}/summary?days=7"
    before = ops("GET", "analytics/cache")[1]
    first = manager("GET", path)[1]
    Fact.objects.all().delete()
    assert manager("GET", path)[1] == first, "it is kept"
    with django_capture_on_commit_callbacks(execute=True):
        counted()
    changed = manager("GET", path)[1]
    assert changed["people"]["replied"] == 0
    facts.record(
        kind="replied",
        key="k",
        occurred_at=now(),
        client_id=busy.agency.first.id,
        lead_id=busy.agency.first.id,
    )
    rollups.rebuild(below=sys.maxsize)
    assert manager("GET", path)[1] == changed, "nothing has committed"
    with django_capture_on_commit_callbacks(execute=True):
        assert ops("DELETE", "analytics/cache")[0] == 200
    assert manager("GET", path)[1]["people"]["replied"] == 1
    after = ops("GET", "analytics/cache")[1]
    assert (after["hits"] - before["hits"], after["misses"] - before["misses"]) == (2, 3)
    assert manager("GET", "analytics/cache")[0] == 403
