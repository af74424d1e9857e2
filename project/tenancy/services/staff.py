"""Platform staff: only the command line makes them."""

from __future__ import annotations

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction

from project.core.refusals import Invalid, NotFound
from project.tenancy.models import User
from project.tenancy.services.organizations import check_email


@transaction.atomic
def set_staff(*, email: str, is_staff: bool, password: str | None = None) -> User:
    """Make a person platform staff or not; with a password they are created if they do not exist.

    Raises ``NotFound``, ``Invalid``.
    """
    email = check_email(email)
    user = User.objects.select_for_update().filter(email=email).first()
    if user is None:
        if password is None:
            raise NotFound(f"Nobody has the address {email}.")
        try:
            password_validation.validate_password(password, User(email=email))
        except ValidationError as error:
            raise Invalid(" ".join(error.messages), field="password") from error
        user = User.objects.create_user(email, password)
    user.is_superadmin = is_staff
    user.save(update_fields=["is_superadmin", "updated_at"])
    return user
