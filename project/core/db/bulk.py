"""Statements for many rows at once: the rows travel as one jsonb parameter, and the server takes them apart.

Rows are the active organization's; row-level security refuses others. Values are what the model's columns hold
(``attname`` -> value); text must hold neither NUL nor halves of surrogate pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString
from uuid import UUID

from django.db import connection, models
from django.db.models.expressions import RawSQL
from pydantic_core import to_json

from project.core.clock import now
from project.core.ids import uuid7
from project.core.scoping import CrossOrganization, current_organization_id


def as_json(rows: Sequence[Any]) -> str:
    """Return rows as the one parameter that they travel in; ids and instants need not be text before."""
    return to_json(rows, fallback=str).decode()


def execute_prepared(sql: LiteralString, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement of a hot path and return its rows (``DatabaseWrapper.execute_prepared``)."""
    rows: list[tuple[Any, ...]] = connection.execute_prepared(sql, params)  # type: ignore[attr-defined]
    return rows


def any_of(ids: Iterable[UUID]) -> RawSQL:
    """``ids`` as one parameter of a statement, for ``__in``: hundreds of them cost as much as one."""
    return RawSQL("SELECT unnest(%s::uuid[])", ["{" + ",".join(map(str, ids)) + "}"])


def any_text_of(texts: Iterable[str]) -> RawSQL:
    """As ``any_of``, for texts."""
    return RawSQL("SELECT unnest(%s::text[])", [text_array(texts)])


def is_one_of(column: LiteralString, texts: Iterable[str]) -> RawSQL:
    """Whether a column (of a statement without joins) is one of ``texts``, as a condition.

    Unlike ``any_text_of`` it can never become a join: on a table that was empty when the server last counted, a join
    reads all of it for each of the texts, and this, at worst, once for all.
    """
    sql = f"{column} = ANY (%s::text[])"
    return RawSQL(sql, [text_array(texts)], output_field=models.BooleanField())  # noqa: S611 - a column's name


def text_array(texts: Iterable[str]) -> str:
    """Texts as one literal of a ``text[]``; the driver's own way is pure Python, and slow for thousands."""
    quoted = ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts]
    return "{" + ",".join(quoted) + "}"


def insert_rows(
    model: type[models.Model],
    rows: Sequence[dict[str, Any]],
    *,
    ignore_conflicts: bool = False,
    replacing: Sequence[str] = (),
) -> None:
    """Insert rows of a tenant model; all have the same keys. Ids, organization and time stamps are filled in.

    A row that is there already stays with ``ignore_conflicts``; where the columns ``replacing`` (a unique key) tell
    that it is the same, it takes the new values and keeps its id.
    """
    if not rows:
        return
    at = now()
    common = {"organization_id": current_organization_id(), "created_at": at, "updated_at": at}
    full = [{"id": uuid7(), **common, **row} for row in rows]
    columns = _columns(model, list(full[0]))
    names = ", ".join(columns)
    conflict = "ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    if replacing:
        fixed = {"id", "organization_id", "created_at", *replacing}
        taken = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in fixed)
        conflict = f"ON CONFLICT ({', '.join(replacing)}) DO UPDATE SET {taken}"
    _run(
        f"INSERT INTO {model._meta.db_table} ({names}) SELECT {names}"  # noqa: S608 - names of models
        f" FROM jsonb_to_recordset(%s::jsonb) AS given ({_typed(columns)}) {conflict}",
        full,
    )


def update_rows(rows: Sequence[models.Model], fields: Sequence[str]) -> None:
    """Write some columns (``attname``) of several rows of one tenant model as the instances have them."""
    if not rows:
        return
    model, at, organization_id = type(rows[0]), now(), current_organization_id()
    if any(row.organization_id != organization_id for row in rows):  # type: ignore[attr-defined]
        raise CrossOrganization(f"{model._meta.label} of another organization.")
    names = [*fields, "updated_at"]
    given = [
        {"id": row.id, **{name: getattr(row, name) for name in fields}, "updated_at": at}  # type: ignore[attr-defined]
        for row in rows
    ]
    columns = _columns(model, ["id", *names])
    wanted = ", ".join(f"{name} = given.{name}" for name in columns if name != "id")
    table = model._meta.db_table
    _run(
        f"UPDATE {table} SET {wanted}"  # noqa: S608 - names of models
        f" FROM jsonb_to_recordset(%s::jsonb) AS given ({_typed(columns)}) WHERE {table}.id = given.id",
        given,
    )


def _columns(model: type[models.Model], names: list[str]) -> dict[str, str]:
    """The columns of some attributes, with their types."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return {str(fields[name].column): str(fields[name].db_type(connection)) for name in names}


def _typed(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _run(sql: str, rows: list[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [as_json(rows)])
