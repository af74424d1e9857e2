"""From a stored connection to its adapter, and what adapters may ask about our own accounts and messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q

from integrations import registry
from integrations.base import Adapter
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection, OutboundMessage, SenderAccount
from integrations.services import failures, threads
from project.core import crypto
from project.core.http import circuit_wait as circuit_wait_of


def credentials_of(connection: Connection) -> dict[str, Any]:
    """Return the decrypted credentials. Raises ``ProviderError`` of kind ``config`` if no key of ours
    fits.
    """
    try:
        return crypto.decrypt(connection.credentials)
    except crypto.CredentialsUnreadable as error:
        raise ProviderError(ErrorKind.CONFIG, str(error), provider=connection.provider) from error


def webhook_secrets(provider: str, credentials: dict[str, Any]) -> list[str]:
    """Return the secrets that may prove inbound calls, newest first; two of them while one is rotated."""
    fields = registry.get(provider).webhook_secret_fields
    names = [name for field in fields for name in (field, f"previous_{field}")]
    return [str(credentials[name]) for name in names if credentials.get(name)]


def adapter_of(connection: Connection, credentials: dict[str, Any] | None = None) -> Adapter:
    """Build the adapter of a connection; what it raises is counted (``services.failures``).

    Raises ``ProviderError`` of kind ``config`` if there is none for it.
    """
    try:
        adapter = registry.adapter_for(
            connection.provider,
            credentials=credentials if credentials is not None else credentials_of(connection),
            base_url=connection.base_url,
            connection_id=str(connection.id),
        )
    except registry.UnknownProviderError as error:
        raise ProviderError(ErrorKind.CONFIG, str(error), provider=connection.provider) from error
    return failures.watched(adapter, connection)


def circuit_wait(sender: SenderAccount) -> float:
    """Return for how many seconds the circuit breaker refuses an account's calls. Reads ``sender.connection``."""
    key = registry.breaker_key(sender.connection.provider, str(sender.connection_id))
    return max(circuit_wait_of(key), circuit_wait_of(f"{key}:{sender.provider_account_id}"))


class StoredKnowledge:
    """What is stored about the accounts of one connection and the messages sent from them.

    An ``integrations.base.MessageKnowledge``; runs in the scope of the connection's organization.
    """

    def __init__(self, connection_id: UUID) -> None:
        self.connection_id = connection_id
        self._senders: dict[str, SenderAccount | None] = {}

    def sender(self, account_id: str) -> SenderAccount | None:
        """Return the sender account with that id at the provider, or ``None``; asked once."""
        if account_id not in self._senders:
            rows = SenderAccount.objects.select_related("connection")
            self._senders[account_id] = rows.filter(
                connection_id=self.connection_id, provider_account_id=account_id
            ).first()
        return self._senders[account_id]

    def own_user_ids(self, account_id: str) -> frozenset[str]:
        """Return the account's own ids on the network, as far as stored."""
        sender = self.sender(account_id)
        if sender is None:
            return frozenset()
        return frozenset(filter(None, [sender.own_user_id, *sender.own_user_ids]))

    def account_of_address(self, address: str) -> str:
        """Return the account whose mailbox, reply address or number this is, ``""`` for none of ours."""
        rows = SenderAccount.objects.filter(connection_id=self.connection_id)
        found = rows.filter(Q(address__iexact=address) | Q(reply_to__iexact=address)).first()
        return found.provider_account_id if found else ""

    def account_of_message(self, message_ids: frozenset[str]) -> str:
        """Return the account that sent a message with one of these ids, ``""`` for none of ours."""
        if not message_ids:
            return ""
        rows = OutboundMessage.objects.filter(
            with_message_ids(message_ids), sender__connection_id=self.connection_id
        )
        return rows.values_list("sender__provider_account_id", flat=True).first() or ""

    def thread_of(
        self, account_id: str, message_ids: Sequence[str], *, counterpart: str, subject: str
    ) -> str:
        """Return the ``chat_id`` of the e-mail thread that answers to ``message_ids`` belong to, ``""`` if none
        of them is known. Where there are no ids at all, an answer's subject and who wrote it may still tell.
        """
        sender = self.sender(account_id)
        return threads.thread_of(sender, message_ids, counterpart, subject) if sender else ""

    def sent_by_us(self, account_id: str, message_ids: frozenset[str]) -> bool:
        """Say whether any of ``message_ids`` is a message in the outbox of this account."""
        sender = self.sender(account_id)
        if sender is None or not message_ids:
            return False
        return bool(OutboundMessage.objects.filter(with_message_ids(message_ids), sender=sender).exists())


def with_message_ids(message_ids: frozenset[str]) -> Q:
    """A condition on outbox rows: the receipt has one of these ids, whichever of its two it is."""
    ids = list(message_ids)
    return Q(message_id__in=ids) | Q(provider_message_id__in=ids)
