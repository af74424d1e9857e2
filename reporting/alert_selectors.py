"""Reads of alerts: open ones, those that are over, rules with what is set, channels."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from project.tenancy.access import Access
from reporting.alert_rules import RULES
from reporting.models import Alert, AlertChannel, AlertRule
from reporting.services.alerts import figures_of

RECENT = 50


def alerts(access: Access) -> QuerySet[Alert]:
    """Alerts within reach; those that concern no single client are for members over all clients."""
    rows = Alert.objects.select_related("acknowledged_by", "client")
    found: QuerySet[Alert] = rows if access.client_ids is None else rows.filter(access.client_filter())
    return found


def page(access: Access) -> dict[str, Any]:
    """Open alerts, the worst and newest first, those that are over, rules and channels."""
    whole = access.client_ids is None
    is_open = Q(resolved_at=None)
    found = list(alerts(access).filter(is_open).order_by("severity", "-opened_at", "-id")[:200])
    return {
        "open": [(alert, RULES[alert.kind].title if alert.kind in RULES else "") for alert in found],
        "over": list(alerts(access).exclude(is_open).order_by("-resolved_at", "-id")[:RECENT]),
        "rules": rules(),
        "channels": list(AlertChannel.objects.order_by("name", "id")) if whole else [],
        "is_whole": whole,
    }


def rules() -> list[dict[str, Any]]:
    """Each rule with the figures that hold in this organization."""
    rows = {row.kind: row for row in AlertRule.objects.all()}
    found = []
    for rule in RULES.values():
        row = rows.get(rule.kind)
        figures = figures_of(rule, row)
        found.append(
            {
                "rule": rule,
                "kind": rule.kind,
                "title": rule.title,
                "says": rule.says,
                "unit": rule.unit,
                "is_on": row.is_on if row else True,
                "threshold": figures.threshold if rule.unit else None,
                "window_minutes": figures.minutes if rule.minutes else None,
            }
        )
    return found


def open_count(access: Access) -> int | None:
    """How many alerts within reach nobody looks after; ``None`` for none."""
    return alerts(access).filter(resolved_at=None, acknowledged_at=None).count() or None
