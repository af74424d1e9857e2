"""An outside world in memory: the Unipile adapter with its sends and reads answered here.

Webhooks are parsed and verified by the real adapter. ``World`` remembers what really went out, so that tests
can say that nothing was sent twice and nothing was lost.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.unipile import parse, settle
from integrations.providers.unipile.adapter import UnipileAdapter
from integrations.values import (
    Account,
    AccountStatus,
    Chat,
    ChatMessage,
    ConnectLink,
    CredentialCheck,
    Page,
    Profile,
    Relation,
    SendReceipt,
    SentInvitation,
    Settlement,
    SettlementOutcome,
    WebhookRegistration,
)
from project.core.clock import now

OWN_ID = "ACoAABown"
ACCOUNT_ID = "acc-1"


class Killed(BaseException):
    """The worker was killed here: no ``except Exception`` sees it."""


class World:
    """What exists and happens at the provider."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.failures: deque[Exception | BaseException | Callable[[], None]] = deque()
        #: Raised after the provider has taken the send: the answer is lost.
        self.failures_after: deque[BaseException] = deque()
        self.messages: list[dict[str, Any]] = []
        self.relations: list[dict[str, Any]] = []
        self.registered: list[WebhookRegistration] = []
        self.status = AccountStatus.OK
        self.gone = False
        self.profiles: dict[str, Profile] = {}
        self.read_error: ProviderError | None = None
        self.requests: Counter[str] = Counter()
        self.credentials_ok = True
        self.silent_receipts = False
        self._ids = itertools.count(1)

    def deliver(self, entry: dict[str, Any]) -> dict[str, Any]:
        if self.failures:
            failure = self.failures.popleft()
            if isinstance(failure, BaseException):
                raise failure
            failure()
        number = next(self._ids)
        entry |= {"id": f"m_{number}", "provider_id": f"2-{number}", "at": now()}
        self.sent.append(entry)
        if self.failures_after:
            raise self.failures_after.popleft()
        return entry

    def add_message(
        self, text: str, *, sender_id: str = "ACoAABlead", at: datetime | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Put a message into the provider's store."""
        number = next(self._ids)
        at = at or now()
        raw = {
            "object": "Message",
            "id": f"m_{number}",
            "provider_id": f"2-{number}",
            "chat_id": "c_1",
            "chat_provider_id": "2-chat1",
            "account_id": ACCOUNT_ID,
            "sender_id": sender_id,
            "text": text,
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z",
            "is_sender": int(sender_id == OWN_ID),
            "is_event": 0,
            "seen": 0,
            "delivered": 0,
            "edited": 0,
            "deleted": 0,
            "hidden": 0,
            "attachments": [],
            "reactions": [],
            "message_type": "MESSAGE",
            **fields,
        }
        self.messages.append(raw)
        return raw


WORLD = World()


def unavailable(message: str = "Unipile is down.", **fields: Any) -> ProviderError:
    return ProviderError(ErrorKind.UNAVAILABLE, message, provider="unipile", **fields)


def problem(kind: ErrorKind, **fields: Any) -> ProviderError:
    return ProviderError(kind, f"A problem: {kind.value}.", provider="unipile", **fields)


class WorldAdapter(UnipileAdapter):
    """The Unipile adapter, asking ``WORLD`` instead of the network."""

    def verify_credentials(self) -> CredentialCheck:
        if not WORLD.credentials_ok:
            return CredentialCheck(ok=False, lacks=("The access token is wrong.",))
        return CredentialCheck(ok=True, works=("Unipile answers.",))

    def get_account(self, account_id: str) -> Account:
        if WORLD.gone:
            raise problem(ErrorKind.NOT_FOUND)
        return Account(
            account_id=account_id,
            network="linkedin",
            name="Maya Lindqvist",
            status=WORLD.status,
            raw_status=WORLD.status.value.upper(),
            own_user_ids=(OWN_ID,),
            public_identifier="maya-lindqvist",
        )

    def connect_link(self, **kwargs: Any) -> ConnectLink:
        WORLD.requests["connect_link"] += 1
        WORLD.last_link = kwargs  # type: ignore[attr-defined]
        return ConnectLink(url="https://account.example/x", expires_at=kwargs["expires_at"])

    def get_profile(self, *, account_id: str, identifier: str) -> Profile:
        WORLD.requests["profile"] += 1
        if WORLD.read_error:
            raise WORLD.read_error
        return WORLD.profiles.get(
            identifier, Profile(provider_id=f"ACoAAB{identifier}", public_identifier=identifier)
        )

    def send_invitation(
        self, *, account_id: str, recipient_provider_id: str, note: str = "", email: str = ""
    ) -> SendReceipt:
        entry = WORLD.deliver({"action": "invite", "to": recipient_provider_id, "text": note})
        return SendReceipt(invitation_id=entry["id"])

    def send_message(
        self,
        *,
        account_id: str,
        text: str,
        chat_id: str = "",
        recipient_provider_id: str = "",
        attachments: Any = (),
    ) -> SendReceipt:
        entry = WORLD.deliver({"action": "message", "to": recipient_provider_id or chat_id, "text": text})
        if WORLD.silent_receipts:
            return SendReceipt()
        return SendReceipt(message_id=entry["id"], chat_id=chat_id or "c_1")

    def list_messages(self, *, account_id: str, knowledge: Any = None, **query: Any) -> Page[ChatMessage]:
        WORLD.requests["messages"] += 1
        if WORLD.read_error:
            raise WORLD.read_error
        rows = [parse.message(raw, account_id=account_id, knowledge=knowledge) for raw in WORLD.messages]
        if query.get("after"):
            rows = [row for row in rows if row.sent_at > query["after"]]
        if query.get("before"):
            rows = [row for row in rows if row.sent_at < query["before"]]
        rows.sort(key=lambda row: row.sent_at, reverse=True)
        start = int(query.get("cursor") or 0)
        limit = min(query.get("limit") or 100, 10)
        more = start + limit < len(rows)
        return Page[ChatMessage](
            items=tuple(rows[start : start + limit]), cursor=str(start + limit) if more else None
        )

    def get_chat(self, *, account_id: str, chat_id: str) -> Chat:
        WORLD.requests["chat"] += 1
        return Chat(
            chat_id="c_1",
            account_id=account_id,
            provider_chat_id="2-chat1",
            counterpart_id="ACoAABlead",
            is_group=False,
        )

    def list_relations(
        self, *, account_id: str, cursor: str | None = None, limit: int = 100
    ) -> Page[Relation]:
        WORLD.requests["relations"] += 1
        return Page[Relation](items=tuple(parse.relation(raw) for raw in WORLD.relations))

    def list_sent_invitations(
        self, *, account_id: str, cursor: str | None = None, limit: int = 100
    ) -> Page[SentInvitation]:
        items = tuple(
            SentInvitation(invitation_id=entry["id"], provider_id=entry["to"])
            for entry in WORLD.sent
            if entry["action"] == "invite"
        )
        return Page[SentInvitation](items=items)

    def settle(self, intent: Any, *, now: datetime) -> Any:
        """The real settlement for invitations; messages are looked up in what was really sent."""
        if WORLD.read_error:
            raise WORLD.read_error
        found = [
            entry
            for entry in WORLD.sent
            if entry["text"] == intent.text
            and entry["at"] >= intent.attempted_at - settle.CLOCK_SKEW
            and entry["id"] not in intent.known_message_ids
        ]
        if found:
            ids = {} if intent.action == "invite" else {"message_id": found[0]["id"]}
            return Settlement(
                outcome=SettlementOutcome.SENT, evidence="It is there.", receipt=SendReceipt(**ids)
            )
        certain_at = intent.attempted_at + timedelta(seconds=120)
        if now < certain_at:
            return Settlement(outcome=SettlementOutcome.UNDECIDED, evidence="Not yet.", retry_at=certain_at)
        return Settlement(outcome=SettlementOutcome.NOT_SENT, evidence="It is not there.")

    def list_webhooks(self) -> tuple[WebhookRegistration, ...]:
        return tuple(WORLD.registered)

    def create_webhook(self, registration: WebhookRegistration) -> str:
        made = registration.model_copy(
            update={"registration_id": f"we_{len(WORLD.registered) + 1}_{id(registration)}"}
        )
        WORLD.registered.append(made)
        return made.registration_id

    def delete_webhook(self, registration_id: str) -> None:
        WORLD.registered[:] = [row for row in WORLD.registered if row.registration_id != registration_id]
