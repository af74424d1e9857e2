"""What people choose for themselves, in all their organizations."""

from __future__ import annotations

from django.db import transaction

from project.tenancy.models import User
from project.tenancy.services.organizations import check_time_zone


@transaction.atomic
def set_time_zone(*, user: User, time_zone: str) -> User:
    """Show a person all times in a zone of the IANA database; empty: in each organization's own.

    Raises ``Invalid``.
    """
    user.time_zone = check_time_zone(time_zone) if time_zone else ""
    user.save(update_fields=["time_zone", "updated_at"])
    return user
