"""Database wrapper of Outbound Engine X.

Two things differ from Django's PostgreSQL backend:

* every connection takes ``settings.DATABASE_APP_ROLE``, a role without rights beyond the application's and subject
  to row-level security. Owner work (migrations, partitions) runs inside ``owner_connection()``;
* before each statement the scope of ``project.core.scoping`` is repeated to the server (``app.scope``), at most once
  per change. PostgreSQL undoes the setting when a transaction or savepoint rolls back, so the remembered value is
  forgotten then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import DataError, OperationalError, connections
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg.adapt import AdaptersMap, Buffer
from psycopg.types.datetime import TimestamptzLoader

from project.core.db.schema import DatabaseSchemaEditor
from project.core.scoping import active_scope

_owner: ContextVar[bool] = ContextVar("database_owner", default=False)


#: How PostgreSQL and its driver refuse NUL characters in text and in JSON.
_UNSTORABLE = ("NUL (0x00)", "unsupported Unicode escape sequence")


class InstantLoader(TimestamptzLoader):
    """Reads instants of connections in UTC, as Django's are; Django's own reader is pure Python, ten times slower."""

    #: Django compares it with the connection's time zone and puts its own reader there where they differ.
    timezone = UTC

    def load(self, data: Buffer) -> datetime:
        """Read ``2026-11-30 09:20:00.5+00``; what no Python datetime can hold raises as in psycopg."""
        try:
            return datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            return super().load(data)


class UnstorableText(SuspiciousOperation):
    """NUL characters or halves of surrogate pairs, which no form or page produces: Django answers 400."""


@contextmanager
def owner_connection(using: str = "default") -> Iterator[None]:
    """Run the block as the role that connects (the owner of the tables), on a connection of its own.

    The connection is not the pool's: other threads of a worker share that, and must never get the owner's rights.
    Raises ``RuntimeError`` inside a transaction.
    """
    wrapper = connections[using]
    if wrapper.in_atomic_block:
        raise RuntimeError("The database role cannot be changed inside a transaction.")
    wrapper.close()
    token = _owner.set(True)
    try:
        yield
    finally:
        wrapper.close()
        _owner.reset(token)


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL connection that is always the application role and always knows the tenant scope."""

    SchemaEditorClass = DatabaseSchemaEditor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(self._with_scope)

    @property
    def pool(self) -> Any:
        """Return the shared pool; none for owner work."""
        return None if _owner.get() else super().pool

    def get_connection_params(self) -> dict[str, Any]:
        """Add the application role to the connection options unless owner work is going on."""
        params: dict[str, Any] = super().get_connection_params()
        if self.timezone == UTC:
            context = AdaptersMap(params["context"])
            context.register_loader("timestamptz", InstantLoader)
            params["context"] = context
        role = getattr(settings, "DATABASE_APP_ROLE", "")
        if role and not _owner.get() and self.alias != NO_DB_ALIAS:
            params["options"] = f"{params.get('options', '')} -c role={role}".strip()
        return params

    def _with_scope(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        # Savepoint statements touch no rows, and a failed transaction accepts nothing but them.
        if isinstance(sql, str) and sql.startswith(
            ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")
        ):
            return execute(sql, params, many, context)
        self._repeat_scope()
        try:
            return execute(sql, params, many, context)
        except (DataError, UnicodeEncodeError) as error:
            if isinstance(error, UnicodeEncodeError) or any(words in str(error) for words in _UNSTORABLE):
                raise UnstorableText("The text has characters that cannot be stored.") from error
            raise

    def execute_prepared(self, sql: LiteralString, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run one statement of a hot path and return its rows.

        The server keeps the plan, and parameters travel beside the statement as they are (bytes as bytes), not
        written into its text as the ORM's are. Outside a transaction it is run again on a fresh connection if the kept
        one was cut, so that it has to be harmless twice. Raises Django's database errors.
        """
        try:
            return self._execute_prepared(sql, params)
        except OperationalError:
            if self.in_atomic_block or self.connection is None or not self.connection.broken:
                raise
            self.close()
            return self._execute_prepared(sql, params)

    def _execute_prepared(self, sql: LiteralString, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        self.ensure_connection()
        self.validate_no_broken_transaction()
        with self.wrap_database_errors:
            self._repeat_scope()
            raw: psycopg.Connection[tuple[Any, ...]] = self.connection
            # Django switches prepared statements off; its own cursors cannot have any, so that this is for ours alone.
            raw.prepare_threshold = 0
            with psycopg.Cursor(raw) as cursor:
                return cursor.execute(sql, params, prepare=True).fetchall()

    def _repeat_scope(self) -> None:
        """Tell the server the active scope, if it has not been told. Raises Django's database errors."""
        scope = active_scope()
        wanted = scope.database_value if scope else ""
        if self.connection is not None and getattr(self.connection, "_app_scope", None) != wanted:
            # It may be what finds out first that the connection was cut.
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute("SELECT set_config('app.scope', %s, false)", [wanted])
            self.connection._app_scope = wanted

    def _forget_scope(self) -> None:
        if self.connection is not None:
            self.connection._app_scope = None

    def _rollback(self) -> Any:
        self._forget_scope()
        return super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        self._forget_scope()
        super()._savepoint_rollback(sid)  # type: ignore[misc]

    def _close(self) -> Any:
        self._forget_scope()
        return super()._close()  # type: ignore[misc]
