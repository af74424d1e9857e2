"""Sender accounts: what the provider says about them, whether they may send, and what people do with them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.dateparse import parse_datetime

from integrations import streams
from integrations.base import ListsAccounts, require
from integrations.domain_events import SenderChanged
from integrations.errors import ErrorKind, ProviderError
from integrations.locks import lock_sender
from integrations.models import Channel, Connection, SenderAccount
from integrations.services.adapters import adapter_of
from integrations.services.holds import Hold
from integrations.values import Account, AccountStatus
from project.core.clock import now
from project.core.events import publish
from project.tenancy import audit
from project.tenancy.models import Client, User

#: What the normalised statuses become here; a word that is not in our vocabulary changes no status.
_STATUSES: Final[dict[AccountStatus, SenderAccount.Status]] = {
    status: SenderAccount.Status(status.value)
    for status in AccountStatus
    if status is not AccountStatus.UNKNOWN
}

_REASONS: Final = {
    SenderAccount.Status.OK: "",
    SenderAccount.Status.CONNECTING: "The provider is connecting this account.",
    SenderAccount.Status.CREDENTIALS: "The account is signed out. Its owner has to sign in again.",
    SenderAccount.Status.PERMISSIONS: "The account lacks a permission. Its owner has to sign in again.",
    SenderAccount.Status.RESTRICTED: "The network restricted this account. Its owner has to act there first.",
    SenderAccount.Status.STOPPED: "The provider stopped this account.",
    SenderAccount.Status.ERROR: "The provider reports an error with this account.",
    SenderAccount.Status.DELETED: "The account was removed at the provider.",
}

#: How soon to look again at a send that is held for no stated time.
RECHECK: Final = timedelta(minutes=2)


def sendable(sender: SenderAccount, action: str, at: datetime) -> Hold | None:
    """Return why ``sender`` may not do ``action`` at ``at``, or ``None`` if it may.

    Reads ``sender.connection``; load it with the sender.
    """
    if sender.paused_at is not None:
        return Hold("paused", f"{sender.name} is paused by a person.")
    if sender.connection.status in {Connection.Status.FAILING, Connection.Status.DISABLED}:
        return Hold("connection", f"The connection {sender.connection.name} is not working.")
    if sender.status != SenderAccount.Status.OK:
        return Hold("sender_status", sender.status_reason or _REASONS[SenderAccount.Status(sender.status)])
    until = action_paused_until(sender, action, at)
    if until is not None:
        return Hold("throttled", f"The network throttles this action on {sender.name}.", until=until)
    return None


def action_paused_until(sender: SenderAccount, action: str, at: datetime) -> datetime | None:
    """Return when the network's throttle of an action ends, ``None`` if there is none at ``at``."""
    stored = sender.action_pauses.get(action)
    until = parse_datetime(stored) if stored else None
    return until if until is not None and until > at else None


def report_status(
    sender: SenderAccount,
    *,
    status: AccountStatus | None,
    raw_status: str,
    reported_at: datetime,
    reason: str = "",
) -> str:
    """Apply what the provider said about an account at ``reported_at``; return a sentence about what it
    changed.

    News older than what is known changes nothing. Must run inside a transaction; takes the account's lock.
    """
    lock_sender(sender.id)
    sender.refresh_from_db(fields=["status", "status_raw", "status_reason", "status_reported_at"])
    if sender.status_reported_at is not None and reported_at < sender.status_reported_at:
        return "Older than what is known about this account; nothing changed."
    sender.status_raw = raw_status[:60]
    sender.status_reported_at = reported_at
    wanted = _STATUSES.get(status) if status is not None else None
    if wanted is None or wanted == sender.status:
        sender.save(update_fields=["status_raw", "status_reported_at", "updated_at"])
        return f"The account stays {sender.get_status_display().lower()}."
    previous = sender.status
    sender.status = wanted
    sender.status_reason = reason or _REASONS[wanted]
    sender.status_changed_at = now()
    sender.save(
        update_fields=[
            "status", "status_raw", "status_reason", "status_changed_at", "status_reported_at", "updated_at",
        ]
    )  # fmt: skip
    audit.record(
        actor=None,
        action="sender.status_changed",
        subject=sender,
        before=previous,
        after=str(wanted),
        raw=raw_status,
    )
    _changed(sender, previous)
    return f"The account is {sender.get_status_display().lower()} now."


def pause_action(sender: SenderAccount, *, action: str, until: datetime) -> None:
    """Hold one action on this account until the network allows it again; others go on. Takes the account's
    lock.
    """
    lock_sender(sender.id)
    sender.refresh_from_db(fields=["action_pauses"])
    known = action_paused_until(sender, action, now())
    if known is not None and known >= until:
        return
    sender.action_pauses = {**sender.action_pauses, action: until.isoformat()}
    sender.save(update_fields=["action_pauses", "updated_at"])
    streams.sender_changed(sender.id)


@transaction.atomic
def pause(*, sender: SenderAccount, actor: User) -> SenderAccount:
    """Stop all sending of an account until somebody resumes it."""
    lock_sender(sender.id)
    sender.refresh_from_db()
    if sender.paused_at is None:
        sender.paused_at = now()
        sender.save(update_fields=["paused_at", "updated_at"])
        audit.record(actor=actor, action="sender.paused", subject=sender)
        _changed(sender, sender.status)
    return sender


@transaction.atomic
def resume(*, sender: SenderAccount, actor: User) -> SenderAccount:
    """Let a paused account send again."""
    lock_sender(sender.id)
    sender.refresh_from_db()
    if sender.paused_at is not None:
        sender.paused_at = None
        sender.save(update_fields=["paused_at", "updated_at"])
        audit.record(actor=actor, action="sender.resumed", subject=sender)
        _changed(sender, sender.status)
    return sender


def refresh(*, sender: SenderAccount) -> SenderAccount:
    """Ask the provider how the account is and store it. Raises ``ProviderError`` (gone accounts are
    stored).
    """
    asked_at = now()
    adapter = require(adapter_of(sender.connection), ListsAccounts)
    try:
        account = adapter.get_account(sender.provider_account_id)
    except ProviderError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
        with transaction.atomic():
            report_status(sender, status=AccountStatus.DELETED, raw_status="not found", reported_at=asked_at)
        return sender
    return adopt(connection=sender.connection, client=sender.client, account=account, seen_at=asked_at)


@transaction.atomic
def adopt(
    *,
    connection: Connection,
    client: Client,
    account: Account,
    seen_at: datetime | None = None,
    time_zone: str = "",
    actor: User | None = None,
) -> SenderAccount:
    """Make the provider's account a sender of ``client``, or bring the one that exists up to date.

    An account that is known keeps its client and time zone.
    """
    seen_at = seen_at or now()
    sender: SenderAccount | None = SenderAccount.objects.filter(
        connection=connection, provider_account_id=account.account_id
    ).first()
    if sender is None:
        sender = SenderAccount(
            client=client,
            connection=connection,
            channel=account.network.lower() if account.network.lower() in {"email", "sms"} else "linkedin",
            provider_account_id=account.account_id,
            time_zone=time_zone or client.time_zone,
            status=SenderAccount.Status.CONNECTING,
        )
        is_new = True
    else:
        lock_sender(sender.id)
        sender.refresh_from_db()
        is_new = False
    if is_new or sender.channel != Channel.EMAIL:
        # What stands on e-mails is chosen here; of a seat it is the network that says who it is.
        sender.name = account.name or sender.name or account.account_id
    if account.own_user_ids:
        sender.own_user_id = account.own_user_ids[0]
        sender.own_user_ids = sorted({*sender.own_user_ids, *account.own_user_ids})
    sender.own_public_identifier = account.public_identifier or sender.own_public_identifier
    sender.address = account.address or sender.address
    seat = {"seat": "paid" if account.premium_features else "free"} if sender.channel == "linkedin" else {}
    sender.options = {**sender.options, **seat, **account.options}
    sender.save()
    if is_new:
        audit.record(actor=actor, action="sender.connected", subject=sender, provider=connection.provider)
    report_status(sender, status=account.status, raw_status=account.raw_status, reported_at=seen_at)
    if is_new:
        streams.sender_changed(sender.id)
    return sender


def _changed(sender: SenderAccount, previous: str) -> None:
    publish(SenderChanged(sender=sender, previous=previous))
    streams.sender_changed(sender.id)
