"""Alerts that rooms below tell of by domain events, and that they clear the same way."""

from __future__ import annotations

from integrations.domain_events import (
    LedgerDifferenceFound,
    LedgerDifferenceHealed,
    ReconciliationFinished,
    WebhooksDrifted,
    WebhooksFellSilent,
    WebhooksHeardAgain,
)
from integrations.models import ReconciliationReport
from reporting.alert_rules import Finding
from reporting.models import AlertRule, Severity
from reporting.services import alerts


def told(*, kind: str, finding: Finding) -> None:
    """Open an alert of ``kind``, unless the organization has switched it off."""
    if not AlertRule.objects.filter(kind=kind, is_on=False).exists():
        alerts.open_alert(kind=kind, key=f"{kind}:{finding.key}", finding=finding)


def over(*, kind: str, key: str) -> None:
    """Resolve the alert of ``kind`` about ``key``."""
    alerts.resolve(key=f"{kind}:{key}")


def webhooks_fell_silent(event: WebhooksFellSilent) -> None:
    """The provider's records show what no webhook told of."""
    finding = Finding(
        key=str(event.sender.id),
        subject=event.sender.name,
        message=f"The provider has messages since {event.since:%Y-%m-%d %H:%M} UTC that no webhook told of. "
        "They are read by polling meanwhile.",
        severity=Severity.CRITICAL,
        path="ops/webhooks/endpoints/",
        client_id=event.sender.client_id,
    )
    told(kind="webhook_silence", finding=finding)


def webhooks_heard_again(event: WebhooksHeardAgain) -> None:
    """Webhooks of the account come again."""
    over(kind="webhook_silence", key=str(event.sender.id))


def webhooks_drifted(event: WebhooksDrifted) -> None:
    """What is registered at the provider is not what is needed, or is again."""
    connection = event.connection
    if not event.problems:
        over(kind="webhook_drift", key=str(connection.id))
        return
    finding = Finding(
        key=str(connection.id),
        subject=connection.name,
        message=" ".join(event.problems),
        path="ops/webhooks/endpoints/",
        client_id=connection.client_id,
    )
    told(kind="webhook_drift", finding=finding)


def ledger_difference_found(event: LedgerDifferenceFound) -> None:
    """The provider lists messages of a day that are not stored here."""
    incident = event.incident
    several = incident.missing != 1
    finding = Finding(
        key=str(incident.id),
        subject=incident.sender.name,
        message=f"The provider lists {incident.missing:,} message{'s' if several else ''} of {incident.day:%Y-%m-%d} "
        f"(UTC) that {'were' if several else 'was'} not stored here when it was counted. "
        "Read the day again from the ledger.",
        severity=Severity.CRITICAL,
        path="ops/ledger/",
        client_id=incident.sender.client_id,
    )
    told(kind="ledger_difference", finding=finding)


def ledger_difference_healed(event: LedgerDifferenceHealed) -> None:
    """Everything that the provider lists for the day is stored."""
    over(kind="ledger_difference", key=str(event.incident.id))


def reconciliation_finished(event: ReconciliationFinished) -> None:
    """A connection could not be compared with ours, or could be again. One that was stopped says neither."""
    report = event.report
    connection = report.connection
    if report.state == ReconciliationReport.State.DONE:
        over(kind="reconciliation_failed", key=str(connection.id))
    if report.state != ReconciliationReport.State.FAILED:
        return
    finding = Finding(
        key=str(connection.id),
        subject=connection.name,
        message=f"The comparison with the provider broke off: {report.error} It is tried again within the hour.",
        path=f"ops/reconciliation/{report.id}/",
        client_id=connection.client_id,
    )
    told(kind="reconciliation_failed", finding=finding)
