"""Tables of integrations."""

from integrations.models.connections import (
    Channel,
    Connection,
    ConnectRequest,
    KillSwitch,
    PlatformSwitch,
    SenderAccount,
)
from integrations.models.events import ProviderEvent, ProviderEventKey
from integrations.models.failures import ProviderFailure
from integrations.models.limits import LimitScope, LimitWindow, RateLimit, RateUsage, RequestSlots, WarmupPlan
from integrations.models.mail_domains import MailDomain
from integrations.models.outbox import OutboundMessage, SendAttempt
from integrations.models.sync import LedgerDay, LedgerIncident, ReconciliationReport, SyncCursor, SyncRun
from integrations.models.system_mail import SystemMail
from integrations.models.webhooks import ReplayRun, WebhookDelivery, WebhookKey

__all__ = [
    "Channel",
    "ConnectRequest",
    "Connection",
    "KillSwitch",
    "LedgerDay",
    "LedgerIncident",
    "LimitScope",
    "LimitWindow",
    "MailDomain",
    "OutboundMessage",
    "PlatformSwitch",
    "ProviderEvent",
    "ProviderEventKey",
    "ProviderFailure",
    "RateLimit",
    "RateUsage",
    "ReconciliationReport",
    "ReplayRun",
    "RequestSlots",
    "SendAttempt",
    "SenderAccount",
    "SyncCursor",
    "SyncRun",
    "SystemMail",
    "WarmupPlan",
    "WebhookDelivery",
    "WebhookKey",
]
