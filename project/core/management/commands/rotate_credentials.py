"""``manage.py rotate_credentials``: encrypt stored secrets anew with the newest key of ``CREDENTIAL_KEYS``."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from project.core.encrypted_columns import rotate_all
from project.core.scoping import platform_scope


class Command(BaseCommand):
    """Walk all encrypted columns. Exit 0 when every value carries the newest key, 1 when some are unreadable."""

    help = "Encrypt stored credentials anew with the first key of CREDENTIAL_KEYS. Then the old key can go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate every column, as the application role and in the platform scope."""
        with platform_scope("rotate credentials"):
            done = rotate_all(dry_run=options["dry_run"])
        verb = "to rotate" if options["dry_run"] else "rotated"
        for rotation in done:
            self.stdout.write(
                f"{rotation.column}: {rotation.rotated} {verb}, {rotation.changed_meanwhile} changed meanwhile, "
                f"{rotation.unreadable} unreadable"
            )
        if options["json"]:
            self.stdout.write(json.dumps({"columns": [asdict(rotation) for rotation in done]}))
        if any(rotation.unreadable for rotation in done):
            print("Some values cannot be opened with the configured keys.", file=sys.stderr)
            sys.exit(1)
