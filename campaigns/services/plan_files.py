"""Plans as files: written as JSON or YAML, and read from either."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import yaml

from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import Plan
from campaigns.plans.validate import parse_plan
from campaigns.services.drafts import PlanRefused
from campaigns.services.editing import as_json
from project.core.refusals import Invalid

#: Larger than any plan within the limits of its fields that people write.
LARGEST: Final = 2_000_000


def to_json(plan: Plan) -> str:
    """A plan as JSON that people can read and compare."""
    return json.dumps(as_json(plan), indent=2, ensure_ascii=False) + "\n"


def to_yaml(plan: Plan) -> str:
    """A plan as YAML, in the order of its fields, long texts as blocks."""
    return yaml.dump(as_json(plan), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def read(text: str) -> Plan:
    """A plan from JSON or YAML; it may be invalid, not shapeless. Raises ``Invalid`` and ``PlanRefused``."""
    if len(text) > LARGEST:
        raise Invalid("The file is too large for a plan.")
    try:
        data = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except json.JSONDecodeError as error:
        raise Invalid(f"This is not JSON: line {error.lineno}, {error.msg}.") from error
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise Invalid(f"This is neither JSON nor YAML{where}: {problem}.") from error
    try:
        return parse_plan(data)
    except PlanInvalid as invalid:
        raise PlanRefused(invalid.errors) from invalid


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


class _Loader(yaml.SafeLoader):
    """Plain data without aliases, which could grow a small file beyond all bounds; ``on`` and ``no`` stay words."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="references (*name) are not read")
        return super().compose_node(parent, index)


# YAML 1.1 takes ``on`` and ``no`` for truth values; the plan has a field called ``on``.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
