"""ECDSA keys (P-256) and signatures of webhooks: over the timestamp and the body, without a separator."""

from __future__ import annotations

import base64
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"


def new_key() -> str:
    """A fresh private key, as PEM text for the store."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _load(stored: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(stored.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def public_half(stored: str) -> str:
    """The public key as SendGrid shows it: base64 of DER, no armour."""
    der = (
        _load(stored)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(der).decode()


def signed(stored: str, body: bytes) -> dict[str, str]:
    """The headers that prove ``body``; none without a key."""
    if not stored:
        return {}
    timestamp = str(int(time.time()))
    proof = _load(stored).sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {SIGNATURE_HEADER: base64.b64encode(proof).decode(), TIMESTAMP_HEADER: timestamp}
