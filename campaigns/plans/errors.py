"""What is wrong with a plan, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class PlanError:
    """One error. ``node`` is empty for the plan itself, ``field`` a path like ``transitions[0].within``."""

    node: str
    field: str
    code: str
    message: str

    def to_json(self) -> dict[str, str]:
        """As the API shows it."""
        return asdict(self)


class PlanInvalid(ValueError):
    """The plan may not run; ``errors`` says everything that is wrong."""

    def __init__(self, errors: Sequence[PlanError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0] if self.errors else PlanError("", "", "invalid", "The plan is not valid.")
        place = " ".join(part for part in (first.node, first.field) if part)
        more = f" (and {len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
        super().__init__(f"{place}: {first.message}{more}" if place else f"{first.message}{more}")
