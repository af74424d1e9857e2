"""What is wrong with a plan, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


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


_TAGS = frozenset(
    {"profile_view", "invite", "message", "inmail", "email", "sms", "FieldCondition", "EventCondition"}
)


def field_path(parts: Iterable[str | int]) -> str:
    """``("steps", 1, "message", "text")`` as ``steps[1].text``: names of alternatives are left out."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part not in _TAGS:
            text += f".{part}" if text else part
    return text


def shape_message(error: Mapping[str, Any]) -> str:
    """Pydantic's message for one error, or a plainer one for the mistakes that people make."""
    details = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "This field is required."
        case "extra_forbidden":
            return "There is no such field."
        case "union_tag_not_found":
            return f"Say which kind this is, by {details['discriminator']}."
        case "union_tag_invalid":
            return f"There is no kind called {details['tag']!r}. Use one of {details['expected_tags']}."
        case "literal_error":
            return f"Use one of {details['expected']}."
        case "string_pattern_mismatch":
            return "Use letters, digits, - and _, beginning with a letter, at most 63 characters."
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if message.endswith(".") else f"{message}."
