"""What became of a send: the receipt or the error of one attempt, stored in one transaction.

The mapping follows ``Disposition`` (``integrations.errors``). Nothing here sends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import transaction

from integrations import metrics
from integrations.backoff import SEND_CAP, SEND_FIRST, wait_after
from integrations.errors import Disposition, ErrorKind, ProviderError
from integrations.events import Unsubscribed
from integrations.locks import lock_sender
from integrations.models import Connection, OutboundMessage, ProviderEvent, SendAttempt
from integrations.services import connections, outbox, receipts, senders
from integrations.values import AccountStatus, SendReceipt
from project.core.clock import now

log = structlog.get_logger(__name__)

State = OutboundMessage.State
#: The hold of what is tried again because the provider failed.
PROVIDER_FAILED: Final = "provider"
#: How long an action rests where the provider does not say: throttled, and out of allowance.
PAUSES: Final = {ErrorKind.RATE_LIMITED: timedelta(minutes=15), ErrorKind.QUOTA: timedelta(hours=6)}
CONFIG_PAUSE: Final = timedelta(minutes=15)
#: A request that the provider finds wrong this often is given up; earlier it may be the plan that is mended.
CONFIG_TRIES: Final = 4
#: When to ask for the first time whether an uncertain send left: the provider's records lag by up to a
#: minute.
SETTLE_AFTER: Final = timedelta(seconds=45)


def accepted(outbound: OutboundMessage, attempt: SendAttempt, receipt: SendReceipt) -> None:
    """Store the provider's receipt: the row is sent, whatever happened to it meanwhile.

    Sent when the attempt began: an answer to it may be there before the receipt is stored, and must not seem older.
    """
    with transaction.atomic():
        _lock_row(outbound)
        _close_attempt(attempt, SendAttempt.State.ACCEPTED)
        mark_sent(outbound, receipt=receipt, sent_at=attempt.started_at)
    _count(outbound, "accepted")


def mark_sent(
    outbound: OutboundMessage, *, receipt: SendReceipt | None, sent_at: datetime, already: str = ""
) -> None:
    """Move a row to ``sent`` with what ids are known; ids known already stay. The caller holds the account's
    lock.
    """
    ids = {
        name: getattr(receipt, name)[:200]
        for name in ("message_id", "provider_message_id", "chat_id", "provider_chat_id", "invitation_id")
        if receipt is not None and getattr(receipt, name) and not getattr(outbound, name)
    }
    if outbound.state == State.SENT and not ids:
        return
    values: dict[str, Any] = dict(ids)
    if outbound.sent_at is None:
        # Later, an error is what the provider reported about the message that left.
        values |= {"sent_at": sent_at, "already": already, "error_kind": "", "error_detail": ""}
    outbox.change_state(outbound, State.SENT, **values)
    if ids:
        receipts.note_earlier(outbound)


def failed(outbound: OutboundMessage, attempt: SendAttempt, error: ProviderError) -> None:
    """Store how an attempt failed, and do what the taxonomy says."""
    log.info("dispatch.failed", outbound=str(outbound.id), kind=error.kind, raw_type=error.raw_type)
    with transaction.atomic():
        _lock_row(outbound)
        ambiguous = error.disposition is Disposition.ASK_PROVIDER
        _close_attempt(
            attempt,
            SendAttempt.State.AMBIGUOUS if ambiguous else SendAttempt.State.REFUSED,
            error_kind=error.kind.value,
            detail=_detail(error),
            if_not_sent=error.if_not_sent.value if error.if_not_sent else "",
            settle_after=now() + _wait(error, SETTLE_AFTER) if ambiguous else None,
        )
        # Settled meanwhile (a webhook showed the message, or the lease ran out): that answer stands.
        if outbound.state in {State.SENDING, State.UNKNOWN} and outbound.attempts == attempt.number:
            apply_error(outbound, error)
    _count(outbound, error.kind.value)


def refused_before_send(outbound: OutboundMessage, error: ProviderError) -> None:
    """Store that a step before the send failed (a look-up): nothing left, the row stays queued or is given
    up.
    """
    with transaction.atomic():
        _lock_row(outbound)
        if outbound.state == State.QUEUED:
            if error.disposition is Disposition.ASK_PROVIDER:
                _again(outbound, error)
            else:
                apply_error(outbound, error)
    _count(outbound, f"lookup_{error.kind.value}")


def nothing_to_send(outbound: OutboundMessage, already: str) -> None:
    """Treat a row as sent because what it asks for is so already. The caller holds the account's lock."""
    outbox.free_reservation(outbound)
    outbound.save(update_fields=["reservation", "updated_at"])
    mark_sent(outbound, receipt=None, sent_at=now(), already=already)


def apply_error(outbound: OutboundMessage, error: ProviderError) -> None:
    """Change a row by an error's disposition. The caller holds the account's lock."""
    _BY_DISPOSITION[error.disposition](outbound, error)


# --- one function for each disposition --------------------------------------------------------------


def _again(outbound: OutboundMessage, error: ProviderError) -> None:
    pause = wait_after(max(1, outbound.attempts), first=SEND_FIRST, cap=SEND_CAP)
    _requeue(outbound, error, now() + _wait(error, timedelta(seconds=pause)), code=PROVIDER_FAILED)


def _pause_action(outbound: OutboundMessage, error: ProviderError) -> None:
    until = now() + _wait(error, PAUSES.get(error.kind, CONFIG_PAUSE))
    senders.pause_action(outbound.sender, action=outbound.action, until=until)
    outbox.free_reservation(outbound)
    _requeue(outbound, error, until, code="throttled")


def _ask_provider(outbound: OutboundMessage, error: ProviderError) -> None:
    outbox.change_state(
        outbound,
        State.UNKNOWN,
        error_kind=error.kind.value,
        error_detail=_detail(error),
        not_before=now() + _wait(error, SETTLE_AFTER),
    )


def _stop_account(outbound: OutboundMessage, error: ProviderError) -> None:
    restricted = error.kind is ErrorKind.ACCOUNT_RESTRICTED
    status = AccountStatus.RESTRICTED if restricted else AccountStatus.CREDENTIALS
    senders.report_status(
        outbound.sender, status=status, raw_status=error.raw_type, reported_at=now(), reason=error.message
    )
    outbox.free_reservation(outbound)
    _requeue(outbound, error, now() + senders.RECHECK, code="sender_status")


def _fix_connection(outbound: OutboundMessage, error: ProviderError) -> None:
    outbox.free_reservation(outbound)
    if error.kind is ErrorKind.AUTH:
        connections.mark(outbound.sender.connection, status=Connection.Status.FAILING, error=error.message)
        _requeue(outbound, error, now() + senders.RECHECK, code="connection")
    elif outbound.attempts >= CONFIG_TRIES:
        _report(outbound, error)
    else:
        until = now() + _wait(error, CONFIG_PAUSE)
        senders.pause_action(outbound.sender, action=outbound.action, until=until)
        _requeue(outbound, error, until, code="connection")


def _report(outbound: OutboundMessage, error: ProviderError) -> None:
    outbox.change_state(outbound, State.FAILED, error_kind=error.kind.value, error_detail=_detail(error))


def _skip_lead(outbound: OutboundMessage, error: ProviderError) -> None:
    _report(outbound, error)
    if error.opted_out:
        _note_opt_out(outbound, error)


def _note_opt_out(outbound: OutboundMessage, error: ProviderError) -> None:
    """The refusal says that this person does not want to hear from us: a fact for the rooms above."""
    from integrations.services.events import record_event  # events apply outcomes

    event = Unsubscribed(
        provider=error.provider,
        account_id=outbound.sender.provider_account_id,
        occurred_at=now(),
        raw_type=error.raw_type,
        send_id=str(outbound.id),
        recipient=error.opted_out,
        how="provider",
    )
    record_event(event, sender=outbound.sender, source=ProviderEvent.Source.SEND)


def _treat_as_done(outbound: OutboundMessage, error: ProviderError) -> None:
    nothing_to_send(outbound, error.already or "done")


_BY_DISPOSITION: Final[dict[Disposition, Callable[[OutboundMessage, ProviderError], None]]] = {
    Disposition.RETRY_LATER: _again,
    Disposition.PAUSE_ACTION: _pause_action,
    Disposition.ASK_PROVIDER: _ask_provider,
    Disposition.STOP_ACCOUNT: _stop_account,
    Disposition.FIX_CONNECTION: _fix_connection,
    Disposition.SKIP_LEAD: _skip_lead,
    Disposition.TREAT_AS_DONE: _treat_as_done,
    Disposition.REPORT: _report,
}


def _requeue(outbound: OutboundMessage, error: ProviderError, not_before: datetime, *, code: str) -> None:
    outbox.change_state(
        outbound,
        State.QUEUED,
        not_before=not_before,
        reservation=outbound.reservation,
        error_kind=error.kind.value,
        error_detail=_detail(error),
        hold_code=code,
        hold_reason=error.message[:300],
    )


def _lock_row(outbound: OutboundMessage) -> None:
    lock_sender(outbound.sender_id)
    sender = outbound.sender
    outbound.refresh_from_db()
    outbound.sender = sender


def _close_attempt(attempt: SendAttempt, state: str, **values: Any) -> None:
    attempt.state = state
    attempt.finished_at = now()
    for name, value in values.items():
        setattr(attempt, name, value)
    attempt.save(update_fields=["state", "finished_at", "updated_at", *values])


def _wait(error: ProviderError, default: timedelta) -> timedelta:
    return timedelta(seconds=error.retry_after) if error.retry_after else default


def _detail(error: ProviderError) -> str:
    return " ".join(filter(None, [error.message, error.detail]))[:2000]


def _count(outbound: OutboundMessage, outcome: str) -> None:
    metrics.SENDS.labels(outbound.sender.connection.provider, outbound.action, outcome).inc()
