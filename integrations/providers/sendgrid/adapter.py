"""The SendGrid adapter: every capability that SendGrid v3 has, thin over the rest of the folder.

Facts and their sources: docs/providers/sendgrid.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from integrations.base import MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.providers.sendgrid import (
    inbound,
    inbound_mail,
    received,
    records,
    registrations,
    send,
    settle,
    webhooks,
)
from integrations.providers.sendgrid.client import SendGridClient, segment
from integrations.providers.sendgrid.fields import PROVIDER, text
from integrations.values import (
    Account,
    AddressVerdict,
    CredentialCheck,
    OutgoingEmail,
    Page,
    ProviderSuppression,
    SenderIdentity,
    SendIntent,
    SendReceipt,
    Settlement,
    WebhookFinding,
    WebhookRegistration,
)

MAX_PAGE: Final = 100
MAX_SUPPRESSIONS: Final = 500
_TRUE: Final = frozenset({"1", "yes", "true", "on"})
#: (path, sentence if it works, what is lacking if it does not).
_PROBES: Final[tuple[tuple[str, str, str], ...]] = (
    ("/verified_senders", "Sender addresses can be listed and added.", "Sender addresses cannot be managed"),
    (
        "/user/webhooks/event/settings/all",
        "Event webhooks can be managed.",
        "Event webhooks cannot be managed",
    ),
    ("/user/webhooks/parse/settings", "Inbound mail can be set up.", "Inbound Parse cannot be managed"),
    (
        "/suppression/bounces",
        "SendGrid's suppressions can be read.",
        "SendGrid's suppressions cannot be read",
    ),
    ("/ips/pools", "IP pools can be chosen.", "IP pools cannot be listed"),
    (
        "/messages",
        "The e-mail activity can be asked about uncertain sends.",
        "The plan has no e-mail activity, so uncertain sends are settled by reports only",
    ),
)


class SendGridAdapter:
    """One connection to SendGrid. Build it with ``registry.adapter_for``."""

    kind = PROVIDER

    def __init__(
        self,
        *,
        credentials: Mapping[str, str],
        base_url: str,
        trusted_base_url: str = "",
        breaker_key: str = "",
    ) -> None:
        self._credentials = credentials

        def client(name: str) -> SendGridClient:
            return SendGridClient(
                api_key=str(credentials.get(name) or ""),
                base_url=base_url,
                trusted_base_url=trusted_base_url,
                breaker_key=breaker_key if name == "api_key" else f"{breaker_key}:{name}",
            )

        self._client = client("api_key")
        # A key of its own: the vendor sells validation apart.
        self._validation = client("validation_key")

    # --- VerifiesCredentials ----------------------------------------------------------------------

    def verify_credentials(self) -> CredentialCheck:
        """Read the key's rights and try each feature with a harmless read."""
        try:
            scopes = self._client.get("/scopes").get("scopes")
        except ProviderError as error:
            return CredentialCheck(ok=False, lacks=(error.message,))
        held = {item for item in scopes if isinstance(item, str)} if isinstance(scopes, list) else set()
        if "mail.send" not in held:
            return CredentialCheck(ok=False, lacks=("The API key lacks the right mail.send.",))
        works, lacks = ["SendGrid answers, and the API key may send."], []
        for path, yes, no in _PROBES:
            problem = _problem_of(lambda path=path: self._client.get_list(path, [("limit", "1")]))  # type: ignore[misc]
            if problem:
                lacks.append(f"{no}: {problem}")
            else:
                works.append(yes)
        self._check_optional(works, lacks)
        senders = (
            () if lacks and lacks[0].startswith(_PROBES[0][2]) else self.list_accounts(limit=MAX_PAGE).items
        )
        return CredentialCheck(ok=True, works=tuple(works), lacks=tuple(lacks), accounts=senders)

    def _check_optional(self, works: list[str], lacks: list[str]) -> None:
        """Look at what the connection may do without: validation, inbound mail, sandbox mode."""
        if not self._credentials.get("validation_key"):
            lacks.append("No key for e-mail validation is set; addresses are checked here instead.")
        elif problem := _problem_of(lambda: self._validation.get("/scopes")):
            lacks.append(f"E-mail validation does not work: {problem}")
        else:
            works.append("The key for e-mail validation is accepted.")
        if not self._parse_hosts():
            lacks.append("No host for inbound mail is set, so replies have to come through a mailbox.")
        if self._sandbox_mode():
            lacks.append("Sandbox mode is on: SendGrid checks e-mails and sends none.")

    def _sandbox_mode(self) -> bool:
        return str(self._credentials.get("sandbox_mode") or "").strip().lower() in _TRUE

    def _parse_hosts(self) -> list[str]:
        named = str(self._credentials.get("parse_hosts") or "").replace(",", " ").split()
        return list(dict.fromkeys(host.lower() for host in named))

    # --- ListsAccounts: the verified senders ----------------------------------------------------------

    def list_accounts(self, *, cursor: str | None = None, limit: int = 100) -> Page[Account]:
        """Return a page of the verified senders, as accounts."""
        page = self._identities(cursor, limit)
        return Page[Account](items=tuple(map(records.account, page.items)), cursor=page.cursor)

    def get_account(self, account_id: str) -> Account:
        """Return one verified sender as an account. Kind ``not_found`` if it is gone."""
        # Ids are numbers; another word would be refused as a wrong filter.
        rows = (
            self._client.get_list("/verified_senders", [("id", account_id)]) if account_id.isdigit() else []
        )
        # The filter is not documented for all plans; an answer to a wider question is searched.
        found = next((row for row in rows if text(row, "id") == account_id), None)
        if found is None:
            raise ProviderError(ErrorKind.NOT_FOUND, "SendGrid does not have this sender.", provider=PROVIDER)
        return records.account(records.identity(found, self._authenticated_domains()))

    # --- VerifiesIdentities -----------------------------------------------------------------------

    def list_identities(self, *, cursor: str | None = None) -> Page[SenderIdentity]:
        """Return a page of the verified senders."""
        return self._identities(cursor, MAX_PAGE)

    def _identities(self, cursor: str | None, limit: int) -> Page[SenderIdentity]:
        size = max(1, min(limit, MAX_PAGE))
        params = [("limit", str(size)), *([("lastSeenID", cursor)] if cursor else [])]
        rows = self._client.get_list("/verified_senders", params)
        domains = self._authenticated_domains() if rows else frozenset()
        items = tuple(records.identity(row, domains) for row in rows)
        more = len(rows) >= size and items[-1].identity_id != cursor
        return Page[SenderIdentity](items=items, cursor=items[-1].identity_id if more else None)

    def _authenticated_domains(self) -> frozenset[str]:
        """Domains whose DNS is proven: every address of theirs may send. Unknown if the key may not ask."""
        try:
            rows = self._client.get_list("/whitelabel/domains", [("limit", "50")])
        except ProviderError as error:
            if error.transient or error.kind is ErrorKind.AUTH:
                raise
            return frozenset()
        return frozenset(text(row, "domain").lower() for row in rows if row.get("valid") is True)

    def create_identity(
        self, *, address: str, name: str, reply_to: str, postal: Mapping[str, str]
    ) -> SenderIdentity:
        """Add a verified sender, or return the one that exists; its owner gets a mail with a link."""
        wanted = address.strip().lower()
        cursor: str | None = None
        while True:
            page = self._identities(cursor, MAX_PAGE)
            for known in page.items:
                if known.address == wanted:
                    return known
            cursor = page.cursor
            if cursor is None:
                break
        body = {
            "nickname": f"{name} <{wanted}>"[:100],
            "from_email": wanted,
            "from_name": name,
            "reply_to": reply_to or wanted,
            "reply_to_name": name,
            "address": postal.get("address", "")[:100],
            "city": postal.get("city", "")[:150],
            "zip": postal.get("zip", "")[:10],
            "country": postal.get("country", "")[:100],
        }
        return records.identity(self._client.post("/verified_senders", body), self._authenticated_domains())

    def resend_verification(self, identity_id: str) -> None:
        """Send the mail with the link again."""
        self._client.post(f"/verified_senders/resend/{segment(identity_id)}", {})

    # --- ListsIpPools -----------------------------------------------------------------------------

    def list_ip_pools(self) -> tuple[str, ...]:
        """Return the names of the account's IP pools."""
        return tuple(filter(None, (text(row, "name") for row in self._client.get_list("/ips/pools"))))

    # --- SendsEmail -------------------------------------------------------------------------------

    def send_email(self, *, account_id: str, email: OutgoingEmail) -> SendReceipt:
        """Queue one e-mail at SendGrid: 202 says that it was taken, its reports say what became of it. In sandbox
        mode the answer is 200 and nothing is sent.
        """
        body = send.body_of(email, account_id=account_id, sandbox_mode=self._sandbox_mode())
        response = self._client.send("/mail/send", body)
        return send.receipt_of(email, response.headers.get("X-Message-Id", ""))

    # --- ReceivesWebhooks -------------------------------------------------------------------------

    def verify_webhook(
        self, *, url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Check the signature over the timestamp and the raw body; ``secrets`` are public keys."""
        del url
        webhooks.verify(headers, body, secrets)

    def webhook_type(self, body: bytes) -> str:
        """Return ``inbound_parse``, the event's name, or ``events`` for a batch of several."""
        return inbound_mail.NAME if inbound_mail.is_mail(body) else inbound.call_name(body)

    def webhook_key(self, body: bytes) -> str | None:
        """Return the identity of a mail; a batch has none but its bytes."""
        return inbound_mail.key_of(body) if inbound_mail.is_mail(body) else inbound.batch_key(body)

    def normalise(
        self, body: bytes, *, headers: Mapping[str, str], received_at: datetime, knowledge: MessageKnowledge
    ) -> Normalised:
        """Turn a batch of events, or a mail, into events. SendGrid is not asked."""
        del headers
        if inbound_mail.is_mail(body):
            return received.from_mail(inbound_mail.read(body), received_at=received_at, knowledge=knowledge)
        return inbound.from_batch(body, received_at=received_at, knowledge=knowledge)

    # --- ManagesWebhooks --------------------------------------------------------------------------

    def mail_of(self, body: bytes) -> bytes:
        """Return the mail that a call of Inbound Parse brought."""
        return inbound_mail.read(body).mail

    def required_webhooks(self, *, url: str, secret: str) -> tuple[WebhookRegistration, ...]:
        """Return the event webhook, and the setting of each host for inbound mail."""
        return webhooks.required(url, secret, self._parse_hosts())

    def list_webhooks(self) -> tuple[WebhookRegistration, ...]:
        """Return what is registered, each with its public key."""
        return registrations.listed(self._client)

    def check_webhooks(
        self, *, registered: Sequence[WebhookRegistration], required: Sequence[WebhookRegistration]
    ) -> tuple[WebhookFinding, ...]:
        """Compare what is with what has to be."""
        return webhooks.check(registered, required)

    def create_webhook(self, registration: WebhookRegistration) -> str:
        """Register, signed; one that has an id is changed in place, with a new key."""
        return registrations.register(self._client, registration)

    def delete_webhook(self, registration_id: str) -> None:
        """Remove a registration."""
        registrations.remove(self._client, registration_id)

    # --- SyncsSuppressions ------------------------------------------------------------------------

    def list_suppressions(
        self, *, kind: str, after: datetime | None = None, cursor: str | None = None
    ) -> Page[ProviderSuppression]:
        """Return a page of one list. SendGrid states no order; each page is put in order of time."""
        path = records.LISTS.get(kind)
        if path is None:
            raise ProviderError(ErrorKind.UNSUPPORTED, f"SendGrid has no list {kind!r}.", provider=PROVIDER)
        offset = int(cursor) if cursor and cursor.isdigit() else 0
        params = [("limit", str(MAX_SUPPRESSIONS)), ("offset", str(offset))]
        if after is not None:
            params.append(("start_time", str(int(after.timestamp()))))
        rows = self._client.get_list(path, params)
        found = (records.suppression(kind, row) for row in rows)
        items = sorted((item for item in found if item.address), key=_created)
        more = len(rows) >= MAX_SUPPRESSIONS
        return Page[ProviderSuppression](
            items=tuple(items), cursor=str(offset + MAX_SUPPRESSIONS) if more else None
        )

    def suppress(self, address: str) -> None:
        """Put an address on the global list of unsubscribes."""
        self._client.post("/asm/suppressions/global", {"recipient_emails": [address]})

    def unsuppress(self, address: str) -> None:
        """Take an address off the global list of unsubscribes."""
        self._client.delete(f"/asm/suppressions/global/{segment(address)}")

    # --- ValidatesAddresses -----------------------------------------------------------------------

    def validate_email(self, address: str) -> AddressVerdict:
        """Judge one address; each question is paid for."""
        if not self._credentials.get("validation_key"):
            raise ProviderError(
                ErrorKind.UNSUPPORTED, "No key for e-mail validation is set.", provider=PROVIDER
            )
        raw = self._validation.post("/validations/email", {"email": address, "source": "outbound engine"})
        return records.verdict(address, raw)

    # --- SettlesSends -----------------------------------------------------------------------------

    def settle(self, intent: SendIntent, *, now: datetime) -> Settlement:
        """Look for an uncertain e-mail in the activity."""
        return settle.settle(self._client, intent, now)


def _problem_of(call: Callable[[], Any]) -> str:
    """Return why a call did not work, ``""`` if it did."""
    try:
        call()
    except ProviderError as error:
        return error.message
    return ""


def _created(item: ProviderSuppression) -> float:
    return item.created_at.timestamp() if item.created_at else 0.0
