"""Where a provider sends its calls, and what is wrong with that."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from integrations.values.base import Value


class WebhookRegistration(Value):
    """A webhook as it is (or should be) registered at the provider. Header values are secrets: not shown."""

    source: str
    url: str
    events: frozenset[str] = frozenset()
    enabled: bool = True
    name: str = ""
    registration_id: str = ""
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    format: str = "json"
    #: Ids of the accounts it is limited to; empty means all, current and future.
    account_ids: frozenset[str] = frozenset()
    #: Whether payload fields are renamed (Unipile ``data``), which would break parsing.
    renames_fields: bool = False
    #: The public key of its signatures, for vendors that make the key; ``""`` if it does not sign. Stored as the
    #: credential ``<source>_public_key``.
    public_key: str = ""


class WebhookProblem(StrEnum):
    """What is wrong with a registration."""

    MISSING = "missing"
    DUPLICATE = "duplicate"
    WRONG_URL = "wrong_url"
    WRONG_EVENTS = "wrong_events"
    DISABLED = "disabled"
    WRONG_HEADERS = "wrong_headers"
    WRONG_FORMAT = "wrong_format"
    LIMITED_TO_ACCOUNTS = "limited_to_accounts"
    UNNEEDED = "unneeded"


class WebhookFinding(Value):
    """One thing wrong with the registered webhooks, and what mends it.

    ``remove`` are registration ids to delete and ``create`` the registration to make afterwards.
    """

    problem: WebhookProblem
    source: str
    message: str
    remove: tuple[str, ...] = ()
    create: WebhookRegistration | None = None
