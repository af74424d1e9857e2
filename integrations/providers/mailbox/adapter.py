"""The mailbox adapter: one mailbox per connection, whatever servers it lives on.

The account's id is the mailbox's address.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from integrations.base import MessageKnowledge, Watch
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.mail.building import ascii_address, build_mime
from integrations.providers.mailbox import imap, polling, settle, smtp, watching
from integrations.providers.mailbox.servers import PROVIDER, MailboxSettings, read_settings
from integrations.values import (
    CredentialCheck,
    OutgoingEmail,
    Page,
    SendIntent,
    SendReceipt,
    Settlement,
)

log = structlog.get_logger(__name__)


class MailboxAdapter:
    """Sends by SMTP, reads by IMAP. Opens a session for each request and keeps none but a watch."""

    kind = PROVIDER

    def __init__(
        self, *, credentials: Mapping[str, str], base_url: str, trusted_base_url: str, breaker_key: str
    ) -> None:
        del (
            breaker_key
        )  # a session is not an HTTP request; the dispatcher and the sync back off by themselves
        self._settings = read_settings(credentials, base_url, trusted_base_url)

    # --- VerifiesCredentials --------------------------------------------------------------------------

    def verify_credentials(self) -> CredentialCheck:
        """Sign in to both servers and say what works. Nothing is sent and nothing is changed."""
        works: list[str] = []
        lacks: list[str] = []
        try:
            with smtp.session(self._settings) as opened:
                works.append(
                    f"Sending: signed in to {self._settings.smtp}{_how(self._settings.smtp.security)}."
                )
                size = opened.esmtp_features.get("size", "")
            if size.isdecimal() and int(size) > 0:
                works.append(f"E-mails of up to {int(size) // 1_000_000} MB.")
        except ProviderError as error:
            lacks.append(f"Sending: {error.message}")
        sending = not lacks
        try:
            with imap.session(self._settings) as session:
                works.append(
                    f"Receiving: signed in to {self._settings.imap}{_how(self._settings.imap.security)}."
                )
                session.open(polling.INBOX)
                sent = session.sent_folder()
                works.append(f"{len(session.folders())} folders; sent mail is in {sent!r}." if sent else "")
                if not sent:
                    lacks.append("No folder for sent mail was found; name it so that threads are complete.")
                idle = "IDLE" in session.capabilities()
                works.append("News arrive at once (IDLE)." if idle else "News are asked for every minute.")
            receiving = True
        except ProviderError as error:
            lacks.append(f"Receiving: {error.message}")
            receiving = False
        return CredentialCheck(ok=sending and receiving, works=tuple(filter(None, works)), lacks=tuple(lacks))

    # --- SendsEmail -----------------------------------------------------------------------------------

    def send_email(self, *, account_id: str, email: OutgoingEmail) -> SendReceipt:
        """Hand one e-mail to the SMTP server, once, and keep a copy where the server does not."""
        self._own(account_id)
        at = datetime.now(UTC)
        content = build_mime(email, provider=PROVIDER, at=at).as_bytes()
        said = smtp.send(
            self._settings,
            sender=ascii_address(email.from_email),
            recipient=ascii_address(email.to_email),
            content=content,
        )
        if self._settings.saves_sent is not True:
            self._keep(email.message_id, content, at)
        return SendReceipt(
            provider_message_id=email.message_id,
            chat_id=email.references[0] if email.references else email.in_reply_to or email.message_id,
            raw={"answer": said},
        )

    def _keep(self, message_id: str, content: bytes, at: datetime) -> None:
        """Put a copy into the folder for sent mail unless the server did. The e-mail has left: no failure here
        may look like one of the send.
        """
        try:
            with imap.session(self._settings) as session:
                folder = session.sent_folder()
                if not folder:
                    return
                session.open(folder)
                if self._settings.saves_sent is None and session.with_id(message_id):
                    return
                session.append(folder, content, at)
        except ProviderError as error:
            log.info("mailbox.copy_not_kept", kind=error.kind, raw_type=error.raw_type)

    # --- SettlesSends ---------------------------------------------------------------------------------

    def settle(self, intent: SendIntent, *, now: datetime) -> Settlement:
        """Look for an uncertain e-mail in the mailbox."""
        return settle.settle(self._settings, intent, now)

    # --- PollsInbound, WatchesInbound -----------------------------------------------------------------

    def poll_inbound(
        self, *, account_id: str, cursor: str, limit: int = 100, knowledge: MessageKnowledge | None = None
    ) -> Page[Normalised]:
        """Return what came into the inbox and what was sent since ``cursor``, oldest first."""
        self._own(account_id)
        return polling.poll(self._settings, cursor, limit, knowledge)

    def watch_inbound(self, *, account_id: str) -> Watch:
        """Open a connection that tells when something comes in."""
        self._own(account_id)
        return watching.watch(self._settings)

    @property
    def settings(self) -> MailboxSettings:
        """The mailbox as its credentials describe it."""
        return self._settings

    def _own(self, account_id: str) -> None:
        if account_id != self._settings.address:
            raise ProviderError(ErrorKind.NOT_FOUND, "This mailbox has another address.", provider=PROVIDER)


def _how(security: str) -> str:
    return {"tls": " over TLS", "starttls": " over STARTTLS"}.get(security, ", unencrypted")
