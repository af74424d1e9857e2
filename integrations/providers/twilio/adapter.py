"""The Twilio adapter: text messages over the API of 2010-04-01 (docs/providers/twilio.md).

A sender account is a telephone number (its id is the number itself) or a messaging service (``MG...``), which picks
one of its numbers for each recipient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from integrations.base import MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.providers.twilio import accounts, inbound, parse, polling, settle, webhooks
from integrations.providers.twilio.client import TwilioClient
from integrations.providers.twilio.fields import PROVIDER, load_form, normalise_text, text
from integrations.values import (
    Account,
    CredentialCheck,
    OutgoingSms,
    Page,
    SendIntent,
    SendReceipt,
    Settlement,
)

MAX_BODY: Final = 1600
"""Longest text that Twilio takes, in characters."""


class TwilioAdapter:
    """One Twilio account. Build it with ``registry.adapter_for``."""

    kind = PROVIDER

    def __init__(
        self,
        *,
        credentials: Mapping[str, str],
        base_url: str,
        trusted_base_url: str = "",
        breaker_key: str = "",
    ) -> None:
        self._client = TwilioClient(
            credentials=credentials,
            base_url=base_url,
            trusted_base_url=trusted_base_url,
            breaker_key=breaker_key,
        )

    # --- VerifiesCredentials ----------------------------------------------------------------------

    def verify_credentials(self) -> CredentialCheck:
        """Read the account and its numbers; nothing is sent."""
        try:
            state = text(self._client.get(".json"), "status")
            found = self.list_accounts().items
        except ProviderError as error:
            return CredentialCheck(ok=False, lacks=(error.message,))
        if state not in {"", "active"}:
            return CredentialCheck(ok=False, lacks=(f"Twilio says that the account is {state}.",))
        numbers = [account for account in found if account.address]
        lacks = []
        if not numbers:
            lacks.append("The account has no telephone number yet.")
        lacks += [
            f"{account.address} is not registered for A2P messaging in the United States"
            f" ({account.options.get('a2p_status') or 'in no messaging service'})."
            for account in numbers
            if account.address.startswith("+1") and account.options.get("a2p_status") != "approved"
        ]
        works = (f"Twilio answers. Telephone numbers: {len(numbers)}.",)
        return CredentialCheck(ok=True, works=works, lacks=tuple(lacks), accounts=found)

    # --- ListsAccounts, RoutesInbound -------------------------------------------------------------

    def list_accounts(self, *, cursor: str | None = None, limit: int = 100) -> Page[Account]:
        """Return all numbers and messaging services on one page."""
        del cursor, limit
        return accounts.listing(self._client)

    def get_account(self, account_id: str) -> Account:
        """Return one number or messaging service."""
        return accounts.one(self._client, account_id)

    def route_inbound(self, *, account_id: str, url: str) -> None:
        """Have what is written to a number brought to ``url``."""
        accounts.route_inbound(self._client, account_id, url)

    # --- SendsSms ---------------------------------------------------------------------------------

    def send_sms(self, *, account_id: str, sms: OutgoingSms) -> SendReceipt:
        """Hand one text over. Twilio knows no repeated request, so it is sent once and settled if in doubt."""
        body = normalise_text(sms.text)
        if not body or len(body) > MAX_BODY:
            problem = f"The text has {len(body):,} characters; Twilio takes 1 to {MAX_BODY:,}."
            raise ProviderError(ErrorKind.VALIDATION, problem, provider=PROVIDER)
        fields = [("To", sms.to), ("Body", body)]
        service = account_id if inbound.is_service(account_id) else sms.messaging_service_sid
        if not inbound.is_service(account_id):
            fields.append(("From", sms.from_number or account_id))
        if service:
            fields.append(("MessagingServiceSid", service))
        if sms.status_callback:
            fields.append(("StatusCallback", sms.status_callback))
        raw = self._client.post("/Messages.json", fields, send=True, recipient=sms.to)
        return parse.receipt(raw, account_id, sms.to)

    # --- ReceivesWebhooks -------------------------------------------------------------------------

    def verify_webhook(
        self, *, url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Check the signature over address and fields."""
        webhooks.verify(url, headers, body, secrets)

    def webhook_type(self, body: bytes) -> str:
        """Return what the call is about, ``""`` if it cannot be read."""
        try:
            return inbound.event_name(load_form(body))
        except ProviderError:
            return ""

    def webhook_key(self, body: bytes) -> str | None:
        """Return the identity of the call, ``None`` for one that cannot be read."""
        try:
            return inbound.delivery_key(load_form(body))
        except ProviderError:
            return None

    def normalise(
        self, body: bytes, *, headers: Mapping[str, str], received_at: datetime, knowledge: MessageKnowledge
    ) -> Normalised:
        """Turn a call into events. Asks nobody."""
        return inbound.from_webhook(
            load_form(body), headers=headers, received_at=received_at, knowledge=knowledge
        )

    # --- PollsInbound -----------------------------------------------------------------------------

    def poll_inbound(
        self, *, account_id: str, cursor: str, limit: int = 100, knowledge: MessageKnowledge | None = None
    ) -> Page[Normalised]:
        """Return the messages of theirs since ``cursor``, oldest first."""
        del knowledge
        return polling.poll(self._client, account_id, cursor, limit)

    def list_inbound(
        self,
        *,
        account_id: str,
        since: datetime,
        until: datetime,
        cursor: str | None = None,
        knowledge: MessageKnowledge | None = None,
    ) -> Page[Normalised]:
        """Return the messages of theirs of one day of a window."""
        del knowledge
        return polling.window(self._client, account_id, since, until, cursor)

    # --- SettlesSends -----------------------------------------------------------------------------

    def settle(self, intent: SendIntent, *, now: datetime) -> Settlement:
        """Look for an uncertain text in the account's list of messages."""
        return settle.settle(self._client, intent, now)
