"""``manage.py bench``: the contract of its last line and its exit codes."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from project.core import bench


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_benchmarks", {})
    monkeypatch.setattr("project.core.management.commands.bench.autodiscover_modules", lambda *names: None)


def measured(name: str, **ratios: float) -> bench.BenchResult:
    targets = {"share": bench.Target(0.6, "at_least"), "p99_ms": bench.Target(100, "at_most")}
    return bench.BenchResult(name, {"events": 1}, {"events": 2}, ratios, targets)


def test_the_last_line_is_one_object_with_the_agreed_keys(capsys: pytest.CaptureFixture[str]) -> None:
    bench.register("ingest", lambda options: measured("ingest", share=0.7, p99_ms=50))
    call_command("bench", "ingest", "--json")
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"name", "figures", "baseline", "ratios", "targets", "ok"} <= set(last)
    assert last["targets"].keys() == last["ratios"].keys() == last["bounds"].keys()
    assert last["ok"] is True


@pytest.mark.parametrize("ratios", [{"share": 0.59, "p99_ms": 50}, {"share": 0.7, "p99_ms": 101}])
def test_a_missed_target_exits_1(ratios: dict[str, float], capsys: pytest.CaptureFixture[str]) -> None:
    bench.register("ingest", lambda options: measured("ingest", **ratios))
    with pytest.raises(SystemExit) as stopped:
        call_command("bench", "ingest", "--json")
    assert stopped.value.code == 1
    out = capsys.readouterr().out
    assert "MISSED" in out
    assert json.loads(out.splitlines()[-1])["ok"] is False


def test_without_a_name_all_run(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ingest", "engine"):
        bench.register(name, lambda options, name=name: measured(name, share=1, p99_ms=1))
    call_command("bench", "--json")
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [result["name"] for result in last["benchmarks"]] == ["engine", "ingest"]
    assert last["ok"] is True


def test_an_unknown_name_exits_2_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        call_command("bench", "nothing")
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_percentiles() -> None:
    assert bench.percentile([], 0.99) == 0
    assert bench.percentile(range(1, 101), 0.5) == 51
    assert bench.percentile(range(1, 101), 0.99) == 100
