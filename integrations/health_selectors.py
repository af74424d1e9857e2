"""The health of accounts: what their rows, their providers' refusals and their mail domains say, and rooms above."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Sum

from integrations.health import Factor, Health
from integrations.models import Connection, MailDomain, ProviderFailure, SenderAccount
from integrations.services import freshness
from integrations.services.mail_domains import domain_of
from integrations.services.senders import action_paused_until
from project.core.clock import now

Source = Callable[[Sequence[SenderAccount]], Mapping[UUID, Sequence[Factor]]]
_sources: dict[str, Source] = {}

#: How long a refusal is held against an account.
REFUSALS: Final = timedelta(hours=24)
_STATUS: Final = {
    SenderAccount.Status.OK: 100,
    SenderAccount.Status.CONNECTING: 60,
    SenderAccount.Status.DELETED: 0,
}
_CONNECTION: Final = {Connection.Status.FAILING: 5, Connection.Status.DISABLED: 0}


def register_source(name: str, source: Source) -> None:
    """Add factors that a room above knows of many accounts at once, in a fixed number of queries."""
    _sources[name] = source


def health_of(senders: Sequence[SenderAccount]) -> dict[UUID, Health]:
    """The health of accounts; two statements and those of the sources. Reads ``sender.connection``."""
    at = now()
    refused = _refusals(senders, at)
    domains = _domains(senders)
    found: dict[UUID, list[Factor]] = {}
    for sender in senders:
        factors = found[sender.id] = _own(sender, at)
        factors += _refused(refused.get(sender.id, 0))
        factors += _domain(domains.get(domain_of(sender)))
    for source in _sources.values():
        for sender_id, more in source(senders).items():
            found[sender_id] += more
    return {sender_id: Health.of(factors) for sender_id, factors in found.items()}


def _own(sender: SenderAccount, at: datetime) -> list[Factor]:
    connection = sender.connection
    found = [
        Factor(
            "account",
            "Account",
            _STATUS.get(SenderAccount.Status(sender.status), 10),
            sender.status_reason or f"The account is {sender.get_status_display().lower()}.",
        )
    ]
    if connection.status in _CONNECTION:
        words = connection.last_error or f"The connection is {connection.get_status_display().lower()}."
        found.append(
            Factor("connection", "Connection", _CONNECTION[Connection.Status(connection.status)], words)
        )
    else:
        found.append(Factor("connection", "Connection", 100, f"{connection.name} works."))
    throttled = sorted(
        action for action in sender.action_pauses if action_paused_until(sender, action, at) is not None
    )
    if throttled:
        words = f"The network throttles this account: {', '.join(throttled)}."
        found.append(Factor("throttled", "Throttling", 50, words))
    stale = freshness.hold(sender, at)
    if stale is not None:
        found.append(Factor("inbox", "Inbox", 60, stale.reason))
    if sender.webhooks_silent_since is not None:
        words = "The provider's records show messages that no webhook told of."
        found.append(Factor("webhooks", "Webhooks", 75, words))
    return found


def _refusals(senders: Sequence[SenderAccount], at: datetime) -> dict[UUID, int]:
    rows = ProviderFailure.objects.filter(
        sender_id__in=[sender.id for sender in senders], minute__gt=at - REFUSALS, is_transient=False
    )
    return dict(rows.order_by().values_list("sender_id").annotate(total=Sum("count")))


def _refused(count: int) -> list[Factor]:
    if not count:
        return [Factor("refusals", "Refusals", 100, "The provider refused nothing in the last 24 hours.")]
    calls = "call" if count == 1 else "calls"
    words = f"The provider refused {count:,} {calls} for good in the last 24 hours."
    return [Factor("refusals", "Refusals", max(30, 95 - 5 * count), words)]


def _domains(senders: Sequence[SenderAccount]) -> dict[str, MailDomain]:
    names = {domain_of(sender) for sender in senders} - {""}
    if not names:
        return {}
    return {row.name: row for row in MailDomain.objects.filter(name__in=names).exclude(checked_at=None)}


def _domain(row: MailDomain | None) -> list[Factor]:
    """A domain that was not checked says nothing: not known is not bad."""
    if row is None:
        return []
    found = [finding for finding in row.findings if finding["verdict"] != "unknown"]
    if not found:
        return []
    worst = min(found, key=lambda finding: _VERDICTS[finding["verdict"]])
    words = worst["sentence"] if worst["verdict"] != "ok" else f"{row.name} says who may send for it."
    return [Factor("domain", "Mail domain", _VERDICTS[worst["verdict"]], words)]


_VERDICTS: Final = {"ok": 100, "weak": 75, "missing": 45, "wrong": 40}
