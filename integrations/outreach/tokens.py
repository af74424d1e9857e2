"""Proof of origin for providers that do not sign: a random token in the address that they call."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from integrations.errors import WebhookRefusedError

PARAMETER: Final = "token"


def with_token(url: str, secret: str) -> str:
    """Return ``url`` with the secret in its query."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode({PARAMETER: secret})]))
    return urlunsplit(parts._replace(query=query))


def token_fits(url: str, secrets: Sequence[str]) -> bool:
    """Say whether the called address holds one of the secrets. Every one is compared, in constant time."""
    given = (parse_qs(urlsplit(url).query).get(PARAMETER) or [""])[-1]
    matches = [hmac.compare_digest(given.encode(), secret.encode()) for secret in secrets if secret]
    return bool(given) and any(matches)


def verify_token(url: str, secrets: Sequence[str]) -> None:
    """Raise ``WebhookRefusedError`` unless the called address holds one of ``secrets``."""
    if not any(secrets):
        raise WebhookRefusedError("No webhook secret is set for this connection.", fault_is_ours=True)
    if not token_fits(url, secrets):
        raise WebhookRefusedError("The called address does not hold our token.")
