"""What an adapter can do, as small protocols by capability.

Callers ask for a capability, never for a provider: ``registry.adapter_for`` builds the adapter and
``require(adapter, SendsMessages)`` narrows it or raises ``ProviderError`` of kind ``unsupported``.

Rules for every adapter:

* It holds no state but its HTTP client, imports no other adapter and no Django model.
* Every failure leaves as ``ProviderError`` (``integrations.errors``); inbound calls that are not proven
  genuine raise ``WebhookRefusedError``.
* Reads may be retried by the HTTP client. Writes are sent once. A write whose outcome is not known raises
  kind ``indeterminate`` and is settled with ``SettlesSends``.
* Money is spent only where the docstring says so (profile views and searches count against the account).

No Django imports.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar, cast

from integrations.capabilities.accounts import (
    ConnectsAccounts,
    ListsAccounts,
    ListsIpPools,
    ReadsProfiles,
    RoutesInbound,
    SyncsSuppressions,
    ValidatesAddresses,
    VerifiesCredentials,
    VerifiesIdentities,
)
from integrations.capabilities.campaigns import (
    AssignsSenders,
    CategorisesLeads,
    CountsCampaigns,
    HoldsLeads,
    KeepsLeads,
    KeepsSequences,
    KeepsThreads,
    RunsCampaigns,
    StopsLeads,
)
from integrations.capabilities.inbound import (
    FetchesMail,
    ListsInbound,
    MessageKnowledge,
    NoKnowledge,
    PollsInbound,
    SyncsMessages,
    SyncsRelations,
    UnpacksMail,
    Watch,
    WatchesInbound,
)
from integrations.capabilities.sending import (
    SendsEmail,
    SendsInmail,
    SendsInvitations,
    SendsMessages,
    SendsSms,
    SettlesSends,
)
from integrations.capabilities.webhooks import (
    CALLED_QUERY,
    CAMPAIGN_SOURCE,
    ManagesWebhooks,
    ReceivesWebhooks,
    RegistersByCampaign,
)
from integrations.errors import ErrorKind, ProviderError

__all__ = [
    "CALLED_QUERY",
    "CAMPAIGN_SOURCE",
    "PROTOCOLS",
    "Adapter",
    "AssignsSenders",
    "Capability",
    "CategorisesLeads",
    "ConnectsAccounts",
    "CountsCampaigns",
    "FetchesMail",
    "HoldsLeads",
    "KeepsLeads",
    "KeepsSequences",
    "KeepsThreads",
    "ListsAccounts",
    "ListsInbound",
    "ListsIpPools",
    "ManagesWebhooks",
    "MessageKnowledge",
    "NoKnowledge",
    "PollsInbound",
    "ReadsProfiles",
    "ReceivesWebhooks",
    "RegistersByCampaign",
    "RoutesInbound",
    "RunsCampaigns",
    "SendsEmail",
    "SendsInmail",
    "SendsInvitations",
    "SendsMessages",
    "SendsSms",
    "SettlesSends",
    "StopsLeads",
    "SyncsMessages",
    "SyncsRelations",
    "SyncsSuppressions",
    "UnpacksMail",
    "ValidatesAddresses",
    "VerifiesCredentials",
    "VerifiesIdentities",
    "Watch",
    "WatchesInbound",
    "require",
]

P = TypeVar("P")


class Capability(StrEnum):
    """Names of the capabilities, for the registry, the feature matrix and the interface."""

    VERIFIES_CREDENTIALS = "verifies_credentials"
    LISTS_ACCOUNTS = "lists_accounts"
    CONNECTS_ACCOUNTS = "connects_accounts"
    ROUTES_INBOUND = "routes_inbound"
    READS_PROFILES = "reads_profiles"
    SENDS_INVITATIONS = "sends_invitations"
    SENDS_MESSAGES = "sends_messages"
    SYNCS_MESSAGES = "syncs_messages"
    SYNCS_RELATIONS = "syncs_relations"
    RECEIVES_WEBHOOKS = "receives_webhooks"
    MANAGES_WEBHOOKS = "manages_webhooks"
    REGISTERS_BY_CAMPAIGN = "registers_by_campaign"
    SETTLES_SENDS = "settles_sends"
    SENDS_INMAIL = "sends_inmail"
    SENDS_EMAIL = "sends_email"
    SENDS_SMS = "sends_sms"
    POLLS_INBOUND = "polls_inbound"
    LISTS_INBOUND = "lists_inbound"
    WATCHES_INBOUND = "watches_inbound"
    VERIFIES_IDENTITIES = "verifies_identities"
    SYNCS_SUPPRESSIONS = "syncs_suppressions"
    VALIDATES_ADDRESSES = "validates_addresses"
    LISTS_IP_POOLS = "lists_ip_pools"
    RUNS_CAMPAIGNS = "runs_campaigns"
    KEEPS_SEQUENCES = "keeps_sequences"
    ASSIGNS_SENDERS = "assigns_senders"
    KEEPS_LEADS = "keeps_leads"
    STOPS_LEADS = "stops_leads"
    HOLDS_LEADS = "holds_leads"
    CATEGORISES_LEADS = "categorises_leads"
    KEEPS_THREADS = "keeps_threads"
    COUNTS_CAMPAIGNS = "counts_campaigns"
    FETCHES_MAIL = "fetches_mail"
    UNPACKS_MAIL = "unpacks_mail"


PROTOCOLS: Final[dict[Capability, type[Any]]] = {
    Capability.VERIFIES_CREDENTIALS: VerifiesCredentials,
    Capability.LISTS_ACCOUNTS: ListsAccounts,
    Capability.CONNECTS_ACCOUNTS: ConnectsAccounts,
    Capability.ROUTES_INBOUND: RoutesInbound,
    Capability.READS_PROFILES: ReadsProfiles,
    Capability.SENDS_INVITATIONS: SendsInvitations,
    Capability.SENDS_MESSAGES: SendsMessages,
    Capability.SYNCS_MESSAGES: SyncsMessages,
    Capability.SYNCS_RELATIONS: SyncsRelations,
    Capability.RECEIVES_WEBHOOKS: ReceivesWebhooks,
    Capability.MANAGES_WEBHOOKS: ManagesWebhooks,
    Capability.REGISTERS_BY_CAMPAIGN: RegistersByCampaign,
    Capability.SETTLES_SENDS: SettlesSends,
    Capability.SENDS_INMAIL: SendsInmail,
    Capability.SENDS_EMAIL: SendsEmail,
    Capability.SENDS_SMS: SendsSms,
    Capability.POLLS_INBOUND: PollsInbound,
    Capability.LISTS_INBOUND: ListsInbound,
    Capability.WATCHES_INBOUND: WatchesInbound,
    Capability.VERIFIES_IDENTITIES: VerifiesIdentities,
    Capability.SYNCS_SUPPRESSIONS: SyncsSuppressions,
    Capability.VALIDATES_ADDRESSES: ValidatesAddresses,
    Capability.LISTS_IP_POOLS: ListsIpPools,
    Capability.RUNS_CAMPAIGNS: RunsCampaigns,
    Capability.KEEPS_SEQUENCES: KeepsSequences,
    Capability.ASSIGNS_SENDERS: AssignsSenders,
    Capability.KEEPS_LEADS: KeepsLeads,
    Capability.STOPS_LEADS: StopsLeads,
    Capability.HOLDS_LEADS: HoldsLeads,
    Capability.CATEGORISES_LEADS: CategorisesLeads,
    Capability.KEEPS_THREADS: KeepsThreads,
    Capability.COUNTS_CAMPAIGNS: CountsCampaigns,
    Capability.FETCHES_MAIL: FetchesMail,
    Capability.UNPACKS_MAIL: UnpacksMail,
}
"""Capability name -> protocol."""


class Adapter(Protocol):
    """What every adapter has besides its capabilities."""

    kind: str


def require(adapter: Adapter, capability: Callable[..., P]) -> P:
    """Return ``adapter`` as ``capability`` (a protocol of this module).

    Raises ``ProviderError`` of kind ``unsupported`` if it cannot do that.
    """
    if not isinstance(adapter, capability):  # type: ignore[arg-type]  # every capability is a class
        raise ProviderError(
            ErrorKind.UNSUPPORTED,
            f"{adapter.kind.capitalize()} cannot do this.",
            provider=adapter.kind,
            raw_type=getattr(capability, "__name__", ""),
        )
    return cast(P, adapter)
