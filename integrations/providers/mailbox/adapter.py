"""The mailbox adapter: one mailbox per connection, whatever servers it lives on.

The account's id is the mailbox's address.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from integrations.base import MessageKnowledge, Watch
from integrations.errors import Disposition, ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.mail.building import ascii_address, build_mime
from integrations.providers.mailbox import imap, polling, settle, smtp, watching
from integrations.providers.mailbox.servers import PROVIDER, MailboxSettings, read_settings
from integrations.values import (
    Account,
    AccountStatus,
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
        sends = self._try_sending(works, lacks)
        receives = self._try_receiving(works, lacks)
        accounts = (self._account(AccountStatus.OK),) if sends and receives else ()
        return CredentialCheck(ok=bool(accounts), works=tuple(works), lacks=tuple(lacks), accounts=accounts)

    def _try_sending(self, works: list[str], lacks: list[str]) -> bool:
        server = self._settings.smtp
        try:
            with smtp.session(self._settings) as opened:
                size = opened.esmtp_features.get("size", "")
        except ProviderError as error:
            lacks.append(f"Sending: {error.message}")
            return False
        works.append(f"Sending: signed in to {server}{_how(server.security)}.")
        if size.isdecimal() and int(size) > 0:
            works.append(f"E-mails of up to {int(size) // 1_000_000} MB.")
        return True

    def _try_receiving(self, works: list[str], lacks: list[str]) -> bool:
        server = self._settings.imap
        try:
            with imap.session(self._settings) as session:
                session.open(polling.INBOX)
                sent, count = session.sent_folder(), len(session.folders())
                idles = "IDLE" in session.capabilities()
        except ProviderError as error:
            lacks.append(f"Receiving: {error.message}")
            return False
        works.append(f"Receiving: signed in to {server}{_how(server.security)}.")
        if sent:
            works.append(f"{count} folders; sent mail is in “{sent}”.")
        else:
            lacks.append("No folder for sent mail was found; name it, so that threads are complete.")
        works.append("News arrive at once (IDLE)." if idles else "News are asked for every minute.")
        return True

    # --- ListsAccounts --------------------------------------------------------------------------------

    def list_accounts(self, *, cursor: str | None = None, limit: int = 100) -> Page[Account]:
        """Return the mailbox. Kind ``auth`` if it cannot be signed in to."""
        del cursor, limit
        account = self.get_account(self._settings.address)
        if account.status is not AccountStatus.OK:
            raise ProviderError(
                ErrorKind.AUTH, account.raw["reason"], provider=PROVIDER, raw_type=account.raw_status
            )
        return Page[Account](items=(account,))

    def get_account(self, account_id: str) -> Account:
        """Sign in to both servers and say how the mailbox is; servers that do not answer raise."""
        self._own(account_id)
        try:
            with smtp.session(self._settings), imap.session(self._settings):
                return self._account(AccountStatus.OK)
        except ProviderError as error:
            if error.disposition is not Disposition.STOP_ACCOUNT:
                raise
            restricted = error.kind is ErrorKind.ACCOUNT_RESTRICTED
            status = AccountStatus.RESTRICTED if restricted else AccountStatus.CREDENTIALS
            return self._account(status, error.raw_type, error.message)

    def _account(self, status: AccountStatus, raw_status: str = "signed in", reason: str = "") -> Account:
        address = self._settings.address
        return Account(
            account_id=address,
            network="email",
            name="",
            status=status,
            raw_status=raw_status,
            own_user_ids=(address,),
            login=self._settings.username,
            address=address,
            raw={"reason": reason},
        )

    # --- SendsEmail -----------------------------------------------------------------------------------

    def send_email(self, *, account_id: str, email: OutgoingEmail) -> SendReceipt:
        """Hand one e-mail to the SMTP server, once, and keep a copy where the server does not."""
        self._own(account_id)
        at = datetime.now(UTC)
        content = build_mime(email, provider=PROVIDER, at=at).as_bytes()
        said = smtp.send(
            self._settings,
            sender=ascii_address(email.from_email),
            recipients=[ascii_address(address) for address in (email.to_email, *email.cc, *email.bcc)],
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

    def list_inbound(
        self,
        *,
        account_id: str,
        since: datetime,
        until: datetime,
        cursor: str | None = None,
        knowledge: MessageKnowledge | None = None,
    ) -> Page[Normalised]:
        """Return what came into the inbox and what was sent on one day of a window."""
        self._own(account_id)
        return polling.window(self._settings, since, until, cursor, knowledge)

    def watch_inbound(self, *, account_id: str) -> Watch:
        """Open a connection that tells when something comes in."""
        self._own(account_id)
        return watching.watch(self._settings)

    # --- FetchesMail ----------------------------------------------------------------------------------

    def fetch_mail(self, *, account_id: str, message_id: str) -> bytes:
        """Return a mail from the inbox, the folder for sent mail, or the junk folder, wherever it lies."""
        self._own(account_id)
        with imap.session(self._settings) as session:
            for folder in filter(None, (polling.INBOX, session.sent_folder(), session.junk_folder())):
                session.open(folder)
                found = session.whole(message_id, max_bytes=imap.MAX_MESSAGE)
                if found is not None:
                    return found
        raise ProviderError(ErrorKind.NOT_FOUND, "The mailbox has this mail no more.", provider=PROVIDER)

    @property
    def settings(self) -> MailboxSettings:
        """The mailbox as its credentials describe it."""
        return self._settings

    def _own(self, account_id: str) -> None:
        if account_id != self._settings.address:
            raise ProviderError(ErrorKind.NOT_FOUND, "This mailbox has another address.", provider=PROVIDER)


def _how(security: str) -> str:
    return {"tls": " over TLS", "starttls": " over STARTTLS"}.get(security, ", unencrypted")
