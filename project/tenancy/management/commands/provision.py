"""``manage.py provision``: create an organization with its first admin and entitlements (mission T8)."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from project.core.refusals import Refused
from project.core.scoping import platform_scope
from project.tenancy.services import invitations, organizations


class Command(BaseCommand):
    """Provision an organization. Exit 0 when it is there, 2 with one line when the input is not acceptable."""

    help = (
        "Create an organization, its first admin (invited by mail, or with a password) and its entitlements."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("name", help="name of the organization")
        parser.add_argument("--admin", required=True, metavar="EMAIL", help="e-mail of the first admin")
        parser.add_argument("--admin-name", default="", help="name of the first admin")
        parser.add_argument("--slug", default="", help="address /o/<slug>/ (made from the name)")
        parser.add_argument("--time-zone", default="UTC")
        parser.add_argument(
            "--capability", action="append", default=[], metavar="NAME=PROVIDER",
            help="such as linkedin_outreach=unipile; may be repeated",
        )  # fmt: skip
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the admin's password, not invite"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Provision in one transaction."""
        password = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else None
        if password is not None and len(password) < 10:
            self._fail("The password must have at least 10 characters.")
        capabilities = dict(pair.partition("=")[::2] for pair in options["capability"])
        try:
            with platform_scope("manage.py provision"):
                made = organizations.provision(
                    name=options["name"],
                    slug=options["slug"],
                    time_zone=options["time_zone"],
                    admin_email=options["admin"],
                    admin_name=options["admin_name"],
                    admin_password=password,
                    capabilities=capabilities,
                )
        except Refused as error:
            self._fail(error.message)
        facts = {"organization": made.organization.slug, "invitation": ""}
        self.stdout.write(f"{made.organization.name} is at /o/{made.organization.slug}/")
        if made.invitation is not None:
            facts["invitation"] = invitations.link_of(made.invitation.id)
            self.stdout.write(f"{options['admin']} is invited: {facts['invitation']}")
        if options["json"]:
            self.stdout.write(json.dumps(facts))

    def _fail(self, message: str) -> NoReturn:
        print(message, file=sys.stderr)
        sys.exit(2)
