"""``manage.py system_mail``: what became of the installation's own mail; tries one out."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from integrations.models import SystemMail
from integrations.services import system_mail


class Command(BaseCommand):
    """Lists mails, newest first, or sends a test mail at once and says what came of it."""

    help = "List the installation's own mail with its delivery, or send a test mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--to", help="only mails to this address")
        parser.add_argument("--state", choices=SystemMail.State.values, help="only mails in this state")
        parser.add_argument("--limit", type=int, default=50, help="how many (50)")
        parser.add_argument("--test", metavar="ADDRESS", help="send a test mail there now")

    def handle(self, *args: Any, **options: Any) -> None:
        """List or try out."""
        through = "Resend" if system_mail.through_resend() else settings.EMAIL_BACKEND
        print(f"Mail leaves through {through}.")
        if system_mail.through_resend():
            print(
                f"Resend reports to {settings.WEBHOOK_BASE_URL}/webhooks/resend/{settings.RESEND_WEBHOOK_KEY}"
            )
        if options["test"]:
            self._try_out(options["test"])
            return
        rows = SystemMail.objects.order_by("-created_at")
        if options["to"]:
            rows = rows.filter(recipient__iexact=options["to"])
        if options["state"]:
            rows = rows.filter(state=options["state"])
        for mail in rows[: options["limit"]]:
            reported = ", ".join(entry["kind"].removeprefix("email.") for entry in mail.events)
            print(
                f"{mail.created_at:%Y-%m-%d %H:%M:%S} {mail.state:<10} {mail.kind:<14} {mail.recipient}"
                f" {mail.subject!r}{f' [{reported}]' if reported else ''}{f' {mail.error}' if mail.error else ''}"
            )

    def _try_out(self, address: str) -> None:
        mail = system_mail.send(
            to=address,
            subject="Test mail of Outbound Engine X",
            text="This mail was sent by `manage.py system_mail --test`. If you can read it, mail works.",
            kind="test",
        )
        assert mail is not None  # without a key of its own it is always new
        state = system_mail.deliver(mail.id)
        mail.refresh_from_db()
        print(f"{state or mail.state}: {mail.error or 'handed over'}")
