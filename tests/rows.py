"""A minimal row of any tenant model: for tests that must hold for every model and every address.

Rows that it needs (a conversation for a message) are made too, in the same organization and for the same client.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import models

from campaigns.plans import interpreter
from campaigns.plans.schema import Plan
from campaigns.plans.state import context_for, to_json
from campaigns.scheduling import Calendar
from project.core.ids import uuid7
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client, Organization, User
from tests.factories import Agency, make_user

MOMENT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

PLAN: dict[str, Any] = {
    "version": "1.0",
    "timezone": "UTC",
    "startNodeId": "wait",
    "nodes": [
        {"id": "wait", "type": "wait", "duration": "P1D", "transitions": [{"on": "elapsed", "to": "end"}]},
        {"id": "end", "type": "stop", "outcome": "completed"},
    ],
}


def _begun() -> dict[str, Any]:
    plan = Plan.model_validate(PLAN)
    step = interpreter.start(plan, MOMENT, context_for(plan, Calendar(), seed="row"))
    return to_json(step.state)


#: Columns whose content has a shape that the code relies on.
CONTENT: dict[str, Callable[[], Any]] = {
    "campaigns.PlanTemplate.plan": lambda: PLAN,
    "campaigns.PlanVersion.plan": lambda: PLAN,
    "campaigns.Enrollment.state": _begun,
}


def is_client_bound(model: type[models.Model], seen: frozenset[Any] = frozenset()) -> bool:
    """Whether rows of the model belong to a client, themselves or through a row that they must link to."""
    if model is Client:
        return True
    if model in seen:
        return False
    for found in model._meta.concrete_fields:
        if found.attname == "client_id" and not found.null:
            return True
        if (
            isinstance(found, OrganizationForeignKey)
            and not found.null
            and is_client_bound(found.related_model, seen | {model})
        ):
            return True
    return False


class Rows:
    """Makes rows for one agency and client, each model once. Needs the agency's scope."""

    def __init__(self, agency: Agency, client: Client) -> None:
        self.agency = agency
        self.client = client
        self._made: dict[Any, Any] = {Client: client, Organization: agency.organization}

    def row(self, model: Any) -> Any:
        """The row of a model, made when it is first asked for."""
        if model not in self._made:
            # Somebody who is no member yet, so that a membership of theirs can be made.
            is_user = model is User
            self._made[model] = make_user(f"{uuid4().hex}@rows.test") if is_user else self.fresh(model)
        return self._made[model]

    def fresh(self, model: type[models.Model], **given: Any) -> Any:
        """A new row of a model. ``given`` wins over what would be filled in."""
        row = model(**{**self._values(model, given), **given})
        row.save(force_insert=True)
        return row

    def _values(self, model: type[models.Model], given: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column in model._meta.concrete_fields:
            if column.name in given or column.attname in given:
                continue
            content = CONTENT.get(f"{model._meta.label}.{column.name}")
            if content is not None:
                values[column.name] = content()
            if content is not None or not self._is_needed(column):
                continue
            if column.is_relation:
                values[column.name] = self.row(column.related_model)
            else:
                values[column.name] = self._plain(column)
        return values

    @staticmethod
    def _is_needed(column: Any) -> bool:
        if column.attname == "client_id":
            return True
        return not (column.null or column.has_default() or column.blank or getattr(column, "auto_now", False))

    def _plain(self, column: Any) -> Any:
        if column.attname == "client_id":
            return self.client.id
        if column.choices:
            return column.choices[0][0]
        makers: dict[type[models.Field[Any, Any]], Any] = {
            models.UUIDField: uuid7,
            models.URLField: lambda: "https://example.test",
            models.CharField: lambda: uuid4().hex[: min(column.max_length or 32, 32)],
            models.TextField: lambda: "text",
            models.DateTimeField: lambda: MOMENT,
            models.DateField: MOMENT.date,
            models.BooleanField: lambda: False,
            models.JSONField: dict,
            models.IntegerField: lambda: 1,
            models.BinaryField: lambda: b"",
            models.FileField: lambda: "file.csv",
            models.FloatField: lambda: 1.0,
        }
        for kind in type(column).__mro__:
            if kind in makers:
                return makers[kind]()
        raise NotImplementedError(f"Say in tests/rows.py how a {type(column).__name__} is filled.")


def id_of(row: Any) -> UUID:
    """The id that addresses carry (partitioned tables have a composite key)."""
    found: UUID = row.id
    return found


def tenant_models() -> list[type[OrganizationModel]]:
    from project.core.isolation import tenant_models as all_models

    return sorted(all_models(), key=lambda model: model._meta.label)
