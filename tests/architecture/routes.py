"""Every address of the product, read from the URLconf, and every operation of the JSON API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from project.tenancy.access import Permission

#: Addresses without a rule of ours, each with the reason.
EXEMPT = {
    "accounts/": "allauth decides who may; its own suite covers it",
    "api/v1/": "operations are enumerated from the API itself; only its root is left, which answers 404",
}

SCOPED = "o/<slug:organization_slug>/"


def _rule_of(function: Any) -> Permission | str | None:
    rule = getattr(function, "access_rule", None)
    # What lies below tenancy cannot import Permission and names it.
    return Permission(rule) if rule in set(Permission) else rule


@dataclass(frozen=True)
class Route:
    """One address: the pattern as written, the names of its arguments, and its view."""

    pattern: str
    arguments: tuple[str, ...]
    view: Any

    @property
    def rule(self) -> Any:
        """The access rule that the view carries."""
        return _rule_of(self.view)

    @property
    def is_scoped(self) -> bool:
        """Whether it lies below ``/o/<slug>/``."""
        return self.pattern.startswith(SCOPED)

    @property
    def is_exempt(self) -> bool:
        """Whether somebody else answers for it."""
        return self.rule is None and any(self.pattern.startswith(prefix) for prefix in EXEMPT)

    def path(self, values: dict[str, Any]) -> str:
        """The address with values for its arguments."""
        return "/" + re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda match: str(values[match[1]]), self.pattern)

    def __str__(self) -> str:
        return self.pattern or "(start)"


def _walk(patterns: list[Any], prefix: str, arguments: tuple[str, ...]) -> Iterator[Route]:
    for entry in patterns:
        pattern = prefix + str(entry.pattern)
        names = arguments + tuple(entry.pattern.converters)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, pattern, names)
        elif isinstance(entry, URLPattern):
            yield Route(pattern, names, entry.callback)


def routes() -> list[Route]:
    """All addresses except the operations of the API."""
    return [route for route in _walk(get_resolver().url_patterns, "", ()) if not _is_operation(route)]


def _is_operation(route: Route) -> bool:
    return (
        route.pattern.startswith("api/v1/")
        and hasattr(route.view, "csrf_exempt")
        and route.rule is None
        and (route.pattern != "api/v1/")
    )


@dataclass(frozen=True)
class ApiOperation:
    """One operation of the JSON API."""

    method: str
    path: str
    function: Any

    @property
    def rule(self) -> Any:
        """The access rule that the operation carries."""
        return _rule_of(self.function)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of the arguments in its path."""
        return tuple(re.findall(r"{(?:[^:}]+:)?([^}]+)}", self.path))

    def url(self, values: dict[str, Any]) -> str:
        """The address with values for its arguments."""
        filled = re.sub(r"{(?:[^:}]+:)?([^}]+)}", lambda match: str(values[match[1]]), self.path)
        return f"/api/v1{filled}"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations() -> list[ApiOperation]:
    """All operations of the JSON API."""
    from project.api import api

    found: list[ApiOperation] = []
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            full = re.sub("//+", "/", f"/{prefix}/{path}")
            found.extend(
                ApiOperation(method, full, operation.view_func)
                for operation in view.operations
                for method in operation.methods
            )
    return found
