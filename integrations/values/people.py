"""Sender accounts, the people they know, and how an account is connected."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from integrations.values.base import Raw, Value


class AccountStatus(StrEnum):
    """Whether a sender account can work."""

    OK = "ok"
    CONNECTING = "connecting"
    #: Signed out, or the network asks for a check: its owner has to sign in again.
    CREDENTIALS = "credentials"
    PERMISSIONS = "permissions"
    RESTRICTED = "restricted"
    STOPPED = "stopped"
    ERROR = "error"
    DELETED = "deleted"
    #: A status that is not in our table; the raw value is kept beside it.
    UNKNOWN = "unknown"


class Distance(StrEnum):
    """How far a person is from the sender account in the network."""

    SELF = "self"
    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    OUT_OF_NETWORK = "out_of_network"
    UNKNOWN = "unknown"


class InvitationState(StrEnum):
    """What a profile says about an invitation between it and the account."""

    NONE = "none"
    SENT_PENDING = "sent_pending"
    SENT_IGNORED = "sent_ignored"
    SENT_WITHDRAWN = "sent_withdrawn"
    RECEIVED = "received"
    UNKNOWN = "unknown"


class AccountSource(Value):
    """One part of an account (messaging, calendar, ...) with its own status."""

    source_id: str
    status: AccountStatus
    raw_status: str


class Account(Value):
    """A sender account at the provider.

    ``own_user_ids`` are the account's own ids on the network, with which its messages are told from others'.
    ``status`` is the worst of all ``sources``.
    """

    account_id: str
    network: str
    name: str
    status: AccountStatus
    raw_status: str
    own_user_ids: tuple[str, ...] = ()
    public_identifier: str = ""
    login: str = Field(default="", repr=False)
    premium_features: tuple[str, ...] = ()
    sources: tuple[AccountSource, ...] = ()
    created_at: datetime | None = None
    #: What the other side sees: e-mail address or telephone number (E.164); ``""`` where neither applies.
    address: str = ""
    #: What only this provider knows about the account, such as ``messaging_service_sid``; no secrets.
    options: dict[str, str] = Field(default_factory=dict)
    raw: Raw = Field(default_factory=dict, repr=False)


class Person(Value):
    """A person as seen in a message, a chat or an event."""

    provider_id: str = ""
    name: str = ""
    public_identifier: str = ""
    member_urn: str = ""
    profile_url: str = ""
    headline: str = ""
    distance: Distance = Distance.UNKNOWN
    is_self: bool | None = None
    #: Lower-case e-mail address, where the channel is e-mail.
    email: str = ""
    #: E.164 telephone number, where the channel is SMS.
    phone: str = ""


class Profile(Value):
    """A person's profile as one account sees it. ``is_connected`` is ``None`` where it does not say."""

    provider_id: str
    public_identifier: str = ""
    member_urn: str = ""
    first_name: str = ""
    last_name: str = ""
    headline: str = ""
    location: str = ""
    company: str = ""
    position: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    profile_url: str = ""
    distance: Distance = Distance.UNKNOWN
    raw_distance: str = ""
    is_connected: bool | None = None
    is_self: bool | None = None
    invitation: InvitationState = InvitationState.UNKNOWN
    raw: Raw = Field(default_factory=dict, repr=False)


class Relation(Value):
    """A first-degree connection of an account."""

    provider_id: str
    public_identifier: str = ""
    member_urn: str = ""
    first_name: str = ""
    last_name: str = ""
    headline: str = ""
    profile_url: str = ""
    connected_at: datetime | None = None
    raw: Raw = Field(default_factory=dict, repr=False)


class SentInvitation(Value):
    """An invitation that is still pending. Accepted, declined and withdrawn ones are not listed by the
    network.
    """

    invitation_id: str
    provider_id: str = ""
    public_identifier: str = ""
    name: str = ""
    #: Approximate: computed by the provider from display text such as "3 days ago".
    sent_at: datetime | None = None
    text: str = ""
    raw: Raw = Field(default_factory=dict, repr=False)


class ConnectLink(Value):
    """A one-time address where the owner of an account signs in. Mint on click: it dies early."""

    url: str
    expires_at: datetime


class ConnectNotice(Value):
    """What the provider reports after a connect link was used. Re-read the account before trusting it."""

    succeeded: bool
    reconnected: bool
    account_id: str
    #: The nonce that we gave when the link was made.
    reference: str
    raw_status: str


class CredentialCheck(Value):
    """The result of "Test connection": what works and what is lacking, in plain sentences."""

    ok: bool
    works: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
