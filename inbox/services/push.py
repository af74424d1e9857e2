"""Web push: encrypting for one browser (RFC 8291) and proving who sends (VAPID, RFC 8292).

The libraries for it bring a second HTTP client and are published as sources only; what they do is these two functions
over ``cryptography`` and ``PyJWT``, checked against the standard's own example.
"""

from __future__ import annotations

import base64
import hashlib
import os
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from project.core.clock import now
from project.core.http import HttpError, client_for

#: Seconds that a push service keeps a message for a browser that is away.
KEPT_SECONDS: Final = 6 * 3600
_RECORD: Final = 4096
_LIFE_SECONDS: Final = 12 * 3600
_CURVE: Final = ec.SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class PushRefused(Exception):
    """The push service did not take it. ``gone``: the browser has unsubscribed, for good."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


def encoded(data: bytes) -> str:
    """Return bytes as URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Read URL-safe base64, padded or not. Raises ``ValueError``."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@lru_cache(maxsize=1)
def _server_key() -> ec.EllipticCurvePrivateKey:
    secret = settings.WEB_PUSH_SECRET or settings.SECRET_KEY
    number = int.from_bytes(hashlib.sha256(f"web-push:{secret}".encode()).digest())
    return ec.derive_private_key(number % (_ORDER - 1) + 1, _CURVE)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def public_key() -> str:
    """The key by which browsers know this installation (``applicationServerKey``)."""
    return encoded(_point(_server_key().public_key()))


def encrypt(
    data: bytes,
    *,
    p256dh: str,
    auth: str,
    private: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Encrypt a message for one browser. ``private`` and ``salt`` are made anew unless a test gives them.

    Raises ``ValueError`` for keys that are none.
    """
    theirs = decoded(p256dh)
    ours = private or ec.generate_private_key(_CURVE)
    seed = salt or os.urandom(16)
    shared = ours.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, theirs))
    sender = _point(ours.public_key())
    secret = _derived(shared, decoded(auth), b"WebPush: info\0" + theirs + sender, 32)
    key = _derived(secret, seed, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, seed, b"Content-Encoding: nonce\0", 12)
    head = seed + _RECORD.to_bytes(4) + bytes([len(sender)]) + sender
    return head + AESGCM(key).encrypt(nonce, data + b"\x02", None)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def _authorization(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(now().timestamp()) + _LIFE_SECONDS,
        "sub": f"mailto:{settings.WEB_PUSH_CONTACT}",
    }
    token = jwt.encode(claims, _server_key(), algorithm="ES256")
    return f"vapid t={token}, k={public_key()}"


def send(*, endpoint: str, p256dh: str, auth: str, data: bytes) -> None:
    """Hand one message to a browser's push service, once. Raises ``PushRefused``."""
    try:
        content = encrypt(data, p256dh=p256dh, auth=auth)
    except ValueError as error:
        raise PushRefused("The browser's keys cannot be used.", gone=True) from error
    client = client_for("web-push", timeout=10, max_bytes=64 * 1024, breaker_key=urlsplit(endpoint).netloc)
    headers = {
        "Authorization": _authorization(endpoint),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(KEPT_SECONDS),
        "Urgency": "high",
    }
    try:
        answer = client.request("POST", endpoint, content=content, headers=headers)
    except HttpError as error:
        raise PushRefused(str(error)[:200]) from error
    if answer.status_code in {404, 410}:
        raise PushRefused("The browser does not take notices any more.", gone=True)
    if answer.status_code >= 300:
        raise PushRefused(f"The push service answered {answer.status_code}.")
