"""What SendGrid is to the rest: its words, what it can do, and what is asked for when it is connected."""

from __future__ import annotations

from typing import Final

from integrations.base import Capability
from integrations.declaring import CredentialField, Provider, WebhookRule

DECLARATION: Final = Provider(
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
)
