"""Real workers that the system kills in the middle of long work: the next one loses nothing and doubles nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import CampaignMirror, EnrollmentMirror
from inbox.models import Message
from integrations.models import ProviderEvent, WebhookDelivery
from integrations.services import replays
from integrations.tasks import run_replay, sweep_replays
from integrations.webhook_filters import Filter
from project.core.scoping import no_scope
from tests.campaigns.conftest import World
from tests.chaos.workers import environment
from tests.integrations.conftest import Hints, hints
from tests.integrations.test_replays import Stored, reply, stored
from tests.provider_runs.conftest import Run, run, sandbox

__all__ = ["hints", "run", "sandbox", "stored"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_redis")]


def dies(task: str, arguments: dict[str, Any], *, call: str, nth: int, when: str, **values: Any) -> None:
    """Run a task in a process of its own, and see that it died there."""
    order = {"task": task, "arguments": arguments, "call": call, "nth": nth, "when": when, "set": values}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.chaos.victim", json.dumps(order, default=str)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr[-3000:]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_killed_in_a_bulk_replay(
    world: World, stored: Stored, hints: Hints, time_machine: Any, when: str
) -> None:
    for number in range(8):
        stored(reply(slug=f"person{number}"), minute=number)
    made = replays.request(criteria=Filter(state="dead"), actor=None, start=False)
    dies(
        "integrations.tasks:run_replay",
        {"organization_id": world.agency.id, "run_id": made.id},
        call="integrations.services.webhooks:work",
        nth=4,
        when=when,
    )
    made = made.refreshed()
    assert (made.state, made.done) == ("running", 3)
    assert Message.objects.count() == (3 if when == "before" else 4)
    hints.lose()
    # Nobody takes it over while its worker may live.
    assert made.claimed_until is not None
    with no_scope():
        run_replay.run(organization_id=str(world.agency.id), run_id=str(made.id))
    assert made.refreshed().done == 3
    time_machine.move_to(made.claimed_until + timedelta(seconds=1), tick=False)
    with no_scope():
        assert sweep_replays.run() == 1
    hints.run_all()
    made = made.refreshed()
    assert (made.state, made.total, made.done, made.failed, made.skipped) == ("done", 8, 8, 0, 0)
    assert not WebhookDelivery.objects.exclude(state="processed").exists()
    assert Message.objects.count() == ProviderEvent.objects.count() == 8


@pytest.mark.parametrize(("call", "nth"), [("create_campaign", 1), ("add_leads", 2)])
def test_a_worker_killed_while_it_pushes_a_campaign(run: Run, time_machine: Any, call: str, nth: int) -> None:
    """The provider has done what it was asked for, and nobody here knows."""
    adapter = "integrations.providers.smartlead.adapter:SmartleadAdapter"
    with run.scope():
        run.launch()
        run.hints.lose()
        dies(
            "campaigns.tasks:bring_in_line",
            {"organization_id": run.agency.id, "campaign_id": run.campaign.id},
            call=f"{adapter}.{call}",
            nth=nth,
            when="after",
            **{
                f"{adapter}.lead_batch": 1,
                "SMARTLEAD_BASE_URL": run.sandbox.url_of("smartlead"),
                "WEBHOOK_BASE_URL": "http://127.0.0.1:9",
                "REQUEST_RATES": {},
            },
        )
        left = CampaignMirror.objects.get()
        assert left.claimed_until is not None
        assert left.job == "due"
        time_machine.move_to(left.claimed_until + timedelta(seconds=20), tick=True)
    run.sweep()
    with run.scope():
        assert run.mirror.job == "idle", (run.mirror.step, run.mirror.error)
        assert {row.state for row in EnrollmentMirror.objects.all()} == {"added"}
        [there] = run.sandbox.state()["smartlead"]["campaigns"]
        assert (there["status"], len(there["members"])) == ("running", 3)
        addresses = Counter(row.key for row in EnrollmentMirror.objects.all())
        assert set(addresses.values()) == {1}
