"""Names of the streams of reporting; nothing else builds them."""

from __future__ import annotations

from uuid import UUID

from project.core.realtime import stream_name


def report(client_id: UUID) -> str:
    """The live figures of one client's report."""
    return stream_name("report", client_id)
