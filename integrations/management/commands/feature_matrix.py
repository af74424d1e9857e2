"""``manage.py feature_matrix``: write what each provider can do into ``docs/providers/features.md``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from integrations import feature_matrix

PATH = "docs/providers/features.md"


class Command(BaseCommand):
    """Exit status 1 with ``--check`` when the document is not current."""

    help = "Write the feature matrix of providers into the documentation."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--check``."""
        parser.add_argument("--check", action="store_true", help="write nothing, say whether it is current")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or check."""
        path = Path(settings.BASE_DIR) / PATH
        text = feature_matrix.render()
        if options["check"]:
            if not path.exists() or path.read_text() != text:
                self.stderr.write(f"{PATH} is not current; run: manage.py feature_matrix")
                sys.exit(1)
            return
        path.write_text(text)
        self.stdout.write(f"{PATH} was written.")
