"""The Unipile adapter: every capability of ``integrations.base`` over Unipile API v1.

Facts and their sources: docs/providers/unipile.md. Unipile keeps no quota of its own, so callers keep the
limits of section 7; calls that LinkedIn counts say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from integrations.base import MessageKnowledge, NoKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.providers.unipile import inbound, parse, settle, webhooks
from integrations.providers.unipile.client import MAX_PAGE, UnipileClient, paging, segment, window
from integrations.providers.unipile.fields import (
    PROVIDER,
    format_time,
    load_object,
    mapping,
    normalise_text,
    text,
)
from integrations.values import (
    Account,
    AccountStatus,
    Chat,
    ChatMessage,
    ConnectLink,
    ConnectNotice,
    CredentialCheck,
    OutgoingAttachment,
    Page,
    Person,
    Profile,
    Raw,
    Relation,
    SendIntent,
    SendReceipt,
    SentInvitation,
    Settlement,
    WebhookFinding,
    WebhookRegistration,
)

MAX_NOTE: Final = 300
"""Longest invitation note. LinkedIn takes 200 from free accounts and answers ``too_many_characters`` then."""
MAX_INMAIL_SUBJECT: Final = 200
MAX_INMAIL: Final = 1900
"""Longest subject and text of an InMail, in characters."""
MAX_ATTACHMENT_BYTES: Final = 15 * 1024 * 1024
_MAX_RELATIONS: Final = 1000
_MAX_INVITATIONS: Final = 100


class UnipileAdapter:
    """One connection to Unipile. Build it with ``registry.adapter_for``."""

    kind = PROVIDER

    def __init__(
        self,
        *,
        credentials: Mapping[str, str],
        base_url: str,
        trusted_base_url: str = "",
        breaker_key: str = "",
    ) -> None:
        self._client = UnipileClient(
            api_key=str(credentials.get("api_key") or ""),
            base_url=base_url,
            trusted_base_url=trusted_base_url,
            breaker_key=breaker_key,
        )

    # --- VerifiesCredentials ----------------------------------------------------------------------

    def verify_credentials(self) -> CredentialCheck:
        """List accounts and webhooks, which touches no LinkedIn account."""
        try:
            accounts = self.list_accounts(limit=MAX_PAGE).items
        except ProviderError as error:
            return CredentialCheck(ok=False, lacks=(error.message,))
        linkedin = tuple(account for account in accounts if account.network == "linkedin")
        works = [f"Unipile answers. LinkedIn accounts: {len(linkedin)}."]
        lacks = [
            f"{account.name or account.account_id} is not connected ({account.raw_status or 'no status'})."
            for account in linkedin
            if account.status is not AccountStatus.OK
        ]
        if not linkedin:
            lacks.append("No LinkedIn account is connected yet.")
        elif not any(account.premium_features for account in linkedin):
            lacks.append("No account has Premium or Sales Navigator, so InMail is not available.")
        try:
            self.list_webhooks()
            works.append("Webhooks can be managed.")
        except ProviderError as error:
            lacks.append(f"Webhooks cannot be managed: {error.message}")
        return CredentialCheck(ok=True, works=tuple(works), lacks=tuple(lacks), accounts=linkedin)

    # --- ConnectsAccounts -------------------------------------------------------------------------

    def list_accounts(self, *, cursor: str | None = None, limit: int = 100) -> Page[Account]:
        """Return a page of all accounts of the DSN, of every network and whoever shares the token."""
        return parse.page(self._client.get("/accounts", params=paging(cursor, limit)), parse.account)

    def get_account(self, account_id: str) -> Account:
        """Return one account."""
        return parse.account(self._client.get(f"/accounts/{segment(account_id)}"))

    def connect_link(
        self,
        *,
        reference: str,
        notify_url: str,
        success_url: str,
        failure_url: str,
        expires_at: datetime,
        reconnect_account_id: str | None = None,
    ) -> ConnectLink:
        """Mint a hosted sign-in address. Mint on click: all of them die at a daily restart."""
        body: Raw = {
            "type": "reconnect" if reconnect_account_id else "create",
            "expiresOn": format_time(expires_at),
            "api_url": self._client.dsn,
            "name": reference,
            "notify_url": notify_url,
            "success_redirect_url": success_url,
            "failure_redirect_url": failure_url,
        }
        if reconnect_account_id:
            body["reconnect_account"] = reconnect_account_id
        else:
            body["providers"] = ["LINKEDIN"]
        answer = self._client.post("/hosted/accounts/link", body)
        return ConnectLink(url=text(answer, "url"), expires_at=expires_at)

    def parse_connect_notice(self, body: bytes) -> ConnectNotice:
        """Read the call to ``notify_url``. It proves nothing: check the reference, re-read the account."""
        raw = load_object(body)
        status = text(raw, "status").upper()
        if not status:
            raise ProviderError(ErrorKind.VALIDATION, "The notice has no status.", provider=PROVIDER)
        return ConnectNotice(
            succeeded=status in {"CREATION_SUCCESS", "RECONNECTED"},
            reconnected=status == "RECONNECTED",
            account_id=text(raw, "account_id"),
            reference=text(raw, "name"),
            raw_status=text(raw, "status"),
        )

    def delete_account(self, account_id: str) -> None:
        """Remove an account at Unipile. Adding it again makes new ids for all its chats and messages."""
        self._client.delete(f"/accounts/{segment(account_id)}")

    # --- ReadsProfiles ----------------------------------------------------------------------------

    def get_profile(self, *, account_id: str, identifier: str) -> Profile:
        """Return a profile as the account sees it, without sections (they are throttled). A profile view."""
        raw = self._client.get(
            f"/users/{segment(identifier)}", account_id=account_id, params=[("account_id", account_id)]
        )
        return parse.profile(raw)

    # --- SendsInvitations -------------------------------------------------------------------------

    def send_invitation(
        self, *, account_id: str, recipient_provider_id: str, note: str = "", email: str = ""
    ) -> SendReceipt:
        """Invite by classic member id (``ACo...``, no slug). ``email`` where LinkedIn demands it."""
        message = normalise_text(note)
        if len(message) > MAX_NOTE:
            raise ProviderError(
                ErrorKind.VALIDATION,
                f"The note has {len(message)} characters; LinkedIn takes {MAX_NOTE}.",
                provider=PROVIDER,
            )
        body: Raw = {"account_id": account_id, "provider_id": recipient_provider_id}
        if message:
            body["message"] = message
        if email:
            body["user_email"] = email
        raw = self._client.post("/users/invite", body, account_id=account_id, send=True, invitation=True)
        usage = raw.get("usage")
        return SendReceipt(
            invitation_id=text(raw, "invitation_id"),
            usage_percent=float(usage) if isinstance(usage, int | float) else None,
            raw=raw,
        )

    def withdraw_invitation(self, *, account_id: str, invitation_id: str) -> None:
        """Take a pending invitation back. LinkedIn then blocks a new one for about three weeks."""
        self._client.delete(
            f"/users/invite/sent/{segment(invitation_id)}",
            account_id=account_id,
            params=[("account_id", account_id)],
        )

    # --- SendsMessages ----------------------------------------------------------------------------

    def send_message(
        self,
        *,
        account_id: str,
        text: str,
        chat_id: str = "",
        recipient_provider_id: str = "",
        attachments: Sequence[OutgoingAttachment] = (),
    ) -> SendReceipt:
        """Write into a chat, or to a person: Unipile reuses an existing one-to-one chat."""
        body = normalise_text(text)
        _check_message(body, chat_id, recipient_provider_id, attachments)
        # In a chat the account id is a guard: Unipile refuses if the chat is another account's.
        fields = [("account_id", account_id), ("text", body)]
        if chat_id:
            path = f"/chats/{segment(chat_id)}/messages"
        else:
            path = "/chats"
            fields.append(("attendees_ids", recipient_provider_id))
        raw = self._client.post_form(path, fields, attachments, account_id=account_id)
        return _receipt(raw, chat_id)

    # --- SendsInmail ------------------------------------------------------------------------------

    def send_inmail(
        self, *, account_id: str, recipient_provider_id: str, subject: str, text: str
    ) -> SendReceipt:
        """Write to somebody outside of the network: costs a credit, unless their profile is open.

        Without a credit left it is kind ``quota``; a seat without Premium is ``unsupported``.
        """
        body, title = normalise_text(text), " ".join(subject.split())
        _check_message(body, "", recipient_provider_id, ())
        for name, value, most in (("subject", title, MAX_INMAIL_SUBJECT), ("text", body, MAX_INMAIL)):
            if len(value) > most:
                problem = f"The {name} of an InMail has {len(value):,} characters; LinkedIn takes {most:,}."
                raise ProviderError(ErrorKind.VALIDATION, problem, provider=PROVIDER)
        fields = [
            ("account_id", account_id),
            ("attendees_ids", recipient_provider_id),
            ("text", body),
            ("linkedin[api]", "classic"),
            ("linkedin[inmail]", "true"),
        ]
        if title:
            fields.append(("subject", title))
        return _receipt(self._client.post_form("/chats", fields, account_id=account_id), "")

    # --- SyncsMessages ----------------------------------------------------------------------------

    def list_chats(
        self, *, account_id: str, after: datetime | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Chat]:
        """Return a page of chats. Read from Unipile's store; not counted by LinkedIn."""
        params = [("account_id", account_id), *window(after, None), *paging(cursor, limit)]
        return parse.page(self._client.get("/chats", account_id=account_id, params=params), parse.chat)

    def get_chat(self, *, account_id: str, chat_id: str) -> Chat:
        """Return a chat by Unipile's or LinkedIn's id. One of another account is kind ``conflict``."""
        raw = self._client.get(
            f"/chats/{segment(chat_id)}", account_id=account_id, params=[("account_id", account_id)]
        )
        chat = parse.chat(raw)
        if chat.account_id and chat.account_id != account_id:
            raise ProviderError(ErrorKind.CONFLICT, "The chat belongs to another account.", provider=PROVIDER)
        return chat

    def chats_with(self, *, account_id: str, recipient_provider_id: str) -> Page[Chat]:
        """Return the one-to-one chats with a person, from Unipile's store."""
        raw = self._client.get(
            f"/chat_attendees/{segment(recipient_provider_id)}/chats",
            account_id=account_id,
            params=[("account_id", account_id)],
        )
        return parse.page(raw, parse.chat)

    def chat_participants(self, *, account_id: str, chat_id: str) -> tuple[Person, ...]:
        """Return who is in a chat; chats themselves do not name their participants."""
        raw = self._client.get(f"/chats/{segment(chat_id)}/attendees", account_id=account_id)
        return parse.page(raw, parse.person).items

    def list_messages(
        self,
        *,
        account_id: str,
        chat_id: str = "",
        after: datetime | None = None,
        before: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
        knowledge: MessageKnowledge | None = None,
    ) -> Page[ChatMessage]:
        """Return a page of messages, newest first. ``after`` and ``before`` are exclusive."""
        if chat_id:
            path, params = f"/chats/{segment(chat_id)}/messages", []
        else:
            path, params = "/messages", [("account_id", account_id)]
        params += [*window(after, before), *paging(cursor, limit)]
        known = knowledge or NoKnowledge()
        return parse.page(
            self._client.get(path, account_id=account_id, params=params),
            lambda raw: parse.message(raw, account_id=account_id, knowledge=known),
        )

    def get_message(
        self, *, account_id: str, message_id: str, knowledge: MessageKnowledge | None = None
    ) -> ChatMessage:
        """Return one message by Unipile's id."""
        raw = self._client.get(f"/messages/{segment(message_id)}", account_id=account_id)
        return parse.message(raw, account_id=account_id, knowledge=knowledge or NoKnowledge())

    def events_from_message(self, message: ChatMessage, *, chat: Chat | None = None) -> Normalised:
        """Turn a polled message into events."""
        return inbound.from_message(message, chat=chat)

    def mark_read(self, *, account_id: str, chat_id: str) -> None:
        """Mark a chat as read."""
        self._client.patch(
            f"/chats/{segment(chat_id)}", {"action": "setReadStatus", "value": True}, account_id=account_id
        )

    def open_attachment(
        self, *, message_id: str, attachment_id: str, max_bytes: int
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open an attachment's bytes."""
        path = f"/messages/{segment(message_id)}/attachments/{segment(attachment_id)}"
        return self._client.stream(path, max_bytes=max_bytes)

    # --- SyncsRelations ---------------------------------------------------------------------------

    def list_relations(
        self, *, account_id: str, cursor: str | None = None, limit: int = 100
    ) -> Page[Relation]:
        """Return a page of connections, newest first. Asks LinkedIn: a few times a day, not hourly."""
        params = [("account_id", account_id), *paging(cursor, limit, _MAX_RELATIONS)]
        return parse.page(
            self._client.get("/users/relations", account_id=account_id, params=params), parse.relation
        )

    def list_sent_invitations(
        self, *, account_id: str, cursor: str | None = None, limit: int = 100
    ) -> Page[SentInvitation]:
        """Return a page of pending invitations; accepted, declined, withdrawn and expired ones vanish."""
        params = [("account_id", account_id), *paging(cursor, limit, _MAX_INVITATIONS)]
        return parse.page(
            self._client.get("/users/invite/sent", account_id=account_id, params=params),
            parse.sent_invitation,
        )

    def events_from_relation(self, *, account_id: str, relation: Relation, seen_at: datetime) -> Normalised:
        """Turn a polled connection into an event."""
        return inbound.from_relation(relation, account_id=account_id, seen_at=seen_at)

    # --- ReceivesWebhooks -------------------------------------------------------------------------

    def verify_webhook(
        self, *, url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Check the secret header; Unipile signs nothing, so the body proves nothing."""
        del body
        webhooks.verify(headers, secrets)

    def webhook_type(self, body: bytes) -> str:
        """Return the event's name, ``""`` if there is none."""
        try:
            return inbound.event_name(load_object(body))
        except ProviderError:
            return ""

    def webhook_key(self, body: bytes) -> str | None:
        """Return the identity of the call, ``None`` for account status and unreadable calls."""
        try:
            return inbound.delivery_key(load_object(body))
        except ProviderError:
            return None

    def normalise(
        self, body: bytes, *, headers: Mapping[str, str], received_at: datetime, knowledge: MessageKnowledge
    ) -> Normalised:
        """Turn a call into events; asks Unipile only if nothing else tells a message's direction."""
        return inbound.from_webhook(
            load_object(body), received_at=received_at, knowledge=knowledge, look_up=self._stored_message
        )

    def _stored_message(self, account_id: str, message_id: str) -> Raw | None:
        """Return Unipile's record of a message. A passing failure is raised: the call is tried again."""
        try:
            raw = self._client.get(f"/messages/{segment(message_id)}", account_id=account_id)
        except ProviderError as error:
            if error.transient:
                raise
            return None
        return raw if text(raw, "account_id") in {"", account_id} else None

    # --- ManagesWebhooks --------------------------------------------------------------------------

    def required_webhooks(self, *, url: str, secret: str) -> tuple[WebhookRegistration, ...]:
        """Return one registration per source."""
        return webhooks.required(url, secret)

    def list_webhooks(self) -> tuple[WebhookRegistration, ...]:
        """Return all registrations of the DSN."""
        found: list[WebhookRegistration] = []
        cursor: str | None = None
        while True:
            raw = self._client.get("/webhooks", params=paging(cursor, MAX_PAGE))
            page = parse.page(raw, webhooks.parse)
            found += page.items
            if page.cursor is None or page.cursor == cursor or not page.items:
                return tuple(found)
            cursor = page.cursor

    def check_webhooks(
        self, *, registered: Sequence[WebhookRegistration], required: Sequence[WebhookRegistration]
    ) -> tuple[WebhookFinding, ...]:
        """Compare what is with what has to be."""
        return webhooks.check(registered, required)

    def create_webhook(self, registration: WebhookRegistration) -> str:
        """Register. Unipile does not notice duplicates: check first."""
        return text(self._client.post("/webhooks", webhooks.body(registration)), "webhook_id", "id")

    def delete_webhook(self, registration_id: str) -> None:
        """Remove a registration."""
        try:
            self._client.delete(f"/webhooks/{segment(registration_id)}")
        except ProviderError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise

    # --- SettlesSends -----------------------------------------------------------------------------

    def settle(self, intent: SendIntent, *, now: datetime) -> Settlement:
        """Look for an uncertain send. For an invitation this may cost a profile view."""
        return settle.settle(self, intent, now)


def _check_message(
    body: str, chat_id: str, recipient: str, attachments: Sequence[OutgoingAttachment]
) -> None:
    """Refuse what Unipile would refuse, before anything is counted."""
    problem = ""
    if not chat_id and not recipient:
        problem = "A message needs a chat or a recipient."
    elif not body and not attachments:
        problem = "The message is empty."
    elif any(len(item.content) > MAX_ATTACHMENT_BYTES for item in attachments):
        problem = "An attachment is larger than 15 MB."
    if problem:
        raise ProviderError(ErrorKind.VALIDATION, problem, provider=PROVIDER)


def _receipt(raw: Raw, chat_id: str) -> SendReceipt:
    """Read ``MessageSent`` or ``ChatStarted``; both answer null ids at times."""
    nested = mapping(raw.get("message"))
    return SendReceipt(
        message_id=text(raw, "message_id") or text(nested, "id"),
        provider_message_id=text(raw, "provider_message_id") or text(nested, "provider_id"),
        chat_id=text(raw, "chat_id") or chat_id,
        provider_chat_id=text(raw, "provider_chat_id"),
        raw=raw,
    )
