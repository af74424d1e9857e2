"""What the JSON API of integrations takes and gives."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field


class BudgetOut(Schema):
    """A daily budget of an account; the day is the one of the account's time zone."""

    action: str
    used: int
    limit: int
    day: date


class SenderOut(Schema):
    """A sender account. ``status_raw`` is the provider's own word."""

    id: UUID
    client_id: UUID
    connection_id: UUID
    channel: str
    name: str
    status: str
    status_raw: str
    status_reason: str
    status_changed_at: datetime | None
    paused_at: datetime | None
    action_pauses: dict[str, str]
    time_zone: str
    last_inbound_at: datetime | None
    last_webhook_at: datetime | None
    created_at: datetime


class SenderStateOut(Schema):
    """A sender account with today's budgets, and how many of its sends wait or are uncertain."""

    sender: SenderOut
    budgets: list[BudgetOut]
    queued: int
    unknown: int


class ConnectIn(Schema):
    """Who a new account is to send for, and where the person comes back to after signing in."""

    client_id: UUID
    return_path: str = Field("/", max_length=200, pattern=r"^/")


class LinkOut(Schema):
    """A one-time address where the account's owner signs in."""

    url: str
    expires_at: datetime


class LimitIn(Schema):
    """A limit of an account's action: ``per_day``, or ``cap`` in another window (null goes back to the default).

    In the window ``growth`` it is the growth over last week's use that is allowed, in percent.
    """

    per_day: int | None = Field(None, ge=0, le=10_000)
    cap: int | None = Field(None, ge=0, le=10_000)
    window: Literal["hour", "day", "week", "growth"] = "day"


class MailboxServersIn(Schema):
    """A mailbox's servers. Blank hosts are the usual ones of the address's provider."""

    username: str = Field("", max_length=254)
    password: str = Field("", max_length=500)
    smtp_host: str = Field("", max_length=253)
    smtp_port: str = Field("", max_length=5)
    smtp_security: str = Field("", description="tls, starttls or blank (by the port)")
    imap_host: str = Field("", max_length=253)
    imap_port: str = Field("", max_length=5)
    imap_security: str = Field("", description="tls, starttls or blank (by the port)")
    sent_folder: str = Field("", max_length=200)
    saves_sent: str = Field("", description="yes, no or blank (not known)")
    reads_junk: str = Field("", description="yes or no")


class MailboxIn(MailboxServersIn):
    """A new mailbox."""

    client_id: UUID
    address: str = Field(max_length=254)
    name: str = Field(max_length=120)
    reply_to: str = Field("", max_length=254)
    signature: str = Field("", max_length=5000)
    time_zone: str = Field("", max_length=64)


class MailboxServersOut(Schema):
    """The servers of a known provider. ``saves_sent``: whether it keeps sent mail by itself, if that is known."""

    label: str
    smtp_host: str
    smtp_port: int
    smtp_security: str
    imap_host: str
    imap_port: int
    imap_security: str
    saves_sent: bool | None
    note: str


class ConnectionIn(Schema):
    """A new connection. ``credentials`` are the provider's fields; they are never shown again."""

    provider: str = Field(max_length=32)
    name: str = Field("", max_length=120)
    base_url: str = Field("", max_length=300)
    credentials: dict[str, str] = Field(max_length=20)
    client_id: UUID | None = None


class CredentialsIn(Schema):
    """New credentials; fields that are left out stay as they are."""

    credentials: dict[str, str] = Field(max_length=20)


class ConnectionOut(Schema):
    """A connection, without its credentials."""

    id: UUID
    client_id: UUID | None
    provider: str
    name: str
    base_url: str
    status: str
    last_error: str
    checked_at: datetime | None
    last_webhook_at: datetime | None
    refused_webhooks: int
    created_at: datetime


class ConnectionModeIn(Schema):
    """How conversations of a connection are to be learnt."""

    mode: Literal["webhook_only", "pull_best_effort"]


class ConnectionModeOut(Schema):
    """How conversations of a connection are learnt; empty where its provider leaves no choice."""

    connection_id: UUID
    mode: Literal["webhook_only", "pull_best_effort", ""]


class ProviderAccountIn(Schema):
    """An account of the provider, and the client that it is to send for."""

    client_id: UUID
    account_id: str = Field(min_length=1, max_length=120)


class ProviderAccountOut(Schema):
    """An account at the provider. ``status_raw`` is its own word; ``sender_id`` is null while it is no sender here."""

    account_id: str
    name: str
    address: str
    status: str
    status_raw: str
    sender_id: UUID | None


class CheckOut(Schema):
    """What works with the credentials and what is lacking, in plain sentences."""

    ok: bool
    works: list[str]
    lacks: list[str]


class MailboxOut(Schema):
    """A new mailbox and what its test said."""

    sender: SenderOut
    check: CheckOut


class FindingOut(Schema):
    """One thing that is wrong with what is registered at the provider."""

    problem: str
    source: str
    message: str


class WebhookPassOut(Schema):
    """A pass over the webhooks of each campaign: whether it mends or only looks, and how far it is.

    ``total`` is null until the provider's campaigns were listed.
    """

    mend: bool
    done: int
    total: int | None


class DeliveryOut(Schema):
    """A webhook call and what became of it."""

    id: UUID
    received_at: datetime
    connection_id: UUID | None
    provider: str
    event_type: str
    state: str
    reason: str
    size: int
    duplicates: int
    attempts: int
    processed_at: datetime | None
    replay_count: int
    last_replay_at: datetime | None
    last_replay_id: UUID | None
    last_error: str
    outcome: list[dict[str, Any]]


class DeliveryDetailOut(DeliveryOut):
    """A webhook call as it came in: masked headers, and the body as text."""

    headers: dict[str, str]
    body: str
    payload_hash: str


class OutboundOut(Schema):
    """One intended send."""

    id: UUID
    client_id: UUID
    sender_id: UUID
    channel: str
    action: str
    origin: str
    state: str
    attempts: int
    not_before: datetime
    hold_code: str
    hold_reason: str
    error_kind: str
    error_detail: str
    already: str
    sent_at: datetime | None
    delivered_at: datetime | None
    seen_at: datetime | None
    lead_id: UUID | None
    campaign_id: UUID | None
    conversation_id: UUID | None
    created_at: datetime


class DecisionIn(Schema):
    """Whether an uncertain send left. ``false`` sends it again."""

    sent: bool


class SwitchIn(Schema):
    """Stop all sending of a client, campaign or sender (``target_id``) or of the organization (no target), or let
    go.
    """

    level: Literal["organization", "client", "campaign", "sender"]
    target_id: UUID | None = None
    on: bool
    reason: str = Field("", max_length=200)


class SwitchOut(Schema):
    """A kill switch that is on."""

    id: UUID
    level: str
    target_id: UUID
    target_name: str
    #: Of a step, its id; ``target_id`` is its campaign then.
    node_id: str
    reason: str
    since: datetime


class SendFindingOut(Schema):
    """A send that is worth a look, and why."""

    outbound_id: UUID
    dedupe_key: str
    state: str
    detail: str


class SettlementOut(Schema):
    """An attempt that was uncertain, and what is known of it since (times as ISO 8601, empty while open)."""

    outbound_id: UUID
    dedupe_key: str
    number: int
    started_at: str
    state: str
    settled_at: str
    detail: str


class CertificateOut(Schema):
    """The send-once certificate: ``ok`` when nothing left twice, all that left is proven and nobody has to decide."""

    ok: bool
    checked: int
    sent: int
    twice: list[SendFindingOut]
    unproven: list[SendFindingOut]
    ambiguous: list[SendFindingOut]
    given_up: list[SendFindingOut]
    attempts: dict[str, int]
    settlements: list[SettlementOut]
