"""A deployment serves each browser module once, under its hashed name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
IMPORT = re.compile(r"""(?:import|export)\b[^;'"]*?from\s*["']([^"']+)["']""")


def test_imports_name_hashed_files(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "project.theme.storage.StaticStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    hashed = [
        path for path in (tmp_path / "js").rglob("*.js") if re.search(r"\.[0-9a-f]{12}\.js$", path.name)
    ]
    assert len(hashed) == len(list((ROOT / "static/js").rglob("*.js")))
    imports = [(path, url) for path in hashed for url in IMPORT.findall(path.read_text(encoding="utf-8"))]
    assert imports, "modules import each other"
    assert [(path.name, url) for path, url in imports if not (path.parent / url).resolve().exists()] == []
    assert [(path.name, url) for path, url in imports if not re.search(r"\.[0-9a-f]{12}\.js$", url)] == []


def test_production_uses_it() -> None:
    text = (ROOT / "project/settings/production.py").read_text(encoding="utf-8")
    assert "project.theme.storage.StaticStorage" in text
