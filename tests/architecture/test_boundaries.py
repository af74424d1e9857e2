"""Boundaries that import rules cannot express."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
ROOMS = ("project", "integrations", "campaigns", "inbox", "reporting")
BUILDERS = {"Client", "AsyncClient", "get", "post", "put", "patch", "delete", "request", "stream"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Yield each module of the product as (path, syntax tree)."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "node_modules" not in path.parts and "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def test_only_the_http_package_builds_http_clients() -> None:
    # The sandbox is an outside world of its own and calls us like a provider does.
    allowed = ("project/core/http/", "integrations/sandbox/")
    offenders = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        if not path.startswith(allowed)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "httpx"
        and node.func.attr in BUILDERS
    ]
    assert offenders == []


def test_settings_read_the_environment_through_project_env_only() -> None:
    # The test settings give defaults before the others are imported.
    pattern = re.compile(r"\bos\.(environ|getenv)")
    modules = [path for path in (ROOT / "project" / "settings").glob("*.py") if path.stem != "test"]
    assert [path.name for path in modules if pattern.search(path.read_text())] == []


def test_no_grab_bag_modules() -> None:
    forbidden = {"utils", "helpers", "common", "misc"}
    assert [path for path, _ in sources() if Path(path).stem in forbidden] == []
    assert [path for path, _ in sources() if forbidden & set(Path(path).parts)] == []
