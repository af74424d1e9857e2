"""``manage.py check_templates``: the check that every template parses."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.template import engines


def run(settings: Any, base: Path, templates: dict[str, str]) -> tuple[int, str]:
    """Check a project at ``base`` with these templates; return exit code and what was said."""
    for name, source in templates.items():
        (base / "templates" / name).parent.mkdir(parents=True, exist_ok=True)
        (base / "templates" / name).write_text(source)
    settings.BASE_DIR = base
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [base / "templates"]}]
    engines.__dict__.pop("templates", None)
    output = io.StringIO()
    try:
        call_command("check_templates", stdout=output, stderr=output)
    except SystemExit as leaving:
        return int(leaving.code or 0), output.getvalue()
    return 0, output.getvalue()


def test_templates_that_parse_pass(settings: Any, tmp_path: Path) -> None:
    code, said = run(
        settings, tmp_path, {"a.html": "{% include 'rows/_b.html' %}", "rows/_b.html": "{{ x }}"}
    )
    assert (code, said) == (0, "2 of 2 templates parse\n")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% if x %}", "broken.html: Unclosed tag"),
        ("{{ x|nosuchfilter }}", "broken.html: Invalid filter"),
        ("{% include 'nowhere.html' %}", "broken.html: nowhere.html"),
        ("{% extends 'nowhere.html' %}", "broken.html: nowhere.html"),
    ],
)
def test_broken_templates_are_named(settings: Any, tmp_path: Path, source: str, said: str) -> None:
    code, output = run(settings, tmp_path, {"broken.html": source})
    assert code == 1
    assert said in output
