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

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar, cast, runtime_checkable

from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.running import (
    CampaignSchedule,
    CampaignSettings,
    LeadCategory,
    LeadsAdded,
    NewLead,
    ProviderCampaign,
    ProviderLead,
    ProviderMessage,
    ProviderSequence,
    ProviderStatistics,
    SequenceStep,
    StepProblem,
    ThreadReply,
)
from integrations.values import (
    Account,
    AddressVerdict,
    Chat,
    ChatMessage,
    ConnectLink,
    ConnectNotice,
    CredentialCheck,
    OutgoingAttachment,
    OutgoingEmail,
    OutgoingSms,
    Page,
    Person,
    Profile,
    ProviderSuppression,
    Relation,
    SenderIdentity,
    SendIntent,
    SendReceipt,
    SentInvitation,
    Settlement,
    WebhookFinding,
    WebhookRegistration,
)

P = TypeVar("P")

CALLED_QUERY: Final = "X-Called-Query"
"""Name under which ``ReceivesWebhooks.normalise`` finds the query of the called address among the headers: what
we put into an address that a provider calls comes back there."""


CAMPAIGN_SOURCE: Final = "campaign:"
"""How ``WebhookRegistration.source`` begins where a webhook belongs to one campaign; the campaign's id follows."""


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
    STEERS_LEADS = "steers_leads"
    CATEGORISES_LEADS = "categorises_leads"
    KEEPS_THREADS = "keeps_threads"
    COUNTS_CAMPAIGNS = "counts_campaigns"
    FETCHES_MAIL = "fetches_mail"
    UNPACKS_MAIL = "unpacks_mail"


class MessageKnowledge(Protocol):
    """What we know about our own accounts and messages; adapters ask it to settle a message's direction."""

    def own_user_ids(self, account_id: str) -> frozenset[str]:
        """Return the account's own ids on the network, as far as stored."""
        ...

    def sent_by_us(self, account_id: str, message_ids: frozenset[str]) -> bool:
        """Say whether any of ``message_ids`` is a message that we sent from this account."""
        ...

    def account_of_address(self, address: str) -> str:
        """Return the account whose mailbox, reply address or number this is, ``""`` for none of ours."""
        ...

    def thread_of(
        self, account_id: str, message_ids: Sequence[str], *, counterpart: str, subject: str
    ) -> str:
        """Return the ``chat_id`` of the e-mail thread that answers to ``message_ids`` belong to, ``""`` if none
        of them is known. Where there are no ids at all, an answer's subject and who wrote it may still tell.
        """
        ...

    def account_of_message(self, message_ids: frozenset[str]) -> str:
        """Return the account that sent a message with one of these ids, ``""`` for none of ours."""
        ...


class NoKnowledge:
    """Knows nothing: directions rest on the payload alone."""

    def own_user_ids(self, account_id: str) -> frozenset[str]:
        """Return nothing."""
        return frozenset()

    def sent_by_us(self, account_id: str, message_ids: frozenset[str]) -> bool:
        """Return False."""
        return False

    def account_of_address(self, address: str) -> str:
        """Return nothing."""
        return ""

    def thread_of(
        self, account_id: str, message_ids: Sequence[str], *, counterpart: str, subject: str
    ) -> str:
        """Return nothing."""
        return ""

    def account_of_message(self, message_ids: frozenset[str]) -> str:
        """Return nothing."""
        return ""


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
class SendsInvitations(Protocol):
    """Can ask people to connect."""

    def send_invitation(
        self, *, account_id: str, recipient_provider_id: str, note: str = "", email: str = ""
    ) -> SendReceipt:
        """Invite a person, with a note if given. Sent once."""
        ...

    def withdraw_invitation(self, *, account_id: str, invitation_id: str) -> None:
        """Take a pending invitation back."""
        ...


@runtime_checkable
class SendsMessages(Protocol):
    """Can write to people."""

    def send_message(
        self,
        *,
        account_id: str,
        text: str,
        chat_id: str = "",
        recipient_provider_id: str = "",
        attachments: Sequence[OutgoingAttachment] = (),
    ) -> SendReceipt:
        """Write into ``chat_id``, or start (or reuse) the chat with ``recipient_provider_id``. Sent once."""
        ...


@runtime_checkable
class SendsInmail(Protocol):
    """Can write to people outside of the account's network, at the cost of a credit."""

    def send_inmail(
        self, *, account_id: str, recipient_provider_id: str, subject: str, text: str
    ) -> SendReceipt:
        """Write an InMail. Sent once."""
        ...


@runtime_checkable
class SendsEmail(Protocol):
    """Can send e-mail."""

    def send_email(self, *, account_id: str, email: OutgoingEmail) -> SendReceipt:
        """Hand one e-mail over. Sent once. ``provider_message_id`` of the receipt is the RFC 5322 id that it
        left with, ``message_id`` the vendor's own, ``chat_id`` the id of the thread's first e-mail.
        """
        ...


@runtime_checkable
class SendsSms(Protocol):
    """Can send text messages."""

    def send_sms(self, *, account_id: str, sms: OutgoingSms) -> SendReceipt:
        """Hand one text message over. Sent once."""
        ...


@runtime_checkable
class PollsInbound(Protocol):
    """Has to be asked for what came in (a mailbox)."""

    def poll_inbound(
        self, *, account_id: str, cursor: str, limit: int = 100, knowledge: MessageKnowledge | None = None
    ) -> Page[Normalised]:
        """Return what came after ``cursor`` (``""`` at first: nothing older than the connection), oldest
        first, each item with the events of one message, and the cursor to store once they are recorded.
        """
        ...


@runtime_checkable
class ListsInbound(Protocol):
    """Can be asked for what came in during a window, long afterwards."""

    def list_inbound(
        self,
        *,
        account_id: str,
        since: datetime,
        until: datetime,
        cursor: str | None = None,
        knowledge: MessageKnowledge | None = None,
    ) -> Page[Normalised]:
        """Return what came from ``since`` on and before ``until``, a day (UTC) to a page, the newest day first, each
        item with the events of one message.
        """
        ...


class Watch(Protocol):
    """An open connection on which a provider tells that something came in. Whoever opened it closes it."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there is something to ``read``."""
        ...

    def read(self) -> bool:
        """Read what was told; return whether something came in. Raises ``ProviderError`` if it has ended."""
        ...

    def keep_alive(self) -> bool:
        """Do what keeps the connection open, if it is time; call it every minute. As ``read``."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@runtime_checkable
class WatchesInbound(Protocol):
    """Can say at once that ``PollsInbound`` has something to fetch."""

    def watch_inbound(self, *, account_id: str) -> Watch:
        """Open a watch. Kind ``unsupported`` if the account's server cannot do that: then polling has to do."""
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


@runtime_checkable
class SyncsMessages(Protocol):
    """Can be asked for chats and messages."""

    def list_chats(
        self, *, account_id: str, after: datetime | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Chat]:
        """Return a page of the account's chats with activity after ``after``."""
        ...

    def get_chat(self, *, account_id: str, chat_id: str) -> Chat:
        """Return one chat, by either of its ids."""
        ...

    def chats_with(self, *, account_id: str, recipient_provider_id: str) -> Page[Chat]:
        """Return the one-to-one chats with a person; empty if there are none."""
        ...

    def chat_participants(self, *, account_id: str, chat_id: str) -> tuple[Person, ...]:
        """Return who is in the chat, the account itself included."""
        ...

    def list_messages(
        self,
        *,
        account_id: str,
        chat_id: str = "",
        after: datetime | None = None,
        before: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
        knowledge: MessageKnowledge | None = None,
    ) -> Page[ChatMessage]:
        """Return a page of messages, newest first: of one chat, or of the whole account."""
        ...

    def get_message(
        self, *, account_id: str, message_id: str, knowledge: MessageKnowledge | None = None
    ) -> ChatMessage:
        """Return one message by the provider's id."""
        ...

    def events_from_message(self, message: ChatMessage, *, chat: Chat | None = None) -> Normalised:
        """Turn a polled message into the events that the webhook would have given, with the same keys."""
        ...

    def mark_read(self, *, account_id: str, chat_id: str) -> None:
        """Mark a chat as read at the provider."""
        ...

    def open_attachment(
        self, *, message_id: str, attachment_id: str, max_bytes: int
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open an attachment's bytes as a stream of at most ``max_bytes``."""
        ...


@runtime_checkable
class SyncsRelations(Protocol):
    """Can be asked for connections and pending invitations."""

    def list_relations(
        self, *, account_id: str, cursor: str | None = None, limit: int = 100
    ) -> Page[Relation]:
        """Return a page of the account's connections, newest first. Call a few times a day, at random."""
        ...

    def list_sent_invitations(
        self, *, account_id: str, cursor: str | None = None, limit: int = 100
    ) -> Page[SentInvitation]:
        """Return a page of the invitations that are still pending."""
        ...

    def events_from_relation(self, *, account_id: str, relation: Relation, seen_at: datetime) -> Normalised:
        """Turn a polled connection into the event that the webhook would have given, with the same key."""
        ...


@runtime_checkable
class ReceivesWebhooks(Protocol):
    """Is called by its provider."""

    def verify_webhook(
        self, *, url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Check the call against any of ``secrets`` (rotation). Raises ``WebhookRefusedError``.

        ``url`` is the address as the provider knows it, query included: some sign it.
        """
        ...

    def webhook_type(self, body: bytes) -> str:
        """Return the vendor's event name for the list of deliveries, ``""`` if it cannot be read. Never
        raises.
        """
        ...

    def webhook_key(self, body: bytes) -> str | None:
        """Return what makes this call the same as an earlier one, or ``None`` if equal calls are news each
        time.
        """
        ...

    def normalise(
        self, body: bytes, *, headers: Mapping[str, str], received_at: datetime, knowledge: MessageKnowledge
    ) -> Normalised:
        """Turn a genuine call into events. May ask the provider about a message whose direction is open.

        ``headers`` are as stored (secret ones are masked), with the address's query as ``CALLED_QUERY``.
        Raises ``ProviderError`` of kind ``validation`` for a body that cannot be read, and transient kinds if
        the provider had to be asked and could not be.
        """
        ...


@runtime_checkable
class ManagesWebhooks(Protocol):
    """Can list and mend what is registered at the provider (mission W5)."""

    def required_webhooks(self, *, url: str, secret: str) -> tuple[WebhookRegistration, ...]:
        """Return what has to be registered for calls to reach ``url``."""
        ...

    def list_webhooks(self) -> tuple[WebhookRegistration, ...]:
        """Return everything that is registered, ours or not."""
        ...

    def check_webhooks(
        self, *, registered: Sequence[WebhookRegistration], required: Sequence[WebhookRegistration]
    ) -> tuple[WebhookFinding, ...]:
        """Say what is wrong. Pure; registrations that point at other hosts are left alone."""
        ...

    def create_webhook(self, registration: WebhookRegistration) -> str:
        """Register a webhook and return its id."""
        ...

    def delete_webhook(self, registration_id: str) -> None:
        """Remove a registration. Gone already is fine."""
        ...


@runtime_checkable
class SettlesSends(Protocol):
    """Can find out whether an uncertain send went out."""

    def settle(self, intent: SendIntent, *, now: datetime) -> Settlement:
        """Look for the send in the provider's records. Never raises for provider failures: they are
        undecided.
        """
        ...


@runtime_checkable
class RunsCampaigns(Protocol):
    """Carries campaigns out by itself (mission C1, provider-run)."""

    def list_campaigns(self, *, cursor: str | None = None, limit: int = 100) -> Page[ProviderCampaign]:
        """Return a page of the campaigns of these credentials."""
        ...

    def get_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Return one campaign. Kind ``not_found`` if it is gone."""
        ...

    def create_campaign(self, *, name: str, account_ids: Sequence[str] = ()) -> ProviderCampaign:
        """Make a draft. Sent once: kind ``indeterminate`` means that the list has to be looked at.

        ``account_ids`` are its senders, for providers that want them from the start.
        """
        ...

    def change_settings(self, campaign_id: str, settings: CampaignSettings) -> None:
        """Change settings. Kind ``unsupported``, before anything is changed, for one that the provider lacks."""
        ...

    def change_schedule(self, campaign_id: str, schedule: CampaignSchedule) -> None:
        """Set when the campaign may send. Kind ``validation`` for what the provider cannot express."""
        ...

    def start_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Start or resume, and return the campaign as it is afterwards, read back."""
        ...

    def pause_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Pause, and return the campaign as it is afterwards, read back."""
        ...

    def stop_campaign(self, campaign_id: str) -> ProviderCampaign:
        """End it for good. Kind ``unsupported`` where the provider can only pause."""
        ...


@runtime_checkable
class KeepsSequences(Protocol):
    """Keeps the steps of a campaign."""

    def check_sequence(self, steps: Sequence[SequenceStep]) -> tuple[StepProblem, ...]:
        """Say what of a linear sequence the provider cannot express. Pure: nothing is pushed."""
        ...

    def get_sequence(self, campaign_id: str) -> ProviderSequence:
        """Return the steps, in order."""
        ...

    def save_sequence(self, campaign_id: str, steps: Sequence[SequenceStep]) -> ProviderSequence:
        """Replace the steps and return them as the provider has them. Kind ``validation`` with the first of
        ``check_sequence``'s problems, before anything is pushed.
        """
        ...


@runtime_checkable
class AssignsSenders(Protocol):
    """Says which sender accounts a campaign uses."""

    def campaign_accounts(self, campaign_id: str) -> tuple[Account, ...]:
        """Return the accounts of a campaign."""
        ...

    def set_campaign_accounts(self, campaign_id: str, account_ids: Sequence[str]) -> None:
        """Make these the campaign's accounts, and no others."""
        ...


@runtime_checkable
class KeepsLeads(Protocol):
    """Keeps the people of a campaign. ``lead_batch`` is how many it takes in one call."""

    lead_batch: int

    def add_leads(self, campaign_id: str, leads: Sequence[NewLead]) -> LeadsAdded:
        """Add at most ``lead_batch`` people. Sent once; the provider tells people apart by ``NewLead.key``, so that
        handing the same ones over again after ``indeterminate`` adds nobody twice.
        """
        ...

    def list_leads(
        self, campaign_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[ProviderLead]:
        """Return a page of a campaign's people; an empty one with a note where the provider has no such list."""
        ...


@runtime_checkable
class SteersLeads(Protocol):
    """Can hold and end a campaign for one person."""

    def pause_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Hold. Kind ``unsupported`` where the provider can only end it."""
        ...

    def resume_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Go on after a pause. Kind ``unsupported`` where the provider cannot."""
        ...

    def stop_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Send no more of this campaign to this person. Kind ``not_found`` if they are not in it."""
        ...


@runtime_checkable
class CategorisesLeads(Protocol):
    """Sorts people by their answers."""

    def list_categories(self) -> tuple[LeadCategory, ...]:
        """Return the words there are."""
        ...

    def set_category(self, campaign_id: str, lead: ProviderLead, category_id: str, *, pause: bool) -> None:
        """Sort a person, ``""`` to unsort; ``pause`` holds the campaign for them as well."""
        ...


@runtime_checkable
class KeepsThreads(Protocol):
    """Has the messages of provider-run campaigns and can answer into their threads."""

    def lead_messages(self, campaign_id: str, lead: ProviderLead) -> Page[ProviderMessage]:
        """Return the thread with one person, oldest first, on one page."""
        ...

    def list_replies(
        self,
        *,
        after: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
        own: bool = False,
    ) -> Page[ProviderMessage]:
        """Return a page of what people wrote, over all campaigns, newest first; with a note where the provider or
        the connection's mode does not give it. ``own`` adds what our side wrote in the same threads.
        """
        ...

    def events_from_thread(self, message: ProviderMessage, *, seen_at: datetime) -> Normalised:
        """Turn a polled message into the events that the webhook would have given, with the same keys."""
        ...

    def reply_to_thread(self, reply: ThreadReply) -> SendReceipt:
        """Answer. Sent once; kind ``indeterminate`` is settled by reading the thread."""
        ...


@runtime_checkable
class CountsCampaigns(Protocol):
    """Counts what its campaigns came to."""

    def campaign_statistics(self, campaign_id: str) -> ProviderStatistics:
        """Return the provider's own counters."""
        ...


@runtime_checkable
class FetchesMail(Protocol):
    """Keeps the mail that it received, and can be asked for one again."""

    def fetch_mail(self, *, account_id: str, message_id: str) -> bytes:
        """Return the whole mail with this RFC 5322 id. Kind ``not_found`` if the mailbox has it no more."""
        ...


@runtime_checkable
class UnpacksMail(Protocol):
    """Brings received mail in its calls, which are kept raw."""

    def mail_of(self, body: bytes) -> bytes:
        """Return the whole mail that a call brought. Kind ``validation`` if it brought none."""
        ...


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
    Capability.STEERS_LEADS: SteersLeads,
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
