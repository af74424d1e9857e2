"""Names of the streams of reporting; nothing else builds them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from project.core.realtime import data_kind, emit, stream_name
from project.core.realtime.emitting import emit_many
from project.core.scoping import current_organization_id
from reporting.services import response_cache

ALERTS: Final = stream_name("alerts")
ALERTS_CHANGED: Final = "alerts.changed"
data_kind(ALERTS_CHANGED)


def report(client_id: UUID) -> str:
    """The live figures of one client's report."""
    return stream_name("report", client_id)


def report_changed(client_id: UUID) -> None:
    """Say that figures or replies of a client's report changed; answers that are kept of it are not used any more."""
    reports_changed([client_id])


def reports_changed(client_ids: Collection[UUID]) -> None:
    """The same of several clients, with one statement."""
    wanted = sorted(client_ids)
    response_cache.forget(wanted)
    emit_many([(report(client_id), "report.changed", ("report", client_id)) for client_id in wanted])


def export(job_id: UUID) -> str:
    """Progress of one large export."""
    return stream_name("export", job_id)


def export_changed(job_id: UUID) -> None:
    """Say how far a large export is."""
    emit(stream=export(job_id), kind="export.changed", subject=("export", job_id), data={})


def alerts_changed() -> None:
    """Say that an alert was opened, acknowledged or resolved."""
    emit(stream=ALERTS, kind=ALERTS_CHANGED, subject=("organization", current_organization_id()), data={})
