"""Tables of integrations."""

from integrations.models.connections import (
    Channel,
    Connection,
    ConnectRequest,
    KillSwitch,
    RateLimit,
    RateUsage,
    SenderAccount,
)
from integrations.models.events import ProviderEvent, ProviderEventKey
from integrations.models.outbox import OutboundMessage, SendAttempt
from integrations.models.sync import SyncCursor, SyncRun
from integrations.models.webhooks import WebhookDelivery, WebhookKey

__all__ = [
    "Channel",
    "ConnectRequest",
    "Connection",
    "KillSwitch",
    "OutboundMessage",
    "ProviderEvent",
    "ProviderEventKey",
    "RateLimit",
    "RateUsage",
    "SendAttempt",
    "SenderAccount",
    "SyncCursor",
    "SyncRun",
    "WebhookDelivery",
    "WebhookKey",
]
