"""Names of the streams of reporting; nothing else builds them."""

from __future__ import annotations

from uuid import UUID


def report(client_id: UUID) -> str:
    """The live figures of one client's report."""
    return f"report.{client_id}"
