"""Credentials and sender accounts: what a provider knows of who sends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from integrations.values import (
    Account,
    AddressVerdict,
    ConnectLink,
    ConnectNotice,
    CredentialCheck,
    Page,
    Profile,
    ProviderSuppression,
    SenderIdentity,
)


@runtime_checkable
class VerifiesCredentials(Protocol):
    """Can say whether its credentials work."""

    def verify_credentials(self) -> CredentialCheck:
        """Try the credentials without side effects. Wrong ones give ``ok=False``, they do not raise."""
        ...


@runtime_checkable
class ListsAccounts(Protocol):
    """Has sender accounts (seats, numbers) that can be listed."""

    def list_accounts(self, *, cursor: str | None = None, limit: int = 100) -> Page[Account]:
        """Return a page of the accounts of these credentials."""
        ...

    def get_account(self, account_id: str) -> Account:
        """Return one account. Kind ``not_found`` if it is gone."""
        ...


@runtime_checkable
class ConnectsAccounts(ListsAccounts, Protocol):
    """Has sender accounts that their owners sign in to at the provider."""

    def connect_link(
        self,
        *,
        reference: str,
        notify_url: str,
        success_url: str,
        failure_url: str,
        expires_at: datetime,
        reconnect_account_id: str | None = None,
    ) -> ConnectLink:
        """Make a one-time sign-in address. ``reference`` is an unguessable nonce that comes back in the
        notice.
        """
        ...

    def parse_connect_notice(self, body: bytes) -> ConnectNotice:
        """Read the provider's report about a used link. Kind ``validation`` if it is none."""
        ...

    def delete_account(self, account_id: str) -> None:
        """Remove the account at the provider (accounts are billed while they exist)."""
        ...


@runtime_checkable
class RoutesInbound(Protocol):
    """Can be told, for each account, where to bring what is written to it."""

    def route_inbound(self, *, account_id: str, url: str) -> None:
        """Have what is written to the account brought to ``url`` from now on."""
        ...


@runtime_checkable
class ReadsProfiles(Protocol):
    """Can look a person up."""

    def get_profile(self, *, account_id: str, identifier: str) -> Profile:
        """Return the person behind a provider id or public identifier. Counts as a profile view of the
        account.
        """
        ...


@runtime_checkable
class VerifiesIdentities(Protocol):
    """Has addresses that must be proven before they may send."""

    def list_identities(self, *, cursor: str | None = None) -> Page[SenderIdentity]:
        """Return a page of the identities of these credentials."""
        ...

    def create_identity(
        self, *, address: str, name: str, reply_to: str, postal: Mapping[str, str]
    ) -> SenderIdentity:
        """Ask the vendor to prove an address; its owner gets a mail. ``postal`` has ``address``, ``city``,
        ``zip`` and ``country``.
        """
        ...

    def resend_verification(self, identity_id: str) -> None:
        """Send the proving mail again."""
        ...


@runtime_checkable
class SyncsSuppressions(Protocol):
    """Keeps a list of its own of whom it does not write to."""

    def list_suppressions(
        self, *, kind: str, after: datetime | None = None, cursor: str | None = None
    ) -> Page[ProviderSuppression]:
        """Return a page of one of its lists (``ProviderSuppression.kind``), oldest first."""
        ...

    def suppress(self, address: str) -> None:
        """Put an address on its list of people who unsubscribed."""
        ...

    def unsuppress(self, address: str) -> None:
        """Take an address off its list of people who unsubscribed."""
        ...


@runtime_checkable
class ValidatesAddresses(Protocol):
    """Can judge an e-mail address without writing to it. Each question may cost money."""

    def validate_email(self, address: str) -> AddressVerdict:
        """Judge one address."""
        ...


@runtime_checkable
class ListsIpPools(Protocol):
    """Has pools of addresses of its own to send from."""

    def list_ip_pools(self) -> tuple[str, ...]:
        """Return the names that ``OutgoingEmail.ip_pool`` may have."""
        ...
