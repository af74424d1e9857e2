"""Second factors: giving their stored secrets the newest key."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from project.core import crypto
from project.core.crypto import CredentialsUnreadable
from project.core.encrypted_columns import Rotation

#: Where allauth keeps what ``SecondFactorAdapter`` encrypted: authenticator apps, recovery codes.
_FIELDS = ("secret", "seed")


def rotate(dry_run: bool) -> Rotation:
    """Encrypt the secrets of all authenticators anew; each row is locked while it is."""
    done = Rotation("mfa.Authenticator.data")
    types = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    for key in list(Authenticator.objects.filter(type__in=types).order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            factor = Authenticator.objects.select_for_update().filter(pk=key).first()
            if factor is None:
                continue
            try:
                fresh = _rotated(factor.data)
            except CredentialsUnreadable:
                done.unreadable += 1
                continue
            done.rotated += 1
            if not dry_run:
                factor.data = fresh
                factor.save(update_fields=["data"])
    return done


def _rotated(data: dict[str, Any]) -> dict[str, Any]:
    return {name: crypto.rotate(value) if name in _FIELDS else value for name, value in data.items()}
