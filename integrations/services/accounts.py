"""Senders of providers that run campaigns: the mailboxes or seats that are connected there, and taking them in here."""

from __future__ import annotations

from integrations import registry
from integrations.base import Capability, ListsAccounts, require
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection, SenderAccount
from integrations.services import senders
from integrations.services.adapters import adapter_of
from project.core.refusals import Invalid
from project.tenancy.models import Client, User


def takes_in(connection: Connection) -> bool:
    """Say whether senders of a connection are chosen among what is connected at the provider."""
    return registry.can(connection.provider, Capability.RUNS_CAMPAIGNS)


def add(*, connection: Connection, client: Client, account_id: str, actor: User) -> SenderAccount:
    """Make an account of the provider a sender of ``client``.

    Raises ``Invalid`` for one that is not there, that is a sender already, or whose connection is another client's,
    and ``ProviderError``.
    """
    if not takes_in(connection):
        raise Invalid("This provider does not run campaigns.", field="connection")
    if connection.client_id not in {None, client.id}:
        raise Invalid("This connection belongs to another client.", field="client")
    taken = SenderAccount.objects.filter(connection=connection, provider_account_id=account_id)
    if taken.exclude(status=SenderAccount.Status.DELETED).exists():
        raise Invalid("This account is a sender already.", field="account")
    try:
        account = require(adapter_of(connection), ListsAccounts).get_account(account_id)
    except ProviderError as error:
        if error.kind in {ErrorKind.NOT_FOUND, ErrorKind.VALIDATION}:
            raise Invalid("The provider does not have this account.", field="account") from error
        raise
    return senders.adopt(connection=connection, client=client, account=account, actor=actor)
