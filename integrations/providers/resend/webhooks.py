"""Proof that a call comes from Resend: the Svix scheme (docs/providers/resend.md, section 4).

HMAC-SHA256 over id, time and raw body; the header lists one signature for each key in use, so that keys can be
replaced at their side, and we accept the previous secret beside the new one, so that they can be at ours.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Final

from integrations.errors import WebhookRefusedError

ID_HEADER: Final = "svix-id"
TIME_HEADER: Final = "svix-timestamp"
SIGNATURE_HEADER: Final = "svix-signature"
TOLERANCE_S: Final = 300
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1,"


def key_of(secret: str) -> bytes:
    """Return the key that a signing secret stands for; ``b""`` if it is none."""
    try:
        return base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def signature(key: bytes, call_id: str, timestamp: str, body: bytes) -> str:
    """Return one entry of the signature header."""
    digest = hmac.new(key, f"{call_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return _VERSION + base64.b64encode(digest).decode()


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, at: float | None = None
) -> None:
    """Compare every listed signature with what each secret gives, in constant time. ``at`` is the time in epoch
    seconds, by default now. Raises ``WebhookRefusedError``.
    """
    keys = [key for secret in secrets if (key := key_of(secret))]
    if not keys:
        raise WebhookRefusedError("No signing secret is stored for this connection.", fault_is_ours=True)
    found = {name.lower(): value for name, value in headers.items()}
    call_id, timestamp, given = (found.get(name, "") for name in (ID_HEADER, TIME_HEADER, SIGNATURE_HEADER))
    if not (call_id and timestamp and given):
        raise WebhookRefusedError("The signature's headers are missing.")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 15):
        raise WebhookRefusedError("The time of the signature cannot be read.")
    if abs((time.time() if at is None else at) - int(timestamp)) > TOLERANCE_S:
        raise WebhookRefusedError("The signature is older, or newer, than five minutes.")
    listed = [entry for entry in given.split() if entry.startswith(_VERSION)]
    # No early exit: the time taken must not tell which one was close.
    matches = [
        hmac.compare_digest(entry.encode(), signature(key, call_id, timestamp, body).encode())
        for key in keys
        for entry in listed
    ]
    if not any(matches):
        raise WebhookRefusedError("No signature fits the call and our signing secret.")
