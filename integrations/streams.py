"""Names of this room's live streams and kinds; nothing else writes them.

Every kind is announced here as plain data; ``broadcasts`` replaces the announcement by a renderer where a
page shows the thing as HTML.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from project.core.realtime.emitting import emit, emit_many
from project.core.realtime.names import stream_name
from project.core.realtime.rendering import data_kind
from project.core.scoping import current_organization_id

SENDERS: Final = stream_name("senders")
SYNC: Final = stream_name("sync")
RATES: Final = stream_name("rates")
WEBHOOKS: Final = stream_name("webhooks")
WEATHER: Final = stream_name("weather")

SENDER_CHANGED: Final = "sender.changed"
SYNC_CHANGED: Final = "sync.changed"
RATE_CHANGED: Final = "rate.changed"
WEBHOOK_CHANGED: Final = "webhook.changed"
REPLAY_CHANGED: Final = "replay.changed"
ENDPOINTS_CHANGED: Final = "webhook_endpoints.changed"
RECONCILIATION_CHANGED: Final = "reconciliation.changed"
WEATHER_CHANGED: Final = "weather.changed"

for _kind in (
    SENDER_CHANGED,
    SYNC_CHANGED,
    RATE_CHANGED,
    WEBHOOK_CHANGED,
    REPLAY_CHANGED,
    ENDPOINTS_CHANGED,
    RECONCILIATION_CHANGED,
    WEATHER_CHANGED,
):
    data_kind(_kind)


def sender_changed(sender_id: UUID) -> None:
    """Say that a sender's card has changed."""
    emit(stream=SENDERS, kind=SENDER_CHANGED, subject=("sender", sender_id))


def sync_changed(sender_id: UUID) -> None:
    """Say that an account's sync state or progress has changed."""
    emit(stream=SYNC, kind=SYNC_CHANGED, subject=("sender", sender_id))


def reconciliation_changed(report_id: UUID) -> None:
    """Say that a reconciliation's progress or outcome has changed."""
    emit(stream=SYNC, kind=RECONCILIATION_CHANGED, subject=("reconciliation", report_id))


def rate_changed(sender_id: UUID) -> None:
    """Say that an account's use of its daily limits has changed."""
    emit(stream=RATES, kind=RATE_CHANGED, subject=("sender", sender_id))


def rates_changed() -> None:
    """Say that a budget that accounts share has changed."""
    emit(stream=RATES, kind=RATE_CHANGED, subject=("organization", current_organization_id()))


def many_rates_changed(sender_ids: Iterable[UUID]) -> None:
    """Say that the use of several accounts' limits has changed."""
    emit_many([(RATES, RATE_CHANGED, ("sender", sender_id)) for sender_id in sorted(sender_ids)])


def webhook_changed(delivery_id: UUID) -> None:
    """Say that a delivery came in or changed its state."""
    emit(stream=WEBHOOKS, kind=WEBHOOK_CHANGED, subject=("delivery", delivery_id))


def replay_changed(run_id: UUID) -> None:
    """Say that a replay has begun, ended or got on."""
    emit(stream=WEBHOOKS, kind=REPLAY_CHANGED, subject=("replay", run_id))


def endpoints_changed(connection_id: UUID) -> None:
    """Say that what is known about a connection's webhooks has changed."""
    emit(stream=WEBHOOKS, kind=ENDPOINTS_CHANGED, subject=("connection", connection_id))


def weather_changed() -> None:
    """Say that a provider failed in a way that it had not in the minute before."""
    emit(stream=WEATHER, kind=WEATHER_CHANGED, subject=("organization", current_organization_id()))
