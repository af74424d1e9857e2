"""``manage.py demo``: seed the demo organization against the running sandbox, or make it anew."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.errors import ProviderError
from project.core.scoping import platform_scope
from project.tenancy.models import Organization
from reporting.demo import removal, seeding


class Command(BaseCommand):
    """Exit status 0 when the demo is there, 1 when it could not be made."""

    help = "Make the demo organization with members, seats of the sandbox, campaigns and conversations."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--reset`` and ``--json``."""
        parser.add_argument("--reset", action="store_true", help="delete the demo organization first")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed unless the demo exists."""
        if options["reset"]:
            removal.remove(seeding.SLUG)
        with platform_scope("look for the demo organization"):
            exists = Organization.objects.filter(slug=seeding.SLUG).exists()
        if not exists:
            try:
                seeding.seed()
            except ProviderError as error:
                self.stderr.write(f"The sandbox cannot be used: {error.message} Start it with: manage.py up")
                raise SystemExit(1) from error
        if options["json"]:
            self.stdout.write(json.dumps({"organization": seeding.SLUG, "created": not exists}))
        else:
            self.stdout.write(
                "The demo organization is there." if exists else "The demo organization was made."
            )
