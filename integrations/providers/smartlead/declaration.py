"""What Smartlead is to the rest: its words, what it can do, and what is asked for when it is connected."""

from __future__ import annotations

from typing import Final

from integrations.base import Capability
from integrations.declaring import CAMPAIGN_RUNNER, CredentialField, Provider, WebhookRule

DECLARATION: Final = Provider(
    kind="smartlead",
    label="Smartlead",
    icon="envelope",
    channels=("email",),
    adapter_path="integrations.providers.smartlead.adapter:SmartleadAdapter",
    base_url_setting="SMARTLEAD_BASE_URL",
    base_url_help="Leave it blank for Smartlead's own address.",
    capabilities=CAMPAIGN_RUNNER
    | {Capability.HOLDS_LEADS, Capability.CATEGORISES_LEADS, Capability.REGISTERS_BY_CAMPAIGN},
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
    # It gives up on 4xx, and what is not a message is in no list that could be read later.
    webhook_rule=WebhookRule(too_many=503),
)
