"""What Unipile is to the rest: its words, what it can do, and what is asked for when it is connected."""

from __future__ import annotations

from typing import Final

from integrations.base import Capability
from integrations.declaring import CredentialField, Provider

DECLARATION: Final = Provider(
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
)
