"""Opening, acknowledging and resolving alerts. What is told again while it lasts stays one row."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from project.core.clock import now
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User
from reporting import streams
from reporting.alert_rules import RULES, Figures, Finding, Rule
from reporting.models import Alert, AlertRule
from reporting.services import alert_channels

#: ``seen_at`` of an open alert is kept this exactly, so that a lasting one costs no write a tick.
SEEN_EVERY: Final = timedelta(minutes=1)


def figures_of(rule: Rule, row: AlertRule | None) -> Figures:
    """Return the figures of a rule: the organization's, else its own."""
    return Figures(
        threshold=row.threshold if row is not None and row.threshold is not None else rule.threshold,
        minutes=row.window_minutes if row is not None and row.window_minutes is not None else rule.minutes,
    )


def evaluate() -> int:
    """Look at what is wrong in the current organization: open what is new, resolve what is over; return how many."""
    settings = {row.kind: row for row in AlertRule.objects.all()}
    count = 0
    for rule in RULES.values():
        if rule.find is None:
            continue
        row = settings.get(rule.kind)
        found = [] if row is not None and not row.is_on else rule.find(figures_of(rule, row))
        count += len(found)
        _settle(rule, found)
    return count


def _settle(rule: Rule, found: list[Finding]) -> None:
    keys = set()
    for finding in found:
        key = f"{rule.kind}:{finding.key}"
        keys.add(key)
        open_alert(kind=rule.kind, key=key, finding=finding)
    for alert in Alert.objects.filter(kind=rule.kind, resolved_at=None).exclude(key__in=keys):
        resolve(key=alert.key)


@transaction.atomic
def open_alert(*, kind: str, key: str, finding: Finding) -> Alert | None:
    """Open an alert and have it told, once; ``None`` if it is open already (its message is brought up to date)."""
    at = now()
    known = Alert.objects.filter(key=key, resolved_at=None).first()
    if known is not None:
        if known.message != finding.message or known.seen_at < at - SEEN_EVERY:
            known.message, known.seen_at = finding.message, at
            known.save(update_fields=["message", "seen_at", "updated_at"])
        return None
    try:
        with transaction.atomic():
            alert: Alert = Alert.objects.create(
                kind=kind,
                key=key,
                client_id=finding.client_id,
                severity=finding.severity,
                subject=finding.subject[:200],
                message=finding.message,
                path=finding.path[:200],
                opened_at=at,
                seen_at=at,
            )
    except IntegrityError:
        # Somebody else has just opened it.
        return None
    alert_channels.tell(alert=alert, what="opened")
    streams.alerts_changed()
    return alert


@transaction.atomic
def resolve(*, key: str) -> bool:
    """Say that what an alert told is over; ``False`` if none was open."""
    alert = Alert.objects.select_for_update().filter(key=key, resolved_at=None).first()
    if alert is None:
        return False
    alert.resolved_at = now()
    alert.save(update_fields=["resolved_at", "updated_at"])
    alert_channels.tell(alert=alert, what="resolved")
    streams.alerts_changed()
    return True


@transaction.atomic
def acknowledge(*, alert: Alert, actor: User) -> bool:
    """Note that somebody has seen it and looks after it; ``False`` if somebody did already."""
    changed = Alert.objects.filter(id=alert.id, acknowledged_at=None).update(
        acknowledged_at=now(), acknowledged_by=actor
    )
    if changed:
        audit.record(actor=actor, action="alert.acknowledged", subject=alert, kind=alert.kind)
        streams.alerts_changed()
    return bool(changed)


@transaction.atomic
def set_rule(
    *, kind: str, is_on: bool, threshold: int | None, window_minutes: int | None, actor: User
) -> AlertRule:
    """Set what a rule measures by in this organization; ``None`` goes back to the rule's own figures.

    ``kind`` is one of ``RULES``.
    """
    row: AlertRule = AlertRule.objects.update_or_create(
        kind=kind, defaults={"is_on": is_on, "threshold": threshold, "window_minutes": window_minutes}
    )[0]
    audit.record(
        actor=actor, action="alert.rule_set", subject=row, kind=kind, is_on=is_on, threshold=threshold,
        window_minutes=window_minutes,
    )  # fmt: skip
    if not is_on and RULES[kind].find is None:
        # Nothing looks at these again; who switches them off has seen them.
        for alert in Alert.objects.filter(kind=kind, resolved_at=None):
            resolve(key=alert.key)
    hint()
    return row


def hint(organization_id: UUID | None = None) -> None:
    """Have the rules looked at soon, after the caller's transaction."""
    from reporting.tasks import evaluate_alerts  # tasks call services

    enqueue(evaluate_alerts, organization_id=organization_id)
