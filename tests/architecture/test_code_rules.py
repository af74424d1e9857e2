"""Rules of the house that no tool knows, read from the syntax of the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings

ROOMS = ("project", "integrations", "campaigns", "inbox", "reporting")
#: The outside world of tests and demos: it shares nothing with the product.
SANDBOX = "integrations/sandbox/"
WRITES = {
    "save", "create", "update", "delete", "get_or_create", "update_or_create", "bulk_create", "bulk_update",
    "asave", "acreate", "aupdate", "adelete",
}  # fmt: skip
#: Files that must not write: they call services.
READERS = ("views", "consumers", "tasks", "api", "admin", "broadcasts", "receivers")


def sources() -> list[Path]:
    root = Path(settings.BASE_DIR)
    found = []
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            relative = path.relative_to(root).as_posix()
            if "/migrations/" in relative or "/static_src/" in relative or relative.startswith(SANDBOX):
                continue
            found.append(path.relative_to(root))
    return found


SOURCES = sources()


def parsed(path: Path) -> ast.Module:
    return ast.parse((Path(settings.BASE_DIR) / path).read_text())


def is_reader(path: Path) -> bool:
    stem, parents = path.stem, path.parent.parts
    return any(stem == name or stem.startswith(f"{name}_") or name in parents for name in READERS) and (
        "services" not in parents
    )


def attribute_calls(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.Attribute]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func


def service_names(tree: ast.Module) -> set[str]:
    """Names that an import binds to a module of services (or a module of ours that is one)."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and "services" in node.module.split("."):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and any(alias.name == "services" for alias in node.names):
            names.add("services")
    return names


def root_of(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("path", [path for path in SOURCES if is_reader(path)], ids=str)
def test_views_consumers_tasks_and_api_write_nothing(path: Path) -> None:
    tree = parsed(path)
    services = service_names(tree)
    #: ``set.update``, ``dict.update``: told apart from rows by their receiver being a plain local name.
    for call, function in attribute_calls(tree):
        if function.attr not in WRITES or root_of(function.value) in services:
            continue
        if function.attr in {"update", "delete"} and isinstance(function.value, ast.Name):
            continue
        raise AssertionError(
            f"{path}:{call.lineno} writes by itself: {ast.unparse(function)}(); call a service."
        )


#: The place for it, and the bare peer that a benchmark measures us against: plain Celery, a task for each step.
PLAIN_CELERY = {"project/core/tasks.py", "campaigns/benchmarks/steps.py"}


def test_tasks_are_enqueued_on_commit_only() -> None:
    for path in SOURCES:
        if path.as_posix() in PLAIN_CELERY:
            continue
        for call, function in attribute_calls(parsed(path)):
            assert function.attr not in {"delay", "apply_async", "send_task", "delay_on_commit"}, (
                f"{path}:{call.lineno} enqueues by itself: use project.core.tasks.enqueue."
            )


def test_every_task_uses_the_base_of_core() -> None:
    own = {name: task for name, task in current_app.tasks.items() if task.__module__.split(".")[0] in ROOMS}
    assert own
    for name, task in own.items():
        assert hasattr(task, "organization_scoped"), (
            f"{name} does not use project.core.tasks.task or platform_task."
        )
    for path in SOURCES:
        if path.as_posix() in PLAIN_CELERY:
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom) and node.module == "celery":
                assert not {alias.name for alias in node.names} & {"shared_task", "Task"}, path


def test_only_core_builds_http_clients() -> None:
    for path in SOURCES:
        if path.as_posix().startswith("project/core/http/"):
            continue
        for call, function in attribute_calls(parsed(path)):
            text = ast.unparse(function)
            where = f"{path}:{call.lineno}"
            assert text not in {"httpx.Client", "httpx.AsyncClient"}, f"{where}: use project.core.http."
            assert not text.startswith("requests."), f"{where}: use project.core.http."
            if text.startswith("httpx.") and text.split(".")[1] in {"get", "post", "put", "patch", "request"}:
                raise AssertionError(f"{path}:{call.lineno} calls httpx directly; use project.core.http.")


def test_only_env_reads_the_environment_for_settings() -> None:
    for path in SOURCES:
        if not path.as_posix().startswith("project/settings/"):
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ.get", "os.getenv"}:
                raise AssertionError(f"{path}:{node.lineno} reads the environment; use project.env.")


def test_no_file_is_a_drawer_for_everything() -> None:
    for path in SOURCES:
        assert path.stem not in {"utils", "helpers", "common", "misc"}, path


@pytest.mark.parametrize("path", [path for path in SOURCES if "services" in path.parts], ids=str)
def test_services_are_called_by_name(path: Path) -> None:
    """Public services that write take at most one argument by position: nobody mixes up two ids."""
    for node in parsed(path).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        decorators = {ast.unparse(one).split("(")[0] for one in node.decorator_list}
        if decorators & {"transaction.atomic", "atomic"}:
            positional = [argument.arg for argument in node.args.args]
            assert len(positional) <= 1, f"{path}:{node.lineno} {node.name} takes {positional} by position."
