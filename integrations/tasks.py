"""Background work of this room. Every message is a hint about a row; ticks find what was forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils.dateparse import parse_datetime

from integrations.errors import ProviderError
from integrations.models import Connection, OutboundMessage, SendAttempt, SenderAccount
from integrations.services import (
    connections,
    dispatch,
    failures,
    hygiene,
    mail_domains,
    reconciliation,
    replays,
    senders,
    settlement,
    suppressions,
    sync,
    system_mail,
    webhook_passes,
    webhook_runs,
    webhooks,
)
from project.core.clock import now
from project.core.tasks import enqueue, platform_task, task
from project.tenancy.models import Organization

log = structlog.get_logger(__name__)

#: How many senders, rows or attempts one tick hints at.
TICK_BATCH: Final = 500
#: How often the provider is asked about accounts that are not OK, and about those that are.
REFRESH_BAD_AFTER: Final = timedelta(minutes=5)
#: Somebody may be waiting for it to be proven.
REFRESH_NEW_AFTER: Final = timedelta(minutes=1)
REFRESH_GOOD_AFTER: Final = timedelta(hours=6)
RETEST_AFTER: Final = timedelta(minutes=5)


# --- webhooks ---------------------------------------------------------------------------------------


@task(queue="inbound", name="integrations.process_delivery")
def process_delivery(*, delivery_id: str, received_at: str) -> str:
    """Process one stored webhook call."""
    received = parse_datetime(received_at)
    if received is None:
        raise ValueError(f"{received_at!r} is not a time.")
    return webhooks.process(UUID(delivery_id), received)


@task(queue="inbound", name="integrations.process_deliveries")
def process_deliveries(*, connection_id: str) -> int:
    """Process what is stored of one connection's calls."""
    return webhook_runs.process_waiting(UUID(connection_id))


@platform_task(queue="inbound", name="integrations.sweep_deliveries")
def sweep_deliveries() -> int:
    """Hint again at calls that nobody took up, whose worker is gone, or whose pause is over."""
    return webhooks.sweep()


@task(queue="bulk", name="integrations.run_replay")
def run_replay(*, run_id: str) -> str:
    """Do one replay."""
    return replays.run(UUID(run_id))


@platform_task(queue="bulk", name="integrations.sweep_replays")
def sweep_replays() -> int:
    """Hint again at replays whose worker is gone or never came."""
    return replays.forgotten()


@task(queue="sync", name="integrations.check_webhooks")
def check_webhooks(*, connection_id: str) -> int:
    """Compare what is registered at the provider of one connection with what is needed."""
    connection = Connection.objects.filter(id=connection_id).first()
    return len(hygiene.check(connection=connection).problems) if connection is not None else 0


@task(queue="sync", name="integrations.go_through_webhooks")
def go_through_webhooks(*, connection_id: str) -> str:
    """Do a turn of a pass over the webhooks of a connection's campaigns."""
    return webhook_passes.go_on(UUID(connection_id))


@platform_task(queue="sync", name="integrations.check_due_webhooks")
def check_due_webhooks() -> int:
    """Hint at connections whose registrations were not looked at for a while, and at passes that nobody does."""
    found, passes = hygiene.due(limit=TICK_BATCH), webhook_passes.forgotten()
    with transaction.atomic():
        for connection_id, organization_id in found:
            enqueue(check_webhooks, organization_id=organization_id, connection_id=connection_id)
        for connection_id, organization_id in passes:
            enqueue(go_through_webhooks, organization_id=organization_id, connection_id=connection_id)
    return len(found) + len(passes)


@platform_task(queue="sync", name="integrations.watch_silence")
def watch_silence() -> int:
    """Find accounts whose provider shows messages that no webhook told of."""
    return hygiene.watch_silence()


# --- outbox -----------------------------------------------------------------------------------------


@task(queue="dispatch", name="integrations.dispatch_sender")
def dispatch_sender(*, sender_id: str) -> int:
    """Send what is due for one account."""
    return dispatch.dispatch_sender(UUID(sender_id))


@platform_task(queue="dispatch", name="integrations.dispatch_due")
def dispatch_due() -> int:
    """Hint at the accounts that have something due and nothing in flight, the longest waiting first."""
    at = now()
    rows = OutboundMessage.objects.filter(state=OutboundMessage.State.QUEUED, not_before__lte=at)
    rows = rows.filter(
        Q(sender__next_send_at=None)
        | Q(sender__next_send_at__lte=at)
        | Q(origin=OutboundMessage.Origin.REPLY)
    )
    in_flight = OutboundMessage.objects.filter(
        sender=OuterRef("sender_id"), state=OutboundMessage.State.SENDING
    )
    due = rows.filter(~Exists(in_flight)).order_by("sender_id", "not_before").distinct("sender_id")
    pairs = sorted(due.values_list("not_before", "sender_id", "organization_id"))[:TICK_BATCH]
    with transaction.atomic():
        for _not_before, sender_id, organization_id in pairs:
            enqueue(dispatch_sender, organization_id=organization_id, sender_id=sender_id)
    return len(pairs)


@task(queue="dispatch", name="integrations.settle_attempt")
def settle_attempt(*, attempt_id: str) -> str:
    """Ask the provider what became of one uncertain send."""
    outcome = settlement.settle(UUID(attempt_id))
    return outcome.value if outcome else ""


@task(queue="dispatch", name="integrations.expire_send")
def expire_send(*, outbound_id: str) -> bool:
    """Make one send uncertain whose worker is gone."""
    return settlement.expire(UUID(outbound_id))


@platform_task(queue="dispatch", name="integrations.settle_due")
def settle_due() -> int:
    """Hint at sends whose worker is gone, and at uncertain ones that are to be asked about."""
    at = now()
    gone = OutboundMessage.objects.filter(state=OutboundMessage.State.SENDING, claimed_until__lte=at)
    uncertain = SendAttempt.objects.filter(
        state=SendAttempt.State.AMBIGUOUS,
        settle_after__lte=at,
        outbound__state=OutboundMessage.State.UNKNOWN,
        number=F("outbound__attempts"),
    )
    count = 0
    with transaction.atomic():
        for outbound_id, organization_id in gone.values_list("id", "organization_id")[:TICK_BATCH]:
            enqueue(expire_send, organization_id=organization_id, outbound_id=outbound_id)
            count += 1
        for attempt_id, organization_id in uncertain.values_list("id", "organization_id")[:TICK_BATCH]:
            enqueue(settle_attempt, organization_id=organization_id, attempt_id=attempt_id)
            count += 1
    return count


# --- senders and connections ------------------------------------------------------------------------


@task(queue="sync", name="integrations.refresh_sender")
def refresh_sender(*, sender_id: str) -> str:
    """Ask the provider how one account is; an answer that does not come changes nothing."""
    sender = SenderAccount.objects.select_related("connection", "client").filter(id=sender_id).first()
    if sender is None:
        return ""
    try:
        return str(senders.refresh(sender=sender).status)
    except ProviderError as error:
        log.info("sender.not_refreshed", sender=sender_id, kind=error.kind)
        return ""


@platform_task(queue="sync", name="integrations.refresh_senders")
def refresh_senders() -> int:
    """Ask about accounts that are not OK often, about the others now and then: a status webhook may be
    lost.
    """
    at = now()
    is_ok = Q(status=SenderAccount.Status.OK)
    old = (
        Q(status_reported_at=None)
        | (is_ok & Q(status_reported_at__lte=at - REFRESH_GOOD_AFTER))
        | (~is_ok & Q(status_reported_at__lte=at - REFRESH_BAD_AFTER))
        | Q(status=SenderAccount.Status.CONNECTING, status_reported_at__lte=at - REFRESH_NEW_AFTER)
    )
    rows = SenderAccount.objects.filter(old).exclude(status=SenderAccount.Status.DELETED)
    rows = rows.exclude(connection__status__in=[Connection.Status.FAILING, Connection.Status.DISABLED])
    found = list(rows.values_list("id", "organization_id")[:TICK_BATCH])
    with transaction.atomic():
        for sender_id, organization_id in found:
            enqueue(refresh_sender, organization_id=organization_id, sender_id=sender_id)
    return len(found)


@task(queue="sync", name="integrations.retest_connection")
def retest_connection(*, connection_id: str) -> bool:
    """Try a failing connection again."""
    connection = Connection.objects.filter(id=connection_id, status=Connection.Status.FAILING).first()
    return connections.try_out(connection=connection).ok if connection else False


@platform_task(queue="sync", name="integrations.retest_connections")
def retest_connections() -> int:
    """Hint at failing connections that were not tried for a while."""
    rows = Connection.objects.filter(status=Connection.Status.FAILING, checked_at__lte=now() - RETEST_AFTER)
    found = list(rows.values_list("id", "organization_id")[:TICK_BATCH])
    with transaction.atomic():
        for connection_id, organization_id in found:
            enqueue(retest_connection, organization_id=organization_id, connection_id=connection_id)
    return len(found)


@task(queue="sync", name="integrations.pull_suppressions")
def pull_suppressions(*, connection_id: str) -> int:
    """Read the provider's lists of suppressed addresses; what cannot be read is read the next time."""
    connection = Connection.objects.filter(id=connection_id).first()
    if connection is None:
        return 0
    try:
        return suppressions.pull(connection)
    except ProviderError as error:
        log.warning("suppressions.not_read", connection=connection_id, kind=error.kind)
        return 0


@platform_task(queue="sync", name="integrations.pull_due_suppressions")
def pull_due_suppressions() -> int:
    """Hint at connections whose lists were not read for a while."""
    found = suppressions.due()[:TICK_BATCH]
    with transaction.atomic():
        for connection_id, organization_id in found:
            enqueue(pull_suppressions, organization_id=organization_id, connection_id=connection_id)
    return len(found)


@task(queue="sync", name="integrations.push_suppression")
def push_suppression(*, connection_id: str, address: str, listed: bool = True) -> bool:
    """Put one address on the provider's list, or take it off."""
    connection = Connection.objects.filter(id=connection_id).first()
    if connection is None:
        return False
    try:
        suppressions.push(connection=connection, address=address, listed=listed)
    except ProviderError as error:
        log.warning("suppressions.not_pushed", connection=connection_id, kind=error.kind)
        return False
    return True


# --- synchronisation --------------------------------------------------------------------------------


@task(queue="sync", name="integrations.run_sync")
def run_sync(*, run_id: str) -> str:
    """Do one synchronisation."""
    return sync.run(UUID(run_id))


@task(queue="sync", name="integrations.request_due_syncs")
def request_due_syncs() -> int:
    """Ask for the synchronisations that are due in one organization."""
    return sync.request_due()


@platform_task(queue="sync", name="integrations.sync_due")
def sync_due() -> int:
    """Look at each organization for due synchronisations, and again at runs whose worker is gone."""
    with transaction.atomic():
        for organization_id in Organization.objects.filter(is_active=True).values_list("id", flat=True):
            enqueue(request_due_syncs, organization_id=organization_id)
    return sync.forgotten()


# --- reconciliation ---------------------------------------------------------------------------------


@task(queue="sync", name="integrations.run_reconciliation")
def run_reconciliation(*, report_id: str) -> str:
    """Do a turn of one reconciliation."""
    return reconciliation.run(UUID(report_id))


@task(queue="sync", name="integrations.request_due_reconciliations")
def request_due_reconciliations() -> int:
    """Ask for the reconciliations that are due in one organization."""
    return reconciliation.request_due()


@platform_task(queue="sync", name="integrations.reconcile_due")
def reconcile_due() -> int:
    """Look at each organization for due reconciliations, and again at those whose worker is gone."""
    with transaction.atomic():
        for organization_id in Organization.objects.filter(is_active=True).values_list("id", flat=True):
            enqueue(request_due_reconciliations, organization_id=organization_id)
    return reconciliation.forgotten()


# --- sending domains ---------------------------------------------------------------------------------


@task(queue="sync", name="integrations.check_mail_domain")
def check_mail_domain(*, domain_id: str) -> str:
    """Ask the name service about one sending domain."""
    return mail_domains.check(UUID(domain_id))


@task(queue="sync", name="integrations.request_due_mail_domains")
def request_due_mail_domains() -> int:
    """Ask for the checks of sending domains that are due in one organization."""
    return mail_domains.request_due()


@platform_task(queue="sync", name="integrations.check_due_mail_domains")
def check_due_mail_domains() -> int:
    """Look at each organization for sending domains whose check is due."""
    with transaction.atomic():
        found = list(Organization.objects.filter(is_active=True).values_list("id", flat=True))
        for organization_id in found:
            enqueue(request_due_mail_domains, organization_id=organization_id)
    return len(found)


# --- errors of providers -----------------------------------------------------------------------------


@platform_task(queue="bulk", name="integrations.trim_failures")
def trim_failures() -> int:
    """Forget old errors of providers."""
    return failures.trim()


# --- the installation's own mail --------------------------------------------------------------------


@platform_task(queue="dispatch", name="integrations.deliver_system_mail")
def deliver_system_mail(*, mail_id: str) -> str:
    """Hand one mail of the installation over."""
    return system_mail.deliver(UUID(mail_id))


@platform_task(queue="dispatch", name="integrations.sweep_system_mail")
def sweep_system_mail() -> int:
    """Hint again at mails that are due and forgotten."""
    return system_mail.sweep()


#: Name of the entry -> task, seconds between two ticks, queue. ``project.celery`` composes the rooms'
#: entries.
BEAT: dict[str, tuple[str, float, str]] = {
    "integrations-sweep-deliveries": ("integrations.sweep_deliveries", 5, "inbound"),
    "integrations-sweep-replays": ("integrations.sweep_replays", 20, "bulk"),
    "integrations-check-webhooks": ("integrations.check_due_webhooks", 60, "sync"),
    "integrations-watch-silence": ("integrations.watch_silence", 60, "sync"),
    "integrations-dispatch-due": ("integrations.dispatch_due", 1, "dispatch"),
    "integrations-sweep-system-mail": ("integrations.sweep_system_mail", 20, "dispatch"),
    "integrations-settle-due": ("integrations.settle_due", 10, "dispatch"),
    "integrations-sync-due": ("integrations.sync_due", 30, "sync"),
    "integrations-reconcile-due": ("integrations.reconcile_due", 60, "sync"),
    "integrations-pull-suppressions": ("integrations.pull_due_suppressions", 300, "sync"),
    "integrations-refresh-senders": ("integrations.refresh_senders", 60, "sync"),
    "integrations-check-mail-domains": ("integrations.check_due_mail_domains", 600, "sync"),
    "integrations-trim-failures": ("integrations.trim_failures", 3600, "bulk"),
    "integrations-retest-connections": ("integrations.retest_connections", 60, "sync"),
}
