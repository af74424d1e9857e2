"""What Resend is to the rest: its words, what it can do, and what is asked for when it is connected."""

from __future__ import annotations

from typing import Final

from integrations.base import Capability
from integrations.declaring import CredentialField, Provider

DECLARATION: Final = Provider(
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
)
