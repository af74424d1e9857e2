"""Dispatch: hands outbox rows to the provider, one at a time for each account, and stores what became of
them.

Each step commits before the next begins, so that a worker may die between any two of them:

1. *claim* (one transaction): the account's lock, the oldest due row, its gates, its units of the budgets,
state
   ``sending`` with a lease, and a ``SendAttempt`` in state ``started``.
2. *call*: the provider, outside of any transaction. Nothing else of this account is in flight meanwhile
   (constraint ``outbound_one_in_flight``).
3. *finish* (one transaction): receipt or error, by the taxonomy of ``integrations.errors``. While the database is
away it is tried again until the lease is over: what was done is known here only.

A row whose lease runs out in ``sending`` may have left: ``settlement`` asks the provider. The lease is far
longer than the HTTP client's longest call, so that a living worker is never outrun.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Case, IntegerField, Value, When

from integrations import metrics
from integrations.base import (
    Adapter,
    ReadsProfiles,
    SendsEmail,
    SendsInmail,
    SendsInvitations,
    SendsMessages,
    SendsSms,
    require,
)
from integrations.errors import ErrorKind, ProviderError
from integrations.locks import lock_sender
from integrations.models import OutboundMessage, SendAttempt, SenderAccount
from integrations.models.connections import Channel
from integrations.services import outbox, outcomes, outgoing, rates, senders, switches, thread_replies
from integrations.services.adapters import adapter_of, circuit_wait
from integrations.services.holds import Hold
from integrations.values import InvitationState, Profile, SendAction, SendReceipt
from project.core.clock import now
from project.core.db.outages import outlast_outage

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=settings.SEND_LEASE_SECONDS)
#: Held rows that one claim looks at before it gives way to other accounts.
MAX_HELD_PER_CLAIM: Final = 50
#: Answers of a provider that did not ask the network: it refused the request, or is not there itself.
_NOT_ASKED: Final = frozenset({401, 429, 502, 503})
#: Kinds of errors without an answer where nothing has got to the network. After a time-out it may have.
_WITHOUT_ANSWER: Final = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.AUTH, ErrorKind.CONFIG})
State = OutboundMessage.State


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is ours to send: its attempt is started and committed. ``adapter`` belongs to its
    connection.
    """

    outbound: OutboundMessage
    attempt: SendAttempt
    adapter: Adapter


def dispatch_sender(sender_id: UUID, *, limit: int = 20) -> int:
    """Send what is due for one account, at most ``limit`` rows; return how many attempts were made.

    Looks again after each attempt, so that a row queued meanwhile, whose own task found the account busy, is
    not forgotten.
    """
    made = 0
    while made < limit:
        prepare_recipient(sender_id)
        claimed = claim_next(sender_id)
        if claimed is None:
            break
        attempt(claimed)
        made += 1
    if made == limit:
        with transaction.atomic():
            outbox.nudge(sender_id)
    return made


# --- claim ------------------------------------------------------------------------------------------


def claim_next(sender_id: UUID) -> Claimed | None:
    """Claim the account's next due row and start an attempt; ``None`` if there is none or the account is
    busy.

    Rows that a gate holds are put off with the reason; rows that it refuses for good are cancelled.
    """
    with transaction.atomic():
        lock_sender(sender_id)
        sender = SenderAccount.objects.select_related("connection").filter(id=sender_id).first()
        if sender is None or OutboundMessage.objects.filter(sender=sender, state=State.SENDING).exists():
            return None
        at = now()
        for outbound in _due(sender, at):
            outbound.sender = sender
            if not _knows_recipient(outbound):
                return None  # it is looked up first, at the next look
            hold = _objection(outbound, at)
            if hold is not None:
                _put_off(outbound, hold, at)
                continue
            try:
                adapter = adapter_of(sender.connection)
            except ProviderError as error:
                _put_off(outbound, Hold("connection", error.message), at)
                continue
            return Claimed(outbound, _start(outbound, at), adapter)
    return None


def _due(sender: SenderAccount, at: datetime) -> list[OutboundMessage]:
    """Rows of the account that may be tried now: people's replies first, campaign sends spaced."""
    by_person = Case(
        When(origin=OutboundMessage.Origin.REPLY, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    rows = OutboundMessage.objects.filter(sender=sender, state=State.QUEUED, not_before__lte=at).exclude(
        claimed_until__gt=at
    )
    if sender.next_send_at is not None and sender.next_send_at > at:
        rows = rows.filter(origin=OutboundMessage.Origin.REPLY)
    return list(rows.order_by(by_person, "not_before", "id")[:MAX_HELD_PER_CLAIM])


def _objection(outbound: OutboundMessage, at: datetime) -> Hold | None:
    """Ask all gates in order; the last one takes the units of the budgets."""
    stopped = switches.is_stopped(
        client_id=outbound.client_id,
        campaign_id=outbound.campaign_id,
        sender_id=outbound.sender_id,
        node_id=outbound.node_id,
    )
    if stopped is not None:
        return Hold("kill_switch", stopped.sentence)
    hold = senders.sendable(outbound.sender, outbound.action, at) or outbox.first_hold(outbound)
    return hold or _circuit_hold(outbound, at) or _request_hold(outbound, at) or _take_unit(outbound, at)


def _circuit_hold(outbound: OutboundMessage, at: datetime) -> Hold | None:
    """Do not try again what has failed while its provider is left alone: an attempt would only be refused here."""
    wait = circuit_wait(outbound.sender) if outbound.hold_code == outcomes.PROVIDER_FAILED else 0.0
    if not wait:
        return None
    return Hold(outcomes.PROVIDER_FAILED, outbound.hold_reason, until=at + timedelta(seconds=wait))


def _request_hold(outbound: OutboundMessage, at: datetime) -> Hold | None:
    """Do not keep a worker standing in line for a connection whose request rate is used up."""
    refused = rates.request_refusal(outbound.sender.connection, at)
    return Hold("limit", refused.reason, until=refused.next_free) if refused is not None else None


def _take_unit(outbound: OutboundMessage, at: datetime) -> Hold | None:
    """Make sure that the units of the windows we are in are held; those of earlier ones are given back first."""
    if rates.covers(outbound.reservation, outbound.sender, at):
        return None
    outbox.free_reservation(outbound)
    taken = rates.reserve(
        sender=outbound.sender,
        action=outbound.action,
        at=at,
        recipient_domain=rates.domain_of(outbound.recipient),
    )
    if isinstance(taken, rates.Refused):
        return Hold("limit", taken.reason, until=taken.next_free)
    outbound.reservation = taken.reservation
    return None


def _put_off(outbound: OutboundMessage, hold: Hold, at: datetime) -> None:
    """Write down why a row waits, and free its unit for others; or cancel it if it must never leave."""
    metrics.SENDS.labels(outbound.sender.connection.provider, outbound.action, f"held_{hold.code}").inc()
    if hold.final:
        outbox.change_state(outbound, State.CANCELLED, error_kind=hold.code[:40], error_detail=hold.reason)
        return
    outbox.free_reservation(outbound)
    outbound.hold_code, outbound.hold_reason = hold.code[:40], hold.reason[:300]
    outbound.not_before = hold.until if hold.until is not None and hold.until > at else at + senders.RECHECK
    outbound.save(update_fields=["hold_code", "hold_reason", "not_before", "reservation", "updated_at"])
    rates.announce(outbound.sender_id)


def _start(outbound: OutboundMessage, at: datetime) -> SendAttempt:
    """Mark the row as being sent and write its attempt, and space the account's next campaign send."""
    number = outbound.attempts + 1
    started: SendAttempt = SendAttempt.objects.create(outbound=outbound, number=number, started_at=at)
    outbox.change_state(
        outbound,
        State.SENDING,
        attempts=number,
        claimed_until=at + LEASE,
        reservation=outbound.reservation,
        error_kind="",
        error_detail="",
    )
    if outbound.origin == OutboundMessage.Origin.CAMPAIGN:
        low, high = settings.SEND_SPACING_MS
        pause = timedelta(milliseconds=random.uniform(low, high))  # noqa: S311 (spacing, not a secret)
        SenderAccount.objects.filter(id=outbound.sender_id).update(next_send_at=at + pause)
    return started


# --- recipient --------------------------------------------------------------------------------------


def _knows_recipient(outbound: OutboundMessage) -> bool:
    if outbound.channel != Channel.LINKEDIN:
        return True  # an address needs no look-up
    has_chat = outbound.action == SendAction.MESSAGE and outbound.recipient.get("chat_id")
    return bool(outbound.recipient.get("provider_id") or has_chat)


def prepare_recipient(sender_id: UUID) -> bool:
    """Look up the network id of the next due row's recipient if only a public identifier is known.

    A read: it may be tried again after a crash. It counts as a profile view of the account. Returns whether a
    look-up was made.
    """
    with transaction.atomic():
        lock_sender(sender_id)
        sender = SenderAccount.objects.select_related("connection").filter(id=sender_id).first()
        at = now()
        if sender is None:
            return False
        found = next((row for row in _due(sender, at)[:1] if not _knows_recipient(row)), None)
        if found is None:
            return False
        found.sender = sender
        hold = _objection(found, at)
        if hold is None and not found.recipient.get("public_identifier"):
            hold = Hold("recipient", "Neither a network id nor a public identifier is known.", final=True)
        if hold is not None:
            _put_off(found, hold, at)
            return False
        view = rates.reserve(sender=sender, action="profile_view", at=at)
        if isinstance(view, rates.Refused):
            _put_off(found, Hold("limit", view.reason, until=view.next_free), at)
            return False
        found.claimed_until = at + LEASE
        found.save(update_fields=["claimed_until", "reservation", "updated_at"])
    _look_up(found, view)
    return True


def _look_up(outbound: OutboundMessage, view: rates.Reserved) -> None:
    """Ask for the recipient's profile and store the id, or what went wrong. ``view`` is the unit it is to cost."""
    try:
        adapter = require(adapter_of(outbound.sender.connection), ReadsProfiles)
        profile = adapter.get_profile(
            account_id=outbound.sender.provider_account_id, identifier=outbound.recipient["public_identifier"]
        )
    except ProviderError as error:
        if not _reached_network(error):
            rates.release(sender=outbound.sender, reservation=view.reservation)
        _surely(partial(outcomes.refused_before_send, outbound, error))
        return
    _surely(partial(_keep_recipient, outbound, profile))


@transaction.atomic
def _keep_recipient(outbound: OutboundMessage, profile: Profile) -> None:
    lock_sender(outbound.sender_id)
    outbound.refresh_from_db()
    if outbound.state != State.QUEUED:
        return
    outbound.recipient = {
        **outbound.recipient,
        "provider_id": profile.provider_id,
        "public_identifier": profile.public_identifier or outbound.recipient["public_identifier"],
        "member_urn": profile.member_urn,
    }
    outbound.claimed_until = None
    outbound.save(update_fields=["recipient", "claimed_until", "updated_at"])
    already = _already(outbound, profile.is_connected, profile.invitation)
    if already:
        outcomes.nothing_to_send(outbound, already)


def _reached_network(error: ProviderError) -> bool:
    """Whether a failed look-up may count at the network. An outage must not use up a day's views."""
    if error.status is None:
        return error.kind not in _WITHOUT_ANSWER
    return error.status not in _NOT_ASKED


def _already(outbound: OutboundMessage, is_connected: bool | None, invitation: InvitationState) -> str:
    """Say what an invitation would ask for that is so already, ``""`` if it is to be sent."""
    if outbound.action != SendAction.INVITE:
        return ""
    if is_connected:
        return "connected"
    return "invited" if invitation is InvitationState.SENT_PENDING else ""


# --- call -------------------------------------------------------------------------------------------


def attempt(claimed: Claimed) -> None:
    """Hand a claimed row to the provider, once, and store the outcome."""
    outbound, started = claimed.outbound, claimed.attempt
    send = thread_replies.send if outbound.payload.get("thread") else _ACTIONS.get(outbound.action)
    if send is None:
        outcomes.failed(outbound, started, _unsupported(outbound))
        return
    try:
        outcome = partial(outcomes.accepted, outbound, started, send(claimed.adapter, outbound))
    except ProviderError as error:
        outcome = partial(outcomes.failed, outbound, started, error)
    except Exception as error:
        # Whatever broke, the request may have left: only the provider can say.
        log.exception("dispatch.attempt_broke", outbound=str(outbound.id))
        outcome = partial(outcomes.failed, outbound, started, _broken(outbound, error))
    _surely(outcome)


def _surely(store: Callable[[], None]) -> None:
    """Store what became of a call even if the database goes away meanwhile; the call itself is never made again."""
    outlast_outage(store, within=LEASE)


def _invite(adapter: Adapter, outbound: OutboundMessage) -> SendReceipt:
    return require(adapter, SendsInvitations).send_invitation(
        account_id=outbound.sender.provider_account_id,
        recipient_provider_id=outbound.recipient["provider_id"],
        note=outbound.body,
        email=outbound.recipient.get("email", ""),
    )


def _message(adapter: Adapter, outbound: OutboundMessage) -> SendReceipt:
    return require(adapter, SendsMessages).send_message(
        account_id=outbound.sender.provider_account_id,
        text=outbound.body,
        chat_id=outbound.recipient.get("chat_id", ""),
        recipient_provider_id=outbound.recipient.get("provider_id", ""),
        attachments=outgoing.files_of(outbound),
    )


def _inmail(adapter: Adapter, outbound: OutboundMessage) -> SendReceipt:
    return require(adapter, SendsInmail).send_inmail(
        account_id=outbound.sender.provider_account_id,
        recipient_provider_id=outbound.recipient["provider_id"],
        subject=outbound.payload.get("subject", ""),
        text=outbound.body,
    )


def _view_profile(adapter: Adapter, outbound: OutboundMessage) -> SendReceipt:
    require(adapter, ReadsProfiles).get_profile(
        account_id=outbound.sender.provider_account_id, identifier=outbound.recipient["provider_id"]
    )
    return SendReceipt()


def _email(adapter: Adapter, outbound: OutboundMessage) -> SendReceipt:
    return require(adapter, SendsEmail).send_email(
        account_id=outbound.sender.provider_account_id, email=outgoing.email_of(outbound)
    )


def _sms(adapter: Adapter, outbound: OutboundMessage) -> SendReceipt:
    return require(adapter, SendsSms).send_sms(
        account_id=outbound.sender.provider_account_id, sms=outgoing.sms_of(outbound)
    )


_ACTIONS: Final[dict[str, Callable[[Adapter, OutboundMessage], SendReceipt]]] = {
    SendAction.INVITE.value: _invite,
    SendAction.MESSAGE.value: _message,
    SendAction.INMAIL.value: _inmail,
    SendAction.PROFILE_VIEW.value: _view_profile,
    SendAction.EMAIL.value: _email,
    SendAction.SMS.value: _sms,
}


def _unsupported(outbound: OutboundMessage) -> ProviderError:
    return ProviderError(
        ErrorKind.UNSUPPORTED,
        f"Nothing here can do {outbound.action!r}.",
        provider=outbound.sender.connection.provider,
    )


def _broken(outbound: OutboundMessage, error: Exception) -> ProviderError:
    return ProviderError(
        ErrorKind.INDETERMINATE,
        "The attempt broke off here; the provider is asked whether it left.",
        provider=outbound.sender.connection.provider,
        raw_type=type(error).__name__,
    )
