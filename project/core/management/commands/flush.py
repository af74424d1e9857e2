"""Django's ``flush``, run as the owner of the tables."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush

from project.core.db.base import owner_connection


class Command(flush.Command):
    """Run ``flush`` as the connecting role; the application role may not."""

    def handle(self, *args: Any, **options: Any) -> Any:
        """Run the command on an owner connection."""
        with owner_connection(options["database"]):
            return super().handle(*args, **options)
