"""How a provider says what it is; each has a ``declaration.py`` with one ``Provider``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from integrations.base import Capability


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
        Capability.STOPS_LEADS,
        Capability.KEEPS_THREADS,
        Capability.COUNTS_CAMPAIGNS,
        Capability.RECEIVES_WEBHOOKS,
        Capability.MANAGES_WEBHOOKS,
    }
)
"""What every provider can do that runs campaigns."""
