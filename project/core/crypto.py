"""Encryption at rest of provider credentials, with key rotation.

Fernet (AES-128-CBC with HMAC-SHA-256). ``settings.CREDENTIAL_KEYS`` lists keys, newest first: the first one
encrypts, all of them decrypt. Rotate by putting a new key in front, running ``manage.py rotate_credentials``, and
removing the old key.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CredentialsUnreadable(RuntimeError):
    """Stored credentials cannot be decrypted with the configured keys."""


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])


def encrypt(values: dict[str, Any]) -> str:
    """Return ``values`` encrypted with the newest key, as text."""
    return _cipher().encrypt(json.dumps(values).encode()).decode()


def decrypt(token: str) -> dict[str, Any]:
    """Return the values of ``token`` (empty text gives ``{}``). Raises ``CredentialsUnreadable``."""
    if not token:
        return {}
    try:
        values: dict[str, Any] = json.loads(_cipher().decrypt(token.encode()))
    except InvalidToken as error:
        raise CredentialsUnreadable(
            "These credentials were encrypted with a key that CREDENTIAL_KEYS no longer holds."
        ) from error
    return values


def rotate(token: str) -> str:
    """Return ``token`` encrypted anew with the newest key. Raises ``CredentialsUnreadable``."""
    if not token:
        return token
    try:
        return _cipher().rotate(token.encode()).decode()
    except InvalidToken as error:
        raise CredentialsUnreadable(
            "These credentials were encrypted with a key that CREDENTIAL_KEYS no longer holds."
        ) from error
