"""``manage.py doctor``: look at the whole installation and say what to do."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from project.core.diagnosis import Finding, diagnose


class Command(BaseCommand):
    """Print one line per check; exit 1 when something is bad."""

    help = "Check Python, packages, PostgreSQL, Redis, migrations, workers, beat, sandbox; say what to do."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare ``--json``."""
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks. Exit code 0: nothing bad, 1: something is."""
        findings = diagnose()
        bad = [finding for finding in findings if finding.level == "bad"]
        if options["json"]:
            body = {"ok": not bad, "findings": [asdict(finding) for finding in findings]}
            self.stdout.write(json.dumps(body))
        else:
            self._table(findings)
        if bad:
            sys.exit(1)

    def _table(self, findings: list[Finding]) -> None:
        width = max(len(finding.name) for finding in findings)
        styles = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "bad": self.style.ERROR}
        for finding in findings:
            level = styles[finding.level](f"{finding.level:<4}")
            self.stdout.write(f"{level}  {finding.name:<{width}}  {finding.detail}")
            if finding.advice:
                self.stdout.write(f"{'':<{width + 8}}{finding.advice}")
