"""Background work of this room. Every message is a hint about a row; ticks find what was forgotten."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from project.core.tasks import enqueue, platform_task, task
from project.tenancy.models import Organization
from reporting.services import alert_channels, alerts, export_jobs, report_mails, rollups, snapshots


@task(queue="reports", name="reporting.evaluate_alerts")
def evaluate_alerts() -> int:
    """Look at what is wrong in one organization."""
    return alerts.evaluate()


@platform_task(queue="reports", name="reporting.alerts_due")
def alerts_due() -> int:
    """Have the rules of each organization looked at."""
    with transaction.atomic():
        found = list(Organization.objects.filter(is_active=True).values_list("id", flat=True))
        for organization_id in found:
            enqueue(evaluate_alerts, organization_id=organization_id)
    return len(found)


@task(queue="reports", name="reporting.tell_alert")
def tell_alert(*, notice_id: str) -> str:
    """Tell one alert over one channel."""
    return alert_channels.deliver(UUID(notice_id))


@platform_task(queue="reports", name="reporting.sweep_notices")
def sweep_notices() -> int:
    """Hint again at what is to be told."""
    return alert_channels.sweep()


@platform_task(queue="reports", name="reporting.take_snapshot")
def take_snapshot(*, reason: str = "schedule") -> bool:
    """Take a metric snapshot."""
    return snapshots.take(reason=reason) is not None


@platform_task(queue="reports", name="reporting.export_snapshots")
def export_snapshots() -> int:
    """Send snapshots to the sink."""
    return snapshots.export()


@platform_task(queue="bulk", name="reporting.trim_snapshots")
def trim_snapshots() -> int:
    """Forget old snapshots."""
    return snapshots.trim()


@task(queue="reports", name="reporting.count_facts")
def count_facts() -> int:
    """Count what is new in one organization."""
    return rollups.count()


@platform_task(queue="reports", name="reporting.facts_due")
def facts_due() -> int:
    """Have the facts of each organization counted."""
    with transaction.atomic():
        found = list(Organization.objects.filter(is_active=True).values_list("id", flat=True))
        for organization_id in found:
            enqueue(count_facts, organization_id=organization_id)
    return len(found)


@task(queue="reports", name="reporting.make_report_mail")
def make_report_mail(*, client_id: str) -> bool:
    """Make one client's report of last week."""
    return report_mails.make(UUID(client_id)) is not None


@platform_task(queue="reports", name="reporting.report_mails_due")
def report_mails_due() -> int:
    """Have weekly reports made whose hour has come."""
    with transaction.atomic():
        found = report_mails.due()
        for organization_id, client_id in found:
            enqueue(make_report_mail, organization_id=organization_id, client_id=client_id)
    return len(found)


@task(queue="bulk", name="reporting.write_export")
def write_export(*, job_id: str) -> None:
    """Write a large export on from where it stands."""
    export_jobs.write(job_id=UUID(job_id))


@platform_task(queue="bulk", name="reporting.sweep_exports")
def sweep_exports() -> int:
    """Go on with exports that a killed worker left behind, and remove those whose time is over."""
    with transaction.atomic():
        for organization_id, job_id in export_jobs.forgotten():
            enqueue(write_export, organization_id=organization_id, job_id=job_id)
    return export_jobs.trim()


#: Name of the entry -> task, seconds between two ticks, queue.
BEAT: dict[str, tuple[str, float, str]] = {
    "reporting-alerts-due": ("reporting.alerts_due", 15, "reports"),
    "reporting-sweep-notices": ("reporting.sweep_notices", 10, "reports"),
    "reporting-facts-due": ("reporting.facts_due", 5, "reports"),
    "reporting-report-mails-due": ("reporting.report_mails_due", 60, "reports"),
    "reporting-sweep-exports": ("reporting.sweep_exports", 15, "bulk"),
    "reporting-take-snapshot": ("reporting.take_snapshot", 300, "reports"),
    "reporting-export-snapshots": ("reporting.export_snapshots", 30, "reports"),
    "reporting-trim-snapshots": ("reporting.trim_snapshots", 86_400, "bulk"),
}
