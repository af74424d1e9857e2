"""What HeyReach is to the rest: its words, what it can do, and what is asked for when it is connected."""

from __future__ import annotations

from typing import Final

from integrations.declaring import CAMPAIGN_RUNNER, CredentialField, Provider

DECLARATION: Final = Provider(
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
)
