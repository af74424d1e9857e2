"""How rows of this room read in a difference."""

from __future__ import annotations

from project.core.changes import RowWords, tell


def register() -> None:
    """Say how they read."""
    tell(
        "reporting.Fact",
        RowWords(
            order=80,
            name="report figure",
            text=lambda row: f"{row.get_kind_display().lower()}, {row.occurred_at:%d %b}",
        ),
    )
