"""The machinery of fault drills: played whole against a sandbox with workers that a test drives, judged, put on record.

The drills themselves end processes of an installation and are played by command (docs/runbooks).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from campaigns import tasks as campaign_tasks
from campaigns.models import CampaignMirror
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.tasks import dispatch_due, sweep_deliveries, sync_due
from project.core.clock import now
from project.core.scoping import no_scope, platform_scope
from project.tenancy.models import Organization, User
from reporting.drills import outreach, playing, scoring
from reporting.drills.catalogue import DRILLS, STRANGE
from reporting.drills.ground import Ground
from reporting.drills.outreach import PEOPLE
from reporting.drills.scoring import Outcome, Score, judge
from reporting.management.commands.drill import excerpt
from reporting.models import DrillRun
from reporting.services import drill_runs
from reporting.tasks import alerts_due
from tests.factories import Agency
from tests.integrations.conftest import Hints, hints

__all__ = ["hints"]

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


class Bench(Ground):
    """A sandbox and workers that do what is due while the drill waits; what is to be put back fails to be."""

    def __init__(self, sandbox: SandboxHandle, hints: Hints) -> None:
        self.sandbox, self.hints = sandbox, hints
        self._before = dict(sandbox.state()["settings"])
        self._faults: list[str] = []

    def wait(self, seconds: float) -> None:
        with no_scope():
            campaign_tasks.tick.run()
            dispatch_due.run()
            sync_due.run()
        self.hints.run_all(limit=5_000)

    def restore(self) -> None:
        super().restore()
        raise RuntimeError("This did not work.")


class RunningBench(Bench):
    """The same where a provider runs the campaign: its clock goes on, so that people are written to one by one, and
    campaigns are read whenever they are waited for.
    """

    def wait(self, seconds: float) -> None:
        self.sandbox.call("POST", "/clock/jump", {"seconds": 20})
        with no_scope(), platform_scope("what is due"):
            CampaignMirror.objects.update(next_sync_at=now())
            campaign_tasks.sweep_provider_runs.run()
            sweep_deliveries.run()
            alerts_due.run()
        super().wait(seconds)


@pytest.fixture
def running_bench(hints: Hints, live_server: Any, clean_redis: Any, settings: Any) -> Iterator[Bench]:
    with running_sandbox() as sandbox:
        settings.SMARTLEAD_BASE_URL = sandbox.url_of("smartlead")
        settings.WEBHOOK_BASE_URL = live_server.url
        settings.REQUEST_RATES = {}
        yield RunningBench(sandbox, hints)


@pytest.fixture
def bench(hints: Hints, live_server: Any, clean_redis: Any, settings: Any) -> Iterator[Bench]:
    with running_sandbox() as sandbox:
        settings.UNIPILE_BASE_URL = sandbox.unipile_url
        settings.WEBHOOK_BASE_URL = live_server.url
        settings.SEND_SPACING_MS = (0, 0)
        yield Bench(sandbox, hints)


Play = Callable[..., tuple[Score, list[str]]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Play a drill with few people, who do what they do at once, and see that it passes."""

    def played(name: str, ground: Bench, *, people: int, seconds: float) -> tuple[Score, list[str]]:
        for module in (outreach, scoring):
            monkeypatch.setattr(module, "PEOPLE", people)
        monkeypatch.setattr(playing, "MOVE_S", 0.0)
        told: list[str] = []
        score = playing.play(DRILLS[name], ground, seconds=seconds, tell=told.append)
        assert score.passed, (score, told)
        assert (score.lost, score.sent_twice, score.same, score.problems) == (0, 0, True, [])
        assert score.detected_s is not None
        assert score.recovered_s is not None
        assert score.fault_s == seconds
        return score, told

    return played


@pytest.mark.django_db(transaction=True)
def test_a_drill_is_played_to_its_score_and_leaves_nothing_behind(bench: Bench, play: Play) -> None:
    score, told = play("token_revoked", bench, people=2, seconds=0.2)
    # A clean-up that fails hides no score, and says so.
    assert score.left_behind == ["the sandbox's settings and faults: RuntimeError: This did not work."]
    assert [line.split()[0] for line in told] == ["The", "Struck:", "Noticed", "Mended", "As"]
    with platform_scope("look"):
        assert not Organization.objects.filter(slug__startswith="drill-").exists()
        assert not User.objects.filter(email__endswith="@drill.test").exists()
    assert bench.sandbox.state()["faults"] == []


@pytest.mark.django_db(transaction=True)
def test_webhooks_that_come_three_times_and_backwards_change_nothing(bench: Bench, play: Play) -> None:
    play("webhooks_disordered", bench, people=2, seconds=0.5)
    # It was struck: three calls of the same bytes each.
    bodies = Counter(call["body"] for call in bench.sandbox.deliveries())
    assert max(bodies.values()) >= 3, bodies


@pytest.mark.django_db(transaction=True)
def test_webhooks_of_a_shape_that_nobody_knows_are_told_and_polled_for(
    bench: Bench, play: Play, settings: Any
) -> None:
    settings.INBOUND_POLL_SECONDS = 0
    play("shape_changed", bench, people=2, seconds=0.5)
    # Struck were webhooks alone, and no call of ours: the installation noticed it by what came in.
    unread = [call for call in bench.sandbox.deliveries() if '"message_received_v2"' in call["body"]]
    assert len(unread) == STRANGE
    assert all(call["status"] < 400 for call in bench.sandbox.calls())


@pytest.mark.django_db(transaction=True)
def test_a_provider_of_a_running_campaign_goes_down_and_tells_everything_three_times_and_backwards(
    running_bench: Bench, play: Play
) -> None:
    play("campaign_provider_down", running_bench, people=3, seconds=1.0)
    # It was struck: the provider told the same several times, and refused to be asked meanwhile.
    told_of = Counter(call["event"] for call in running_bench.sandbox.deliveries())
    assert told_of["EMAIL_SENT"] + told_of["EMAIL_REPLY"] > 4 * 3, told_of
    assert any(call["status"] == 503 for call in running_bench.sandbox.calls())


def outcome(*, without: int = -1, answers: int = 1, sent: int = 1) -> Outcome:
    people = [number for number in range(PEOPLE) if number != without]
    return Outcome(
        state={
            number: {"enrollment": "ended, replied", "messages": [f"inbound: Answer {number}"] * answers}
            for number in people
        },
        sent=Counter({f"message: For {number}": sent for number in people}),
    )


@pytest.mark.parametrize(
    ("struck", "times", "lost", "twice", "says"),
    [
        (outcome(), (1.0, 2.0), 0, 0, ""),
        (outcome(without=3), (1.0, 2.0), 2, 0, "Person 3 ended as None"),
        (outcome(answers=0), (1.0, 2.0), PEOPLE, 0, "Person 0 ended as"),
        (outcome(answers=2), (1.0, 2.0), 0, 0, "Person 0 ended as"),
        (outcome(sent=2), (1.0, 2.0), 0, PEOPLE, "Left 2 times: message: For 0"),
        (outcome(), (None, 2.0), 0, 0, "It was not noticed."),
        (outcome(), (61.0, 2.0), 0, 0, "It was noticed after 61.0 s; the limit is 60 s."),
        (outcome(), (1.0, 65.0), 0, 0, "It was as undisturbed again after 65.0 s; the limit is 60 s."),
        (outcome(), (1.0, None), 0, 0, "It was not as undisturbed again."),
    ],
)
def test_what_is_lost_doubled_different_or_late_does_not_pass(
    struck: Outcome, times: tuple[float | None, float | None], lost: int, twice: int, says: str
) -> None:
    score = judge(
        DRILLS["redis_restarted"], struck, outcome(), fault_s=0, detected_s=times[0], recovered_s=times[1]
    )
    assert (score.passed, score.lost, score.sent_twice) == (not says, lost, twice)
    assert any(says in problem for problem in score.problems) or not says


def test_what_a_dead_worker_had_on_its_way_has_the_lease_besides(settings: Any) -> None:
    settings.SEND_LEASE_SECONDS = 300
    limits = {name: drill.limit_s for name, drill in DRILLS.items()}
    assert limits.pop("worker_killed") == 480
    assert limits.pop("provider_down") == 180
    assert limits.pop("shape_changed") == 120
    assert set(limits.values()) == {60}


@pytest.mark.django_db
def test_a_score_is_put_on_record_and_shown(kestrel: Agency, client: Any) -> None:
    score = judge(
        DRILLS["provider_down"], outcome(), outcome(), fault_s=600, detected_s=1.0, recovered_s=None
    ).as_json()
    drill_runs.record(score=score, started_at="2026-11-30T08:00:00Z", is_throwaway=True)
    assert (DrillRun.objects.get().fault_s, DrillRun.objects.get().passed) == (600, False)
    client.force_login(kestrel.ops)
    page = client.get(f"/o/{kestrel.organization.slug}/ops/drills/").content.decode()
    assert "It was not as undisturbed again." in page
    assert "600 s" in page
    assert all(f"manage.py drill {name}" in page for name in DRILLS)


@pytest.mark.parametrize("arguments", [["redis_restarted", "--seconds", "5"], ["no_such_drill"], []])
def test_bad_use_is_refused_before_anything_is_broken(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        call_command("drill", *arguments, "--fresh")
    assert refused.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_a_broken_drill_wrote_is_shown_with_its_first_error() -> None:
    text = "\n".join(["ScopeMissing: the cause", *("noise" for _ in range(5_000)), "the end"])
    shown = excerpt(text)
    assert shown.startswith("ScopeMissing: the cause")
    assert shown.endswith("the end")
    assert len(shown) < 7_000


def test_each_drill_has_a_runbook_that_says_how_it_passes() -> None:
    for drill in DRILLS.values():
        text = (RUNBOOKS / drill.runbook).read_text()
        assert f"manage.py drill {drill.name}" in text
        assert f"within {drill.back_within:g} seconds" in text, drill.name
        for part in ("Owner", "Cadence", "## Steps", "## Pass or fail", "README.md#run-template"):
            assert part in text, (drill.name, part)
