"""What a block of work writes: rows that are added, changed and removed, as a person would tell it.

``Watch`` follows the statements of one connection and remembers the ids of the rows that they wrote. ``read`` looks
at those rows as they are; once before and once after a rollback makes the difference. How rows of a model read is
said by the room that owns it (``tell``); models that nobody described are counted, not shown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import connection, models
from django.utils import timezone

from project.core.models import OrganizationModel

#: A writing statement: what it does, the table, and the name that the table goes by in it.
_WRITE: Final = re.compile(
    r'\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)"?(?:\s+AS\s+"?(\w+)"?)?', re.IGNORECASE
)
_RETURNS: Final = re.compile(r"\bRETURNING\b", re.IGNORECASE)

ADDED: Final = "+"
CHANGED: Final = "~"
REMOVED: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWords:
    """How rows of a model read.

    ``order`` is where they stand in the list, ``name`` what one is called. ``text`` says which one it is; ``related``
    are the foreign keys it follows. Of a changed row the ``fields`` (name to words) are shown with their values before
    and after; a row that changed in no other way is bookkeeping. ``gone`` says whether a row as it is then counts as
    withdrawn, ``stopped`` whether a sequence has ended by the change.
    """

    name: str
    text: Callable[[Any], str]
    order: int = 90
    fields: Mapping[str, str] = field(default_factory=dict)
    related: tuple[str, ...] = ()
    gone: Callable[[Any], bool] = lambda row: False
    stopped: Callable[[Any, Any], bool] = lambda before, after: False


@dataclass(frozen=True, slots=True)
class Change:
    """One row's change in words: ``sign`` is ``+``, ``~`` or ``-``; ``text`` holds before and after."""

    sign: str
    kind: str
    text: str
    is_stop: bool = False


@dataclass(slots=True)
class Difference:
    """What would be different: the changes in words, and how many rows of bookkeeping beside them."""

    changes: list[Change] = field(default_factory=list)
    bookkeeping: int = 0

    @property
    def stopped(self) -> list[Change]:
        """The sequences that would end."""
        return [change for change in self.changes if change.is_stop]

    def count(self, sign: str) -> int:
        """How many rows would be added, changed or removed."""
        return sum(change.sign == sign for change in self.changes)

    def kinds(self) -> list[tuple[str, str, int]]:
        """Sign, kind and number of rows, in the order in which they first appear."""
        counted: dict[tuple[str, str], int] = defaultdict(int)
        for change in self.changes:
            counted[change.sign, change.kind] += 1
        return [(sign, kind, number) for (sign, kind), number in counted.items()]


_words: dict[str, RowWords] = {}


def tell(label: str, words: RowWords) -> None:
    """Say how rows of the model ``app.Model`` read. Saying it again replaces it."""
    _words[label] = words


class Watch:
    """The rows that were written while it watched, by table. Use ``watch``."""

    def __init__(self) -> None:
        self.ids: dict[str, set[UUID]] = defaultdict(set)

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Run one statement; a writing one is made to return the ids of its rows."""
        found = _WRITE.match(sql) if isinstance(sql, str) and not many else None
        if found is None or found[1] not in _followed() or _RETURNS.search(sql):
            return execute(sql, params, many, context)
        result = execute(
            f'{sql.rstrip().rstrip(";")} RETURNING "{found[2] or found[1]}"."id"', params, many, context
        )
        # Fetched here: whoever sent the statement expects no rows, and reads the count, which stays.
        self.ids[found[1]].update(row[0] for row in context["cursor"].fetchall())
        return result

    def read(self) -> dict[str, dict[UUID, Any]]:
        """Return the watched rows as they are now, by model and id; what is not there is left out."""
        tables = _followed()
        rows: dict[str, dict[UUID, Any]] = {}
        for table, ids in self.ids.items():
            model = tables[table]
            words = _words.get(model._meta.label)
            found = model._base_manager.filter(id__in=ids)
            if words is not None and words.related:
                found = found.select_related(*words.related)
            rows[model._meta.label] = {row.id: row for row in found}
        return rows


@contextmanager
def watch() -> Iterator[Watch]:
    """Follow what the block writes on the default connection."""
    made = Watch()
    with connection.execute_wrapper(made):
        yield made


def _followed() -> dict[str, Any]:
    return {
        model._meta.db_table: model for model in apps.get_models() if issubclass(model, OrganizationModel)
    }


def difference(before: dict[str, dict[UUID, Any]], after: dict[str, dict[UUID, Any]]) -> Difference:
    """Put what ``Watch.read`` found before and after into words, the most telling models first."""
    found = Difference()
    for label in sorted(set(before) | set(after), key=_place):
        olds, news = before.get(label, {}), after.get(label, {})
        for row_id in sorted(set(olds) | set(news)):
            old, new = olds.get(row_id), news.get(row_id)
            change = _change(_words[label], old, new) if label in _words else None
            if change is not None:
                found.changes.append(change)
            elif old is None or new is None or _changed_columns(old, new):
                found.bookkeeping += 1
    return found


def _place(label: str) -> tuple[int, str]:
    words = _words.get(label)
    return (words.order if words else 100, label)


def _change(words: RowWords, old: Any, new: Any) -> Change | None:
    if old is None:
        return Change(ADDED, words.name, words.text(new))
    if new is None:
        return Change(REMOVED, words.name, words.text(old))
    columns = _changed_columns(old, new)
    parts = [
        f"{label} {_shown(old, name)} → {_shown(new, name)}"
        for name, label in words.fields.items()
        if _column(old, name) in columns and _shown(old, name) != _shown(new, name)
    ]
    if not parts:
        return None
    sign = REMOVED if words.gone(new) and not words.gone(old) else CHANGED
    return Change(sign, words.name, f"{words.text(new)}: {', '.join(parts)}", words.stopped(old, new))


def _changed_columns(old: Any, new: Any) -> set[str]:
    return {
        column.attname
        for column in old._meta.concrete_fields
        if column.attname != "updated_at" and getattr(old, column.attname) != getattr(new, column.attname)
    }


def _column(row: Any, name: str) -> str:
    return str(row._meta.get_field(name).attname)


def _shown(row: Any, name: str) -> str:
    """A value as a person reads it: the label of a choice, a time to the minute, ``nothing`` for nothing."""
    value = getattr(row, name)
    column: models.Field[Any, Any] = row._meta.get_field(name)
    if column.choices and value:
        return str(getattr(row, f"get_{name}_display")()).lower()
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%d %b %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, ""):
        return "nothing"
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
