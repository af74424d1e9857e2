"""Inboxes that are behind, and what synchronisation finds by itself."""

from __future__ import annotations

from integrations.models import SenderAccount
from integrations.sync_health import health_of
from reporting.alert_rules.base import Figures, Finding, rule, told


@rule(
    "sync_lag",
    title="Inbox is behind",
    says="An account's inbox was not read, and nothing told of it, for this long.",
    unit="minutes",
    threshold=30,
)
def sync_lag(figures: Figures) -> list[Finding]:
    """Accounts whose inbox was not known to be complete for too long, or whose synchronisation keeps failing."""
    accounts = list(SenderAccount.objects.filter(status=SenderAccount.Status.OK).select_related("connection"))
    by_id = {row.id: row for row in accounts}
    found = []
    for health in health_of(accounts):
        late = health["lag_seconds"] or 0
        if late <= figures.threshold * 60 or health["status"] not in {"lagging", "failing"}:
            continue
        sender = by_id[health["sender_id"]]
        reason = f" {health['last_error']}" if health["last_error"] else ""
        found.append(
            Finding(
                key=str(sender.id),
                subject=sender.name,
                message=f"Its inbox was last known to be complete {late // 60:,} minutes ago.{reason}",
                path="ops/sync/",
                client_id=sender.client_id,
            )
        )
    return found


told("webhook_silence", title="Webhooks are silent", says="Polls show life that no webhook told of.")
told("ledger_difference", title="Ledger difference", says="The provider has what we do not have.")
told(
    "reconciliation_failed",
    title="Reconciliation failed",
    says="A connection could not be compared with what is here.",
)
told(
    "webhook_drift",
    title="Webhooks are registered wrongly",
    says="What is registered at the provider is not what is needed.",
)
