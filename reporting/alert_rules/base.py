"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from integrations.models import Connection, SenderAccount
from project.core.clock import now
from reporting.models import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong now. ``key`` names it within the organization and kind."""

    key: str
    subject: str
    message: str
    severity: str = Severity.WARNING
    path: str = ""
    client_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a rule measures by: ``threshold`` in the rule's unit, within ``minutes``."""

    threshold: int
    minutes: int


Find = Callable[[Figures], list[Finding]]
F = TypeVar("F", bound=Find)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. ``unit`` says what the threshold counts, blank where there is none; ``minutes`` 0 where no window."""

    kind: str
    title: str
    says: str
    unit: str = ""
    threshold: int = 0
    minutes: int = 0
    find: Find | None = None


RULES: Final[dict[str, Rule]] = {}


def rule(
    kind: str, *, title: str, says: str, unit: str = "", threshold: int = 0, minutes: int = 0
) -> Callable[[F], F]:
    """Register the decorated function as what finds alerts of ``kind``."""

    def register(find: F) -> F:
        RULES[kind] = Rule(
            kind=kind, title=title, says=says, unit=unit, threshold=threshold, minutes=minutes, find=find
        )
        return find

    return register


def told(kind: str, *, title: str, says: str) -> None:
    """Register a kind of alerts that rooms below tell of."""
    RULES[kind] = Rule(kind=kind, title=title, says=says)


def names() -> dict[UUID, str]:
    """Return what connections and accounts of the organization are called."""
    found: dict[UUID, str] = dict(Connection.objects.values_list("id", "name"))
    found.update(SenderAccount.objects.values_list("id", "name"))
    return found


def minutes_since(moment: datetime) -> int:
    """Return the whole minutes that have passed since ``moment``."""
    return int((now() - moment).total_seconds() // 60)
