"""Values that adapters hand out: frozen, vendor-neutral, each with the raw payload it was read from.

All times are aware UTC datetimes. Ids are the provider's strings, case kept (LinkedIn member ids are
case-sensitive). Where a vendor has two ids for a message, ``message_id`` is the provider's own and
``provider_message_id`` the network's; the second is the one that is stable between webhook and poll.
No Django imports.
"""

from __future__ import annotations

from integrations.values.base import Page, Raw, Value
from integrations.values.messages import (
    NOT_HUMAN,
    Attachment,
    Chat,
    ChatMessage,
    Direction,
    MessageKind,
    OutgoingAttachment,
    Reaction,
)
from integrations.values.people import (
    Account,
    AccountSource,
    AccountStatus,
    ConnectLink,
    ConnectNotice,
    CredentialCheck,
    Distance,
    InvitationState,
    Person,
    Profile,
    Relation,
    SentInvitation,
)
from integrations.values.sending import (
    AddressVerdict,
    OutgoingEmail,
    OutgoingSms,
    ProviderSuppression,
    SendAction,
    SenderIdentity,
    SendIntent,
    SendReceipt,
    Settlement,
    SettlementOutcome,
)
from integrations.values.webhooks import WebhookFinding, WebhookProblem, WebhookRegistration

__all__ = [
    "NOT_HUMAN",
    "Account",
    "AccountSource",
    "AccountStatus",
    "AddressVerdict",
    "Attachment",
    "Chat",
    "ChatMessage",
    "ConnectLink",
    "ConnectNotice",
    "CredentialCheck",
    "Direction",
    "Distance",
    "InvitationState",
    "MessageKind",
    "OutgoingAttachment",
    "OutgoingEmail",
    "OutgoingSms",
    "Page",
    "Person",
    "Profile",
    "ProviderSuppression",
    "Raw",
    "Reaction",
    "Relation",
    "SendAction",
    "SendIntent",
    "SendReceipt",
    "SenderIdentity",
    "SentInvitation",
    "Settlement",
    "SettlementOutcome",
    "Value",
    "WebhookFinding",
    "WebhookProblem",
    "WebhookRegistration",
]
