"""Background work of the inbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog

from inbox.models import Conversation
from project.core.scoping import organization_scope
from project.core.tasks import enqueue, platform_task, task

log = structlog.get_logger(__name__)

#: Batches that one run works off; the next run goes on.
ROUNDS: Final = 25


def _each(due: Callable[[], list[Conversation]], act: Callable[..., object]) -> None:
    """Do ``act`` on what is due until nothing is; one conversation that breaks holds up no other."""
    tried: set[UUID] = set()
    for _ in range(ROUNDS):
        found = [conversation for conversation in due() if conversation.id not in tried]
        if not found:
            return
        for conversation in found:
            tried.add(conversation.id)
            try:
                with organization_scope(conversation.organization_id):
                    act(conversation_id=conversation.id)
            except Exception:
                log.exception("inbox.due_broke", act=act.__name__, conversation=str(conversation.id))


@platform_task(queue="inbound", name="inbox.wake_snoozed")
def wake_snoozed() -> None:
    """Open snoozed conversations whose time has come."""
    from inbox.services import triage

    _each(triage.due_to_wake, triage.wake)


@platform_task(queue="inbound", name="inbox.watch_promises")
def watch_promises() -> None:
    """Say which answers are late or soon will be, and give back what was taken and not acted on."""
    from inbox.services import assignment, clocks

    _each(clocks.due_warnings, clocks.warn)
    _each(clocks.due_promises, clocks.break_promise)
    _each(assignment.expired_leases, assignment.release)


@platform_task(queue="bulk", name="inbox.close_silent")
def close_silent() -> None:
    """Close conversations in which we had the last word for as long as their policy says."""
    from inbox.services import clocks, triage

    _each(clocks.to_close, triage.close_silent)


@task(queue="inbound", name="inbox.call_off_elsewhere")
def call_off_elsewhere(conversation_id: str) -> None:
    """Call off replies that wait in other threads with somebody who has written."""
    from inbox.services import departures

    departures.call_off_elsewhere(conversation_id=UUID(conversation_id))


@task(queue="inbound", name="inbox.give_back_lost")
def give_back_lost(user_id: str) -> int:
    """Give conversations back to the team that somebody may not answer any more."""
    from inbox.services import leaving

    return leaving.give_back(user_id=UUID(user_id))


@task(queue="bulk", name="inbox.run_act")
def run_act(entry_id: str) -> None:
    """Do an act on the many conversations it was asked for."""
    from inbox.services import acts

    acts.run(entry_id=UUID(entry_id))


@platform_task(queue="bulk", name="inbox.sweep_acts")
def sweep_acts() -> None:
    """Take up acts that a crash left in the middle; one that breaks holds up no other."""
    from inbox.services import acts

    for entry in acts.forgotten():
        try:
            with organization_scope(entry.organization_id):
                acts.run(entry_id=entry.id)
        except Exception:
            log.exception("inbox.act_broke", entry=str(entry.id))


@platform_task(queue="bulk", name="inbox.prune_journal")
def prune_journal() -> int:
    """Delete acts that can no longer be taken back and that nobody looks at any more."""
    from inbox.services import acts

    return acts.prune()


@task(queue="inbound", name="inbox.deliver_notifications")
def deliver_notifications() -> int:
    """Deliver what is due in one organization."""
    from inbox.services import delivering

    return delivering.deliver_due()


@task(queue="inbound", name="inbox.answer_slack")
def answer_slack(answer_at: str, text: str) -> None:
    """Tell whoever pressed a button in Slack what came of it."""
    from inbox.services import slack

    slack.tell(answer_at=answer_at, text=text)


@platform_task(queue="inbound", name="inbox.deliver_due_notifications")
def deliver_due_notifications() -> None:
    """Find organizations with notices that are due."""
    from inbox.services import delivering

    for organization_id in delivering.due_organizations():
        enqueue(deliver_notifications, organization_id=organization_id)


@platform_task(queue="bulk", name="inbox.sweep_files")
def sweep_files() -> int:
    """Delete files that were attached to nothing long ago."""
    from inbox.services import files

    return files.sweep()


BEAT = {
    "deliver-notifications": ("inbox.deliver_due_notifications", 15.0, "inbound"),
    "sweep-unsent-files": ("inbox.sweep_files", 6 * 3600.0, "bulk"),
    "wake-snoozed": ("inbox.wake_snoozed", 10.0, "inbound"),
    "watch-promises": ("inbox.watch_promises", 10.0, "inbound"),
    "close-silent": ("inbox.close_silent", 600.0, "bulk"),
    "prune-journal": ("inbox.prune_journal", 6 * 3600.0, "bulk"),
    "sweep-acts": ("inbox.sweep_acts", 60.0, "bulk"),
}
