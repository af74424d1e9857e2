"""Proof that a call comes from Twilio (docs/providers/twilio.md, section 6).

The signature is an HMAC-SHA1 over the called address and, for forms, every field; its key is the account's auth
token. A token that is being replaced is accepted beside the new one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from integrations.errors import WebhookRefusedError
from integrations.providers.twilio.fields import pairs

SIGNATURE_HEADER: Final = "X-Twilio-Signature"
_PORTS: Final = {"https": 443, "http": 80}


def signature(url: str, fields: Iterable[tuple[str, str]], token: str) -> str:
    """Return what Twilio writes into the header: fields by name, of a repeated one each distinct value once."""
    values: dict[str, set[str]] = {}
    for name, value in fields:
        values.setdefault(name, set()).add(value)
    base = url + "".join(name + value for name in sorted(values) for value in sorted(values[name]))
    # SHA-1 is Twilio's choice; as an HMAC it is sound.
    digest = hmac.new(token.encode(), base.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def verify(url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Compare the signature with what each token gives, in constant time. Raises ``WebhookRefusedError``."""
    tokens = [token for token in secrets if token]
    if not tokens:
        raise WebhookRefusedError("No auth token is stored for this connection.", fault_is_ours=True)
    given = _header(headers, SIGNATURE_HEADER)
    if not given:
        raise WebhookRefusedError(f"The header {SIGNATURE_HEADER} is missing.")
    fields: list[tuple[str, str]] = []
    hashes = parse_qs(urlsplit(url).query).get("bodySHA256", [])
    if hashes:
        if not hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), hashes[0].lower().encode()):
            raise WebhookRefusedError("The body is not the one that was signed.")
    else:
        fields = pairs(body)
        if body and not fields:
            raise WebhookRefusedError("The body is no form.")
    # No early exit: the time taken must not tell which token was close.
    matches = [
        hmac.compare_digest(given.encode(), signature(address, fields, token).encode())
        for token in tokens
        for address in _spellings(url)
    ]
    if not any(matches):
        raise WebhookRefusedError(f"The header {SIGNATURE_HEADER} does not fit the call and our auth token.")


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def _spellings(url: str) -> tuple[str, ...]:
    """The address with and without its port: Twilio signs either."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return (url,)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    bare = urlunsplit(parts._replace(netloc=host))
    full = urlunsplit(parts._replace(netloc=f"{host}:{port or _PORTS.get(parts.scheme, 443)}"))
    return tuple(dict.fromkeys((url, bare, full)))
