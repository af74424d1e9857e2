"""``manage.py staff``: who is platform staff (super-admin)."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from project.core.refusals import Refused
from project.tenancy.services import staff


class Command(BaseCommand):
    """Make a person platform staff or take it away. Exit 0 done, 2 when the person does not exist."""

    help = "Grant or take away platform staff (provisioning, suspension, impersonation)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("email")
        parser.add_argument("--revoke", action="store_true", help="take it away")
        parser.add_argument(
            "--password-stdin", action="store_true", help="create the person with this password"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Change the person."""
        password = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else None
        try:
            user = staff.set_staff(email=options["email"], is_staff=not options["revoke"], password=password)
        except Refused as error:
            print(error.message, file=sys.stderr)
            sys.exit(2)
        self.stdout.write(
            f"{user.email} is {'platform staff' if user.is_superadmin else 'no longer platform staff'}"
        )
