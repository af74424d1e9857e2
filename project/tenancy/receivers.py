"""Receivers of domain events and of allauth's signals: one-liners that call services."""

from __future__ import annotations

from typing import Any

from allauth.account import signals
from django.dispatch import receiver

from project.tenancy.models import User
from project.tenancy.services import sign_in


@receiver(signals.password_changed, dispatch_uid="tenancy.password_changed")
@receiver(signals.password_reset, dispatch_uid="tenancy.password_reset")
@receiver(signals.password_set, dispatch_uid="tenancy.password_set")
def on_password_changed(sender: type[User], user: User, **kwargs: Any) -> None:
    """A new password ends all tokens that the old one gave out."""
    sign_in.withdraw_tokens(user=user)
