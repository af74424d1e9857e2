"""Django's ``migrate``, run as the owner of the tables."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from project.core.db.base import owner_connection
from project.core.db.migrating import rendering_what_changed


class Command(migrate.Command):
    """Run ``migrate`` as the connecting role; the application role may not."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run the command on an owner connection, its system checks too: the role may not exist yet."""
        with owner_connection(options["database"]), rendering_what_changed():
            return super().execute(*args, **options)
