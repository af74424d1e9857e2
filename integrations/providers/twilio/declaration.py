"""What Twilio is to the rest: its words, what it can do, and what is asked for when it is connected."""

from __future__ import annotations

from typing import Final

from integrations.base import Capability
from integrations.declaring import CredentialField, Provider

DECLARATION: Final = Provider(
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
)
