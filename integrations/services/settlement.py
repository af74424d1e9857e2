"""Settlement: finds out what became of sends whose outcome is not known, by asking the provider. Never sends.

A send is uncertain when its call ended without an answer, or when its worker died while it was ``sending``.
Each try is claimed by moving the attempt's ``settle_after`` into the future, so that a lost worker only
delays the next try. After ``MAX_TRIES`` answers that decide nothing the row stays ``unknown`` and is listed for a
person, who decides with ``decide``. A provider that cannot be asked has answered nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q

from integrations import metrics
from integrations.backoff import wait_after
from integrations.base import SettlesSends, require
from integrations.errors import Disposition, ErrorKind, ProviderError
from integrations.locks import lock_sender
from integrations.models import OutboundMessage, SendAttempt
from integrations.services import outbox, outcomes, thread_replies
from integrations.services.adapters import adapter_of
from integrations.values import SendAction, SendIntent, Settlement, SettlementOutcome
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.db.outages import outlast_outage
from project.tenancy import audit
from project.tenancy.models import User

log = structlog.get_logger(__name__)

MAX_TRIES: Final = 12
LEASE: Final = timedelta(minutes=5)
FIRST_WAIT_S: Final = 45.0
LONGEST_WAIT_S: Final = 3600.0
#: How soon a send is tried again that a failing provider turned out not to have taken.
AGAIN_FIRST_S: Final = 5.0
AGAIN_CAP_S: Final = 30.0
#: Ids of our own messages to the same person that are handed over, so that none of them is taken for this
#: one.
KNOWN_IDS: Final = 200
State = OutboundMessage.State


@transaction.atomic
def expire(outbound_id: UUID) -> bool:
    """Make a row uncertain whose worker is gone; ``False`` if it was not gone after all.

    The attempt was committed before the call, so the call may or may not have been made.
    """
    outbound = OutboundMessage.objects.select_related("sender__connection").filter(id=outbound_id).first()
    if outbound is None:
        return False
    sender = outbound.sender
    lock_sender(sender.id)
    outbound.refresh_from_db()
    outbound.sender = sender
    if outbound.state != State.SENDING or outbound.claimed_until is None or outbound.claimed_until > now():
        return False
    attempt = SendAttempt.objects.get(outbound=outbound, number=outbound.attempts)
    detail = "The worker ended before the provider's answer was stored."
    SendAttempt.objects.filter(id=attempt.id).update(
        state=SendAttempt.State.AMBIGUOUS, settle_after=now(), detail=detail
    )
    outbox.change_state(
        outbound,
        State.UNKNOWN,
        error_kind=ErrorKind.INDETERMINATE.value,
        error_detail=detail,
        not_before=now(),
    )
    metrics.SENDS.labels(sender.connection.provider, outbound.action, "lease_expired").inc()
    return True


def settle(attempt_id: UUID) -> SettlementOutcome | None:
    """Ask once about one uncertain attempt and apply the answer; ``None`` if it was not due or not ours."""
    due = SendAttempt.objects.filter(
        id=attempt_id,
        state=SendAttempt.State.AMBIGUOUS,
        settle_after__lte=now(),
        outbound__state=State.UNKNOWN,
        settle_tries__lt=MAX_TRIES,
    )
    # A join cannot be updated through; the key is repeated.
    if not due.exists():
        return None
    mine = SendAttempt.objects.filter(id=attempt_id, settle_after__lte=now())
    if not compare_and_set(mine, settle_after=now() + LEASE, settle_tries=F("settle_tries") + 1):
        return None
    attempt = SendAttempt.objects.select_related("outbound__sender__connection").get(id=attempt_id)
    try:
        adapter = adapter_of(attempt.outbound.sender.connection)
        if attempt.outbound.payload.get("thread"):
            answer = thread_replies.settle(adapter, attempt.outbound, attempted_at=attempt.started_at)
        else:
            answer = require(adapter, SettlesSends).settle(intent_of(attempt), now=now())
    except ProviderError as error:
        answer = Settlement(
            outcome=SettlementOutcome.UNDECIDED, evidence=str(error), answered=not error.transient
        )
    outlast_outage(lambda: _apply(attempt, answer), within=LEASE)
    return answer.outcome


def intent_of(attempt: SendAttempt) -> SendIntent:
    """Describe an uncertain attempt well enough for the provider's records to be searched for it."""
    outbound = attempt.outbound
    recipient = outbound.recipient
    return SendIntent(
        action=SendAction(outbound.action),
        account_id=outbound.sender.provider_account_id,
        attempted_at=attempt.started_at,
        recipient_provider_id=recipient.get("provider_id", ""),
        recipient_public_identifier=recipient.get("public_identifier", ""),
        chat_id=recipient.get("chat_id", ""),
        text=outbound.body,
        attachment_count=len(outbound.payload.get("files", ())),
        known_message_ids=_known_ids(outbound),
        send_id=str(outbound.id),
        rfc_message_id=outbound.payload.get("message_id", ""),
        recipient_email=recipient.get("email", "") if outbound.channel == "email" else "",
        recipient_phone=recipient.get("phone", ""),
    )


def _known_ids(outbound: OutboundMessage) -> frozenset[str]:
    same = Q()
    if outbound.recipient.get("provider_id"):
        same |= Q(recipient__provider_id=outbound.recipient["provider_id"])
    if outbound.recipient.get("chat_id"):
        same |= Q(recipient__chat_id=outbound.recipient["chat_id"]) | Q(chat_id=outbound.recipient["chat_id"])
    rows = OutboundMessage.objects.filter(same, sender=outbound.sender, state=State.SENT).exclude(
        id=outbound.id
    )
    ids = rows.order_by("-sent_at").values_list("message_id", "provider_message_id")[:KNOWN_IDS]
    return frozenset(part for pair in ids for part in pair if part)


def _apply(attempt: SendAttempt, answer: Settlement) -> None:
    outbound = attempt.outbound
    sender = outbound.sender
    with transaction.atomic():
        lock_sender(sender.id)
        outbound.refresh_from_db()
        outbound.sender = sender
        attempt.refresh_from_db()
        if outbound.state != State.UNKNOWN or attempt.state != SendAttempt.State.AMBIGUOUS:
            return  # a webhook showed the message, or a person decided, while we asked
        attempt.detail = answer.evidence[:2000]
        if answer.outcome is SettlementOutcome.SENT:
            _close(attempt, SendAttempt.State.SETTLED_SENT)
            outcomes.mark_sent(outbound, receipt=answer.receipt, sent_at=attempt.started_at)
        elif answer.outcome is SettlementOutcome.NOT_SENT:
            _close(attempt, SendAttempt.State.SETTLED_NOT_SENT)
            _not_sent(outbound, attempt)
        else:
            _ask_again(attempt, answer)
    metrics.SENDS.labels(sender.connection.provider, outbound.action, f"settled_{answer.outcome.value}").inc()


def _close(attempt: SendAttempt, state: str) -> None:
    attempt.state = state
    attempt.finished_at = now()
    attempt.settle_after = None
    attempt.save(update_fields=["state", "finished_at", "settle_after", "detail", "updated_at"])


def _not_sent(outbound: OutboundMessage, attempt: SendAttempt) -> None:
    """Nothing left: try again, unless the refusal itself says more (a used-up allowance, say)."""
    if attempt.if_not_sent:
        kind = ErrorKind(attempt.if_not_sent)
        error = ProviderError(kind, attempt.detail, provider=outbound.sender.connection.provider)
        if error.disposition is Disposition.RETRY_LATER:
            # It has just answered us: what it failed at before says little about how long it will fail.
            error.retry_after = wait_after(attempt.number, first=AGAIN_FIRST_S, cap=AGAIN_CAP_S)
        outcomes.apply_error(outbound, error)
        return
    outbox.change_state(outbound, State.QUEUED, not_before=now(), error_kind="", error_detail=attempt.detail)
    outbox.nudge(outbound.sender_id)


def _ask_again(attempt: SendAttempt, answer: Settlement) -> None:
    if not answer.answered:
        # An outage uses up no tries: however long it lasts, the provider is asked once it is back.
        attempt.settle_tries -= 1
    if attempt.settle_tries >= MAX_TRIES:
        attempt.settle_after = None
        log.warning("settlement.given_up", outbound=str(attempt.outbound_id))
    else:
        tries = max(1, attempt.settle_tries)
        pause = wait_after(tries, first=FIRST_WAIT_S, cap=LONGEST_WAIT_S, factor=2.0)
        attempt.settle_after = answer.retry_at or now() + timedelta(seconds=pause)
    attempt.save(update_fields=["settle_after", "settle_tries", "detail", "updated_at"])


@transaction.atomic
def decide(outbound: OutboundMessage, *, sent: bool, actor: User) -> bool:
    """Let a person end an uncertainty that the provider could not; ``False`` if the row is not ``unknown``.

    ``sent=False`` queues it again: the person answers for it that nothing left.
    """
    sender = outbound.sender
    lock_sender(sender.id)
    outbound.refresh_from_db()
    outbound.sender = sender
    attempt = SendAttempt.objects.filter(outbound=outbound, number=outbound.attempts).first()
    if outbound.state != State.UNKNOWN or attempt is None:
        return False
    attempt.detail = f"{actor.display_name} decided that it {'left' if sent else 'did not leave'}."
    if sent:
        _close(attempt, SendAttempt.State.SETTLED_SENT)
        outcomes.mark_sent(outbound, receipt=None, sent_at=attempt.started_at)
    else:
        _close(attempt, SendAttempt.State.SETTLED_NOT_SENT)
        attempt.if_not_sent = ""
        _not_sent(outbound, attempt)
    audit.record(
        actor=actor, action="outbound.decided", subject=outbound, client_id=outbound.client_id, sent=sent
    )
    return True
