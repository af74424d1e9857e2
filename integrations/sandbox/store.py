"""One SQLite file that holds the whole sandbox world, so that nothing answered is lost to ``kill -9``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Row = sqlite3.Row

#: Raised by hand when a stored world can no longer be read by this code.
SCHEMA_VERSION = 1

_BASE_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class StoreUnavailable(Exception):
    """The world's file cannot be used: another sandbox holds it, or another version wrote it."""


class Store:
    """A thin, synchronous wrapper around one SQLite connection.

    Every request is one transaction on the event loop's thread: statements take microseconds, and a single
    writer makes each provider call atomic without any locking of our own.
    """

    def __init__(self, path: Path | None, schemas: Sequence[str]) -> None:
        """Open (or create) the world at ``path``; ``None`` keeps it in memory.

        Raises ``StoreUnavailable`` if another process holds the file or another version wrote it.
        """
        self._db = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False, timeout=1
        )
        self._db.row_factory = sqlite3.Row
        self._depth = 0
        try:
            # Exclusive: a second sandbox on the same directory must fail loudly instead of mixing worlds.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            # The operating system keeps what a killed process wrote; only a power cut could lose the tail.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA foreign_keys=ON")
            self._db.execute("PRAGMA temp_store=MEMORY")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found not in {0, SCHEMA_VERSION}:
                raise StoreUnavailable(f"{path} was written by another version of the sandbox; delete it")
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            for schema in (_BASE_SCHEMA, *schemas):
                self._db.executescript(schema)
        except sqlite3.OperationalError as error:
            self._db.close()
            raise StoreUnavailable(f"cannot open {path}: {error}") from error
        except StoreUnavailable:
            self._db.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested use becomes a savepoint. Must not be held across an ``await``."""
        name = f"level_{self._depth}"
        self._db.execute(f"SAVEPOINT {name}" if self._depth else "BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            self._db.execute(f"ROLLBACK TO {name}" if self._depth else "ROLLBACK")
            if self._depth:
                self._db.execute(f"RELEASE {name}")
            raise
        self._depth -= 1
        self._db.execute(f"RELEASE {name}" if self._depth else "COMMIT")

    def run(self, statement: str, *parameters: Any) -> int:
        """Execute one statement; returns how many rows it changed."""
        return self._db.execute(statement, parameters).rowcount

    def insert(self, table: str, **columns: Any) -> int:
        """Insert one row; returns its rowid. Table and column names come from this package only."""
        names = ", ".join(columns)
        marks = ", ".join("?" for _ in columns)
        cursor = self._db.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names are literals of ours
            tuple(columns.values()),
        )
        return int(cursor.lastrowid or 0)

    def all(self, query: str, *parameters: Any) -> list[Row]:
        """Every row of ``query``."""
        return self._db.execute(query, parameters).fetchall()

    def one(self, query: str, *parameters: Any) -> Row | None:
        """The first row of ``query``, or ``None``."""
        row: Row | None = self._db.execute(query, parameters).fetchone()
        return row

    def value(self, query: str, *parameters: Any) -> Any:
        """The first column of the first row, or ``None``."""
        row = self.one(query, *parameters)
        return None if row is None else row[0]

    def setting(self, name: str, default: Any = None) -> Any:
        """A stored JSON value by name."""
        text = self.value("SELECT value FROM settings WHERE name = ?", name)
        return default if text is None else json.loads(text)

    def set_setting(self, name: str, value: Any) -> None:
        """Store a JSON value under a name."""
        self.run(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            json.dumps(value),
        )

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        self._db.close()
