"""``manage.py doctor``: tells well from unwell, and says what to do."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from project.core import diagnosis, health

pytestmark = pytest.mark.django_db


def run() -> tuple[int, dict[str, Any]]:
    """Return the exit code and the findings by name."""
    output = io.StringIO()
    try:
        call_command("doctor", "--json", stdout=output)
        code = 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    body = json.loads(output.getvalue().splitlines()[-1])
    assert body["ok"] is (code == 0)
    return code, {finding["name"]: finding for finding in body["findings"]}


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every process have shown a sign of life, and the stylesheet be built."""
    for name in health.EXPECTED:
        health.beat(name)
    monkeypatch.setattr(diagnosis.bootstrap, "ensure_stylesheet", lambda: None)


@pytest.mark.usefixtures("alive")
def test_a_well_installation_has_nothing_bad() -> None:
    code, findings = run()
    assert {name: finding for name, finding in findings.items() if finding["level"] == "bad"} == {}
    assert code == 0
    assert findings["row-level security"]["detail"].startswith("on all ")
    assert findings["database role"]["detail"] == "outbound_app is bound by row-level security"


def test_processes_that_never_reported_are_bad() -> None:
    code, findings = run()
    assert code == 1
    assert {name for name in health.EXPECTED if findings[name]["level"] == "bad"} == set(health.EXPECTED)
    assert findings["beat"]["advice"]


@pytest.mark.usefixtures("alive")
def test_a_table_without_row_level_security_is_named() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SET ROLE NONE; ALTER TABLE campaigns_lead DISABLE ROW LEVEL SECURITY; SET ROLE outbound_app"
        )
    code, findings = run()
    assert code == 1
    assert findings["row-level security"]["detail"] == "missing on campaigns_lead"


@pytest.mark.usefixtures("alive")
def test_what_is_not_there_is_bad_and_the_rest_is_still_looked_at(settings: Any, tmp_path: Path) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.DATA_DIR = tmp_path / "missing"
    code, findings = run()
    assert code == 1
    assert findings["redis"]["level"] == "bad"
    assert findings["data directory"]["level"] == "bad"
    assert findings["stylesheet"]["level"] == "ok"


@pytest.mark.usefixtures("alive")
def test_packages_that_differ_from_the_pinned_ones_are_named(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "requirements.txt").write_text("django==1.0 \\\n    --hash=sha256:0\nno-such-package==1\n")
    _, findings = run()
    assert "no-such-package is missing" in findings["packages"]["detail"]
    assert "not 1.0" in findings["packages"]["detail"]


def test_the_table_names_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        call_command("doctor")
    assert leaving.value.code == 1
    assert "beat has not reported yet." in capsys.readouterr().out
