"""What EmailBison is to the rest: its words, what it can do, and what is asked for when it is connected."""

from __future__ import annotations

from typing import Final

from integrations.declaring import CAMPAIGN_RUNNER, CredentialField, Provider, WebhookRule

DECLARATION: Final = Provider(
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
    # Whether it comes again after 4xx is not documented; after 5xx every sender of webhooks may.
    webhook_rule=WebhookRule(too_many=503),
)
