"""How allauth behaves here."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from project.core import crypto


class AccountAdapter(DefaultAccountAdapter):
    """Accounts come from invitations only; nobody signs up by themselves."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "E-mail or password is wrong.",
        "too_many_login_attempts": "Too many wrong tries. Wait five minutes, or reset the password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no: people join an organization by invitation."""
        return False

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """Do nothing: people have no user name."""


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of authenticator apps and recovery codes are encrypted at rest, like provider credentials."""

    def encrypt(self, text: str) -> str:
        """Return the secret as it is stored."""
        return crypto.encrypt({"secret": text})

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret itself. Raises ``CredentialsUnreadable``."""
        return str(crypto.decrypt(encrypted_text)["secret"])
