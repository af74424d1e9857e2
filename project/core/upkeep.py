"""What the ground floor does by the clock: signs of life, stream sweeps, trimming, partitions, retention."""

from __future__ import annotations

from datetime import timedelta

from project.core import health, retention
from project.core.clock import now
from project.core.partitions import ensure_partitions
from project.core.realtime import sequencer
from project.core.tasks import platform_task

#: How long stream events are kept: a page that was away longer is fetched as a whole.
KEEP_STREAM = timedelta(hours=24)


@platform_task(queue="inbound", name="core.live_worker_lives")
def live_worker_lives() -> None:
    """Say that beat ticks and the worker of the live queues takes tasks."""
    health.beat("beat")
    health.beat("worker-live")


@platform_task(queue="sync", name="core.bulk_worker_lives")
def bulk_worker_lives() -> None:
    """Say that the worker of the slow queues takes tasks."""
    health.beat("worker-bulk")


@platform_task(queue="inbound", name="core.sweep_streams")
def sweep_streams() -> None:
    """Number and publish stream events that a crash left behind."""
    sequencer.sweep()


@platform_task(queue="bulk", name="core.trim_streams")
def trim_streams() -> None:
    """Forget stream events that nobody will ask for any more."""
    sequencer.trim(now() - KEEP_STREAM)


@platform_task(queue="bulk", name="core.ensure_partitions")
def make_partitions() -> None:
    """Create the partitions of the coming months, as owner."""
    from project.core.db.base import owner_connection

    with owner_connection():
        ensure_partitions(now().date())


@platform_task(queue="bulk", name="core.forget_old_months")
def forget_old_months() -> int:
    """Let months of ledgers go that are past their time, as owner; return how many went."""
    from project.core.db.base import owner_connection

    with owner_connection():
        return sum(outcome.did != "held" for outcome in retention.run())


BEAT = {
    "live-worker-lives": ("core.live_worker_lives", 10.0, "inbound"),
    "bulk-worker-lives": ("core.bulk_worker_lives", 10.0, "sync"),
    "sweep-streams": ("core.sweep_streams", 5.0, "inbound"),
    "trim-streams": ("core.trim_streams", 3600.0, "bulk"),
    "forget-old-months": ("core.forget_old_months", 86_400.0, "bulk"),
    "ensure-partitions": ("core.ensure_partitions", 86_400.0, "bulk"),
}
