"""``manage.py certify_sends``: proves that nothing left twice, and lists sends whose outcome is not known."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.services.certification import Certificate, certify
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Organization


class Command(BaseCommand):
    """Exit 0: nothing left twice. 1: something did, or a person has to decide. 2: bad use."""

    help = "Prove from the outbox that nothing was sent twice; list ambiguous sends."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--organization", help="slug of one organization; default: all of them")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Certify and print."""
        slug = options["organization"]
        if slug:
            organization = Organization.objects.filter(slug=slug).first()
            if organization is None:
                print(f"There is no organization {slug!r}.", file=sys.stderr)
                sys.exit(2)
            with organization_scope(organization.id):
                certificate = certify()
        else:
            with platform_scope("certify sends"):
                certificate = certify()
        if options["json"]:
            self.stdout.write(json.dumps(certificate.as_json()))
        else:
            self._tell(certificate)
        if not certificate.ok:
            sys.exit(1)

    def _tell(self, certificate: Certificate) -> None:
        self.stdout.write(f"{certificate.checked} sends checked, {certificate.sent} sent.")
        parts = (
            ("Left twice", certificate.twice),
            ("Marked as sent without an attempt that left", certificate.unproven),
            ("Uncertain, being settled", certificate.ambiguous),
            ("Uncertain, waiting for a person", certificate.given_up),
        )
        for label, findings in parts:
            self.stdout.write(f"{label}: {len(findings)}")
            for finding in findings:
                self.stdout.write(
                    f"  {finding.outbound_id} {finding.dedupe_key} ({finding.state}): {finding.detail}"
                )
        self.stdout.write(f"Attempts that were ever uncertain (newest first): {len(certificate.settlements)}")
        for row in certificate.settlements:
            settled = f"{row.state}, {row.settled_at}" if row.settled_at else row.state
            self.stdout.write(
                f"  {row.outbound_id} attempt {row.number} of {row.started_at}: {settled} {row.detail}"
            )
