"""Telephone numbers as senders: what a connection's account has, and adding one."""

from __future__ import annotations

from dataclasses import dataclass

from integrations import registry
from integrations.base import Capability, ListsAccounts, RoutesInbound, require
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection, SenderAccount
from integrations.services import senders
from integrations.services.adapters import adapter_of
from integrations.services.connections import webhook_url
from integrations.values import Account
from project.core.refusals import Invalid
from project.tenancy.models import Client, User

#: How a number's registration for texting in the United States stands, for people.
A2P_LABELS = {
    "approved": "Registered for the United States (A2P)",
    "pending": "A2P registration under review",
    "failed": "A2P registration refused",
    "unregistered": "Not registered for the United States (A2P)",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """A number (or service) of the account, and the sender that it is already."""

    account: Account
    sender: SenderAccount | None

    @property
    def registration(self) -> str:
        """How its A2P registration stands, ``""`` where nothing is known."""
        return registration_of(self.account.options)


def registration_of(options: dict[str, str]) -> str:
    """Say how the A2P registration of a sender stands, from its options."""
    status = options.get("a2p_status", "")
    return A2P_LABELS.get(status, f"A2P registration: {status}" if status else "")


def has_numbers(connection: Connection) -> bool:
    """Say whether numbers can be added from a connection."""
    if not registry.can(connection.provider, Capability.LISTS_ACCOUNTS):
        return False
    return "sms" in registry.get(connection.provider).channels


def offered(connection: Connection) -> list[Offered]:
    """Return what the account has, newest news from the provider. Raises ``ProviderError``."""
    adapter = require(adapter_of(connection), ListsAccounts)
    known = {
        row.provider_account_id: row
        for row in SenderAccount.objects.filter(connection=connection).select_related("client")
    }
    found: list[Account] = []
    cursor: str | None = None
    while True:
        page = adapter.list_accounts(cursor=cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return [Offered(account, known.get(account.account_id)) for account in found]


def add(*, connection: Connection, client: Client, account_id: str, actor: User) -> SenderAccount:
    """Make a number a sender of ``client`` and have what is written to it brought to us.

    Raises ``Invalid`` for one that the account does not have or that is a sender already, or where the connection
    has none at all, and ``ProviderError``.
    """
    if not has_numbers(connection):
        raise Invalid("This connection has no telephone numbers.", field="connection")
    taken = SenderAccount.objects.filter(connection=connection, provider_account_id=account_id)
    if taken.exclude(status=SenderAccount.Status.DELETED).exists():
        raise Invalid("This number is a sender already.", field="account")
    adapter = require(adapter_of(connection), ListsAccounts)
    try:
        account = adapter.get_account(account_id)
    except ProviderError as error:
        if error.kind in {ErrorKind.NOT_FOUND, ErrorKind.VALIDATION}:
            raise Invalid("The account does not have this number.", field="account") from error
        raise
    # First the way in, then the sender: a number that sends must be able to be told to stop.
    if isinstance(adapter, RoutesInbound):
        adapter.route_inbound(account_id=account_id, url=webhook_url(connection))
    return senders.adopt(connection=connection, client=client, account=account, actor=actor)
