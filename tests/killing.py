"""Killing a worker before any of its statements: what a crash leaves behind is what the transactions left."""

from __future__ import annotations

from typing import Any

from tests.integrations.world import Killed

__all__ = ["Killed", "Killer"]


class Killer:
    """An execute wrapper that raises ``Killed`` instead of the n-th statement; what undoes the work passes."""

    def __init__(self, statement: int) -> None:
        self.statement = statement
        self.seen = 0

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if not str(sql).startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.seen += 1
            if self.seen == self.statement:
                raise Killed
        return execute(sql, params, many, context)

    @property
    def killed(self) -> bool:
        """Whether it came to that."""
        return self.seen >= self.statement
