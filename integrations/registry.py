"""Which providers exist. An adapter's module is imported on first use only.

``kind`` is what is stored on a connection and stands in webhook addresses; it never changes once rows use it.
Settings are read lazily: listing providers needs no Django.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, cast

from integrations.base import Adapter, Capability


class UnknownProviderError(LookupError):
    """A connection names a provider that is not registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialField:
    """One field of the form in which an administrator enters credentials."""

    name: str
    label: str
    help: str
    secret: bool = True
    required: bool = True
    #: The values it may have, each with what it means; the first one is meant where it is blank.
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRule:
    """How a provider is answered whose calls are not taken in. A vendor that gives up on 4xx is told to come
    again (5xx) where it is for us to mend, and is thanked (200) for what is refused for good.

    ``max_bytes`` is the largest call, 0 for ``settings.WEBHOOK_MAX_BYTES``.
    """

    max_bytes: int = 0
    too_large: int = 413
    too_many: int = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider: what to show, what it can do, and where its adapter is.

    ``adapter_path`` is ``module:Class``; the class takes ``credentials``, ``base_url``, ``breaker_key`` and
    ``trusted_base_url``. ``base_url_setting`` names the setting with the default base URL, which deployments
    and the sandbox set; only that origin may be on a private network.
    """

    kind: str
    label: str
    icon: str
    channels: tuple[str, ...]
    adapter_path: str
    base_url_setting: str
    base_url_help: str
    capabilities: frozenset[Capability]
    #: Kinds of events (``integrations.events``) that its calls and records come to.
    emits: frozenset[str]
    credential_fields: tuple[CredentialField, ...]
    #: Credentials that prove inbound calls. A replaced one stays valid as ``previous_<name>`` until the next.
    webhook_secret_fields: tuple[str, ...] = ("webhook_secret",)
    #: False where the body of our answer to a call has a meaning of its own: Twilio sends it as a message.
    answers_with_words: bool = True
    webhook_rule: WebhookRule = WebhookRule()


CAMPAIGN_RUNNER: Final = frozenset(
    {
        Capability.VERIFIES_CREDENTIALS,
        Capability.LISTS_ACCOUNTS,
        Capability.RUNS_CAMPAIGNS,
        Capability.KEEPS_SEQUENCES,
        Capability.ASSIGNS_SENDERS,
        Capability.KEEPS_LEADS,
        Capability.STEERS_LEADS,
        Capability.KEEPS_THREADS,
        Capability.COUNTS_CAMPAIGNS,
        Capability.RECEIVES_WEBHOOKS,
        Capability.MANAGES_WEBHOOKS,
    }
)
"""What every provider can do that runs campaigns."""

_PROVIDERS: Final[dict[str, Provider]] = {
    provider.kind: provider
    for provider in (
        Provider(
            kind="unipile",
            label="Unipile",
            icon="linkedin",
            channels=("linkedin",),
            adapter_path="integrations.providers.unipile.adapter:UnipileAdapter",
            base_url_setting="UNIPILE_BASE_URL",
            base_url_help="The DSN from the Unipile dashboard, for example api8.unipile.com:13443.",
            capabilities=frozenset(
                {
                    Capability.VERIFIES_CREDENTIALS,
                    Capability.LISTS_ACCOUNTS,
                    Capability.CONNECTS_ACCOUNTS,
                    Capability.READS_PROFILES,
                    Capability.SENDS_INVITATIONS,
                    Capability.SENDS_MESSAGES,
                    Capability.SENDS_INMAIL,
                    Capability.SYNCS_MESSAGES,
                    Capability.SYNCS_RELATIONS,
                    Capability.RECEIVES_WEBHOOKS,
                    Capability.MANAGES_WEBHOOKS,
                    Capability.SETTLES_SENDS,
                }
            ),
            emits=frozenset(
                {
                    "message_received",
                    "message_read",
                    "message_delivered",
                    "message_reaction",
                    "message_edited",
                    "message_deleted",
                    "relation_created",
                    "account_status",
                }
            ),
            credential_fields=(
                CredentialField(
                    name="api_key",
                    label="Access token",
                    help="Made in the Unipile dashboard under Access tokens. It covers all accounts.",
                ),
            ),
        ),
        Provider(
            kind="twilio",
            label="Twilio",
            icon="device-phone-mobile",
            channels=("sms",),
            adapter_path="integrations.providers.twilio.adapter:TwilioAdapter",
            base_url_setting="TWILIO_BASE_URL",
            base_url_help="Leave it blank for Twilio's own address.",
            capabilities=frozenset(
                {
                    Capability.VERIFIES_CREDENTIALS,
                    Capability.LISTS_ACCOUNTS,
                    Capability.ROUTES_INBOUND,
                    Capability.SENDS_SMS,
                    Capability.POLLS_INBOUND,
                    Capability.LISTS_INBOUND,
                    Capability.RECEIVES_WEBHOOKS,
                    Capability.SETTLES_SENDS,
                }
            ),
            emits=frozenset(
                {"message_received", "message_read", "message_delivered", "message_failed", "unsubscribed"}
            ),
            credential_fields=(
                CredentialField(
                    name="account_sid",
                    label="Account SID",
                    help="Begins with AC. On the dashboard of the Twilio console.",
                    secret=False,
                ),
                CredentialField(
                    name="auth_token",
                    label="Auth token",
                    help="Proves Twilio's calls to us. When you replace it, the old one is accepted for a while.",
                ),
                CredentialField(
                    name="api_key_sid",
                    label="API key SID",
                    help="Begins with SK. With a key, the auth token is used for calls to us only.",
                    secret=False,
                    required=False,
                ),
                CredentialField(
                    name="api_key_secret",
                    label="API key secret",
                    help="Shown once when the key is made.",
                    required=False,
                ),
            ),
            webhook_secret_fields=("auth_token",),
            answers_with_words=False,
        ),
        Provider(
            kind="resend",
            label="Resend",
            icon="envelope",
            channels=("email",),
            adapter_path="integrations.providers.resend.adapter:ResendAdapter",
            base_url_setting="RESEND_BASE_URL",
            base_url_help="Leave it blank for Resend's own address.",
            capabilities=frozenset(
                {
                    Capability.VERIFIES_CREDENTIALS,
                    Capability.SENDS_EMAIL,
                    Capability.RECEIVES_WEBHOOKS,
                    Capability.SETTLES_SENDS,
                }
            ),
            emits=frozenset(
                {
                    "message_delivered",
                    "message_opened",
                    "link_clicked",
                    "message_bounced",
                    "message_failed",
                    "spam_complained",
                }
            ),
            credential_fields=(
                CredentialField(
                    name="api_key",
                    label="API key",
                    help="Begins with re_. Made in the Resend dashboard under API keys, with full access.",
                ),
                CredentialField(
                    name="signing_secret",
                    label="Signing secret of the webhook",
                    help="Begins with whsec_. Resend shows it where the webhook was added.",
                    required=False,
                ),
            ),
            webhook_secret_fields=("signing_secret",),
        ),
        Provider(
            kind="sendgrid",
            label="SendGrid",
            icon="mail",
            channels=("email",),
            adapter_path="integrations.providers.sendgrid.adapter:SendGridAdapter",
            base_url_setting="SENDGRID_BASE_URL",
            base_url_help="Leave blank. EU subusers: https://api.eu.sendgrid.com.",
            capabilities=frozenset(
                {
                    Capability.VERIFIES_CREDENTIALS,
                    Capability.LISTS_ACCOUNTS,
                    Capability.SENDS_EMAIL,
                    Capability.RECEIVES_WEBHOOKS,
                    Capability.MANAGES_WEBHOOKS,
                    Capability.SETTLES_SENDS,
                    Capability.VERIFIES_IDENTITIES,
                    Capability.SYNCS_SUPPRESSIONS,
                    Capability.VALIDATES_ADDRESSES,
                    Capability.LISTS_IP_POOLS,
                    Capability.UNPACKS_MAIL,
                }
            ),
            emits=frozenset(
                {
                    "message_received",
                    "message_delivered",
                    "message_opened",
                    "link_clicked",
                    "message_bounced",
                    "message_failed",
                    "spam_complained",
                    "unsubscribed",
                }
            ),
            credential_fields=(
                CredentialField(
                    name="api_key",
                    label="API key",
                    help="Starts with SG. It needs at least the right to send; the test says what else it lacks.",
                ),
                CredentialField(
                    name="parse_hosts",
                    label="Hosts for inbound mail",
                    help="Domains whose MX is mx.sendgrid.net, such as in.example.com. Separate several by commas.",
                    secret=False,
                    required=False,
                ),
                CredentialField(
                    name="event_public_key",
                    label="Verification key of the event webhook",
                    help="Filled in when webhooks are mended here. Paste it if you registered the webhook yourself.",
                    required=False,
                ),
                CredentialField(
                    name="parse_public_key",
                    label="Verification key of inbound mail",
                    help="Filled in when webhooks are mended here. It belongs to the security policy of the host.",
                    required=False,
                ),
                CredentialField(
                    name="validation_key",
                    label="API key for e-mail validation",
                    help="A key of its own, with the right to validate addresses. Each check is billed.",
                    required=False,
                ),
                CredentialField(
                    name="sandbox_mode",
                    label="Sandbox mode",
                    help="“yes”: SendGrid checks e-mails and sends none. Leave blank to send.",
                    secret=False,
                    required=False,
                ),
            ),
            webhook_secret_fields=("event_public_key", "parse_public_key"),
            # Inbound Parse takes mail of 30 MB and loses it on any 4xx.
            webhook_rule=WebhookRule(max_bytes=32 * 1024 * 1024, too_large=200, too_many=503),
        ),
        Provider(
            kind="mailbox",
            label="Mailbox",
            icon="envelope",
            channels=("email",),
            adapter_path="integrations.providers.mailbox.adapter:MailboxAdapter",
            base_url_setting="MAILBOX_BASE_URL",
            base_url_help="Blank. A mailbox's servers are among its credentials.",
            capabilities=frozenset(
                {
                    Capability.VERIFIES_CREDENTIALS,
                    Capability.LISTS_ACCOUNTS,
                    Capability.SENDS_EMAIL,
                    Capability.SETTLES_SENDS,
                    Capability.POLLS_INBOUND,
                    Capability.LISTS_INBOUND,
                    Capability.WATCHES_INBOUND,
                    Capability.FETCHES_MAIL,
                }
            ),
            emits=frozenset(
                {
                    "message_received",
                    "message_delivered",
                    "message_bounced",
                    "spam_complained",
                    "unsubscribed",
                }
            ),
            credential_fields=(
                CredentialField(
                    name="address", label="E-mail address", help="Where mail is sent from.", secret=False
                ),
                CredentialField(
                    name="username",
                    label="User name",
                    help="Blank if it is the e-mail address.",
                    secret=False,
                    required=False,
                ),
                CredentialField(
                    name="password",
                    label="Password",
                    help="Google, Yahoo and iCloud want an app password here, not the one of the account.",
                ),
                *(
                    CredentialField(name=name, label=label, help=text, secret=False, required=False)
                    for name, label, text in (
                        ("smtp_host", "SMTP server", "Mail is handed over there."),
                        ("smtp_port", "SMTP port", "Usually 465 or 587."),
                        ("smtp_security", "SMTP encryption", "tls or starttls."),
                        ("imap_host", "IMAP server", "Mail is read there."),
                        ("imap_port", "IMAP port", "Usually 993."),
                        ("imap_security", "IMAP encryption", "tls or starttls."),
                        ("sent_folder", "Folder for sent mail", "Blank if it is to be found by its name."),
                        ("saves_sent", "Keeps sent mail", "yes if the server keeps what is sent by itself."),
                        ("reads_junk", "Read the spam folder", "yes if answers there are to count."),
                    )
                ),
            ),
        ),
        Provider(
            kind="smartlead",
            label="Smartlead",
            icon="envelope",
            channels=("email",),
            adapter_path="integrations.providers.smartlead.adapter:SmartleadAdapter",
            base_url_setting="SMARTLEAD_BASE_URL",
            base_url_help="Leave it blank for Smartlead's own address.",
            capabilities=CAMPAIGN_RUNNER | {Capability.CATEGORISES_LEADS},
            emits=frozenset(
                {
                    "message_received",
                    "message_opened",
                    "link_clicked",
                    "message_bounced",
                    "unsubscribed",
                    "lead_categorised",
                    "campaign_status",
                    "account_status",
                }
            ),
            credential_fields=(
                CredentialField(
                    name="api_key",
                    label="API key",
                    help="In Smartlead under Settings, API. It covers everything in the account.",
                ),
                CredentialField(
                    name="signing_secret",
                    label="Secret of its webhooks",
                    help="If Smartlead shows a signing secret or secret key, paste it. Our token works without.",
                    required=False,
                ),
            ),
            webhook_secret_fields=("webhook_secret", "signing_secret"),
        ),
        Provider(
            kind="emailbison",
            label="EmailBison",
            icon="envelope",
            channels=("email",),
            adapter_path="integrations.providers.emailbison.adapter:EmailBisonAdapter",
            base_url_setting="EMAILBISON_BASE_URL",
            base_url_help="The address of your EmailBison instance, such as https://send.agency.com.",
            capabilities=CAMPAIGN_RUNNER,
            emits=frozenset(
                {
                    "message_received",
                    "message_opened",
                    "message_bounced",
                    "unsubscribed",
                    "lead_categorised",
                    "account_status",
                }
            ),
            credential_fields=(
                CredentialField(
                    name="api_key",
                    label="API token",
                    help="Of kind api-user: it belongs to one workspace, which is all that we then see.",
                ),
            ),
        ),
        Provider(
            kind="heyreach",
            label="HeyReach",
            icon="linkedin",
            channels=("linkedin",),
            adapter_path="integrations.providers.heyreach.adapter:HeyReachAdapter",
            base_url_setting="HEYREACH_BASE_URL",
            base_url_help="Leave it blank for HeyReach's own address.",
            capabilities=CAMPAIGN_RUNNER,
            emits=frozenset(
                {
                    "message_received",
                    "invitation_sent",
                    "relation_created",
                    "campaign_status",
                    "lead_categorised",
                }
            ),
            credential_fields=(
                CredentialField(
                    name="api_key",
                    label="API key",
                    help="The key of a workspace, not of the organization.",
                ),
                CredentialField(
                    name="mode",
                    label="Conversations",
                    help="webhook_only (the default), or pull_best_effort to read what the account gives out.",
                    secret=False,
                    required=False,
                    choices=(
                        ("webhook_only", "By webhook only"),
                        ("pull_best_effort", "Also read what the account gives out"),
                    ),
                ),
            ),
        ),
    )
}


def providers() -> tuple[Provider, ...]:
    """Return all providers in the order in which they are shown."""
    return tuple(_PROVIDERS.values())


def get(kind: str) -> Provider:
    """Return the provider of ``kind``. Raises ``UnknownProviderError``."""
    try:
        return _PROVIDERS[kind]
    except KeyError:
        raise UnknownProviderError(f"There is no provider {kind!r}.") from None


def label_of(kind: str) -> str:
    """Return a provider's name as it writes itself; of one that is not known here, what it is stored as."""
    known = _PROVIDERS.get(kind)
    return known.label if known else kind.capitalize()


def answers_with_words(kind: str) -> bool:
    """Say whether our answer to a call may have words in it; unknown kinds are no provider and get them."""
    provider = _PROVIDERS.get(kind)
    return provider.answers_with_words if provider else True


def can(kind: str, capability: Capability) -> bool:
    """Say whether a provider has a capability; unknown kinds have none."""
    provider = _PROVIDERS.get(kind)
    return provider is not None and capability in provider.capabilities


def webhook_rule(kind: str) -> WebhookRule:
    """Return how calls are answered that are not taken in; unknown kinds are no provider and get the usual."""
    provider = _PROVIDERS.get(kind)
    return provider.webhook_rule if provider else WebhookRule()


def default_base_url(kind: str) -> str:
    """Return the base URL from settings for ``kind``, ``""`` if none is set."""
    from django.conf import settings

    return str(getattr(settings, get(kind).base_url_setting, "") or "")


def breaker_key(kind: str, connection_id: str = "") -> str:
    """Return by what the circuit breaker knows a connection; adapters add ``:<account>`` to it."""
    return f"{kind}:{connection_id or 'default'}"


def adapter_for(
    kind: str, *, credentials: Mapping[str, str], base_url: str = "", connection_id: str = ""
) -> Adapter:
    """Build the adapter of a connection.

    ``base_url`` is what the connection says; blank means the setting. ``connection_id`` keys the circuit
    breaker. A base URL that a tenant typed is only followed to public addresses; the one from settings is
    trusted. Raises ``UnknownProviderError``.
    """
    provider = get(kind)
    trusted = default_base_url(kind)
    module_name, class_name = provider.adapter_path.split(":")
    adapter_class = getattr(import_module(module_name), class_name)
    return cast(
        Adapter,
        adapter_class(
            credentials=credentials,
            base_url=base_url or trusted,
            trusted_base_url=trusted,
            breaker_key=breaker_key(kind, connection_id),
        ),
    )
