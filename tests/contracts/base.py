"""What every adapter has to do, whatever it speaks to. A provider's own subclass brings the world.

The same tests run against payloads written by hand and against the sandbox over real HTTP. A capability that
the registry does not claim is skipped (``needs``); one that it claims is tested.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar, cast
from uuid import uuid4

import pytest

from integrations import events, registry
from integrations.base import (
    PROTOCOLS,
    Adapter,
    Capability,
    ConnectsAccounts,
    ListsAccounts,
    ManagesWebhooks,
    MessageKnowledge,
    NoKnowledge,
    ReadsProfiles,
    ReceivesWebhooks,
    SendsEmail,
    SendsInmail,
    SendsInvitations,
    SendsMessages,
    SendsSms,
    SettlesSends,
    SyncsMessages,
    SyncsRelations,
    VerifiesCredentials,
)
from integrations.errors import Disposition, ErrorKind, ProviderError, WebhookRefusedError
from integrations.values import (
    AccountStatus,
    ChatMessage,
    Direction,
    InvitationState,
    OutgoingEmail,
    OutgoingSms,
    Page,
    SendAction,
    SendIntent,
    SettlementOutcome,
)
from tests.contracts.fixtures import Fixture, fixtures_of

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P")
NOW = datetime(2026, 3, 12, 10, 0, tzinfo=UTC)


def needs(*capabilities: Capability) -> Callable[[F], F]:
    """A test of the contract for providers that claim all of ``capabilities``; the others do not have it."""

    def mark(test: F) -> F:
        test.needs = capabilities
        return test

    return mark


@dataclass
class Outside:
    """A world in which the contract can be tried. All ids are the provider's; what the provider's channel has no
    use for stays empty.

    ``stranger``   somebody who can be invited and is not connected.
    ``invited``    somebody with a pending invitation of the account.
    ``connected``  a connection with the chat ``chat_id``; the chat holds one message of theirs, ``their_text``.
    ``phone``      a number that text messages reach; ``lost_phone`` one that the provider refuses.
    """

    adapter: Adapter
    wrong_adapter: Adapter
    account_id: str
    own_user_id: str = ""
    stranger: str = ""
    invited: str = ""
    connected: str = ""
    connected_slug: str = ""
    chat_id: str = ""
    their_text: str = ""
    phone: str = ""
    #: An address that mail reaches.
    email: str = ""
    lost_phone: str = ""
    webhook_url: str = "https://app.test/webhooks/contract/key"
    #: The provider's clock may run apart from ours.
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def require(adapter: Adapter, protocol: Callable[..., P]) -> P:
    """Narrow an adapter to a capability; the test is skipped if it does not have it (nor claim it)."""
    if not isinstance(adapter, protocol):  # type: ignore[arg-type]  # every capability is a class
        pytest.skip(f"{adapter.kind} is no {protocol.__name__}.")
    return cast(P, adapter)


def everything(fetch: Callable[[str | None], Page[T]]) -> list[T]:
    """Follow cursors to the end; a provider that never ends fails."""
    found: list[T] = []
    cursor: str | None = None
    for _ in range(500):
        page = fetch(cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("The list does not end.")


def eventually(look: Callable[[], T | None], seconds: float = 5.0) -> T:
    """Return the first thing that ``look`` finds: providers show their own writes a little later."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, "It never showed up."
        time.sleep(pause)
        pause = min(0.5, pause * 2)


class AdapterContract(ABC):
    """Tests that each adapter passes. Subclass as ``Test...``, set ``kind`` and provide ``outside``."""

    kind: ClassVar[str]

    @pytest.fixture
    @abstractmethod
    def outside(self) -> Iterator[Outside] | Outside:
        """Give a world to try in."""

    # --- Shape ------------------------------------------------------------------------------------

    def test_claims_are_true(self, outside: Outside) -> None:
        claimed = registry.get(self.kind).capabilities
        for capability, protocol in PROTOCOLS.items():
            assert isinstance(outside.adapter, protocol) == (capability in claimed), capability
        assert outside.adapter.kind == self.kind

    # --- Credentials ------------------------------------------------------------------------------

    @needs(Capability.VERIFIES_CREDENTIALS)
    def test_right_credentials_work(self, outside: Outside) -> None:
        check = require(outside.adapter, VerifiesCredentials).verify_credentials()
        assert check.ok
        assert check.works
        if Capability.LISTS_ACCOUNTS in registry.get(self.kind).capabilities:
            assert outside.account_id in {account.account_id for account in check.accounts}

    @needs(Capability.VERIFIES_CREDENTIALS)
    def test_wrong_credentials_say_so(self, outside: Outside) -> None:
        check = require(outside.wrong_adapter, VerifiesCredentials).verify_credentials()
        assert not check.ok
        assert check.lacks

    @needs(Capability.LISTS_ACCOUNTS)
    def test_wrong_credentials_stop_the_connection(self, outside: Outside) -> None:
        with pytest.raises(ProviderError) as caught:
            require(outside.wrong_adapter, ListsAccounts).list_accounts()
        assert caught.value.kind is ErrorKind.AUTH
        assert caught.value.disposition is Disposition.FIX_CONNECTION

    # --- Accounts ---------------------------------------------------------------------------------

    @needs(Capability.LISTS_ACCOUNTS)
    def test_accounts(self, outside: Outside) -> None:
        adapter = require(outside.adapter, ListsAccounts)
        accounts = everything(lambda cursor: adapter.list_accounts(cursor=cursor, limit=1))
        ids = [account.account_id for account in accounts]
        assert len(ids) == len(set(ids))
        account = adapter.get_account(outside.account_id)
        assert account.account_id in ids
        assert account.status is AccountStatus.OK
        if outside.own_user_id:
            assert outside.own_user_id in account.own_user_ids
        with pytest.raises(ProviderError) as caught:
            adapter.get_account("no-such-account")
        assert caught.value.kind is ErrorKind.NOT_FOUND

    @needs(Capability.CONNECTS_ACCOUNTS)
    def test_connect_link(self, outside: Outside) -> None:
        adapter = require(outside.adapter, ConnectsAccounts)
        for account_id in (None, outside.account_id):
            link = adapter.connect_link(
                reference="nonce",
                notify_url="https://app.test/notify",
                success_url="https://app.test/yes",
                failure_url="https://app.test/no",
                expires_at=outside.now() + timedelta(hours=1),
                reconnect_account_id=account_id,
            )
            assert link.url.startswith("http")

    # --- People -----------------------------------------------------------------------------------

    @needs(Capability.READS_PROFILES)
    def test_profile_by_id_and_by_slug(self, outside: Outside) -> None:
        adapter = require(outside.adapter, ReadsProfiles)
        by_id = adapter.get_profile(account_id=outside.account_id, identifier=outside.connected)
        by_slug = adapter.get_profile(account_id=outside.account_id, identifier=outside.connected_slug)
        assert by_id.provider_id == by_slug.provider_id == outside.connected
        assert by_id.public_identifier == outside.connected_slug
        assert by_id.is_connected is True

    @needs(Capability.READS_PROFILES)
    def test_profile_of_the_invited(self, outside: Outside) -> None:
        adapter = require(outside.adapter, ReadsProfiles)
        profile = adapter.get_profile(account_id=outside.account_id, identifier=outside.invited)
        assert profile.invitation is InvitationState.SENT_PENDING
        assert not profile.is_connected

    @needs(Capability.READS_PROFILES)
    def test_unknown_person(self, outside: Outside) -> None:
        adapter = require(outside.adapter, ReadsProfiles)
        with pytest.raises(ProviderError) as caught:
            adapter.get_profile(account_id=outside.account_id, identifier="nobody-of-this-name")
        assert caught.value.disposition is Disposition.SKIP_LEAD

    # --- Invitations ------------------------------------------------------------------------------

    @needs(Capability.SENDS_INVITATIONS)
    def test_invitation(self, outside: Outside) -> None:
        receipt = require(outside.adapter, SendsInvitations).send_invitation(
            account_id=outside.account_id, recipient_provider_id=outside.stranger, note="Hello\r\nthere "
        )
        adapter = require(outside.adapter, SyncsRelations)

        def look() -> Any:
            pending = everything(
                lambda cursor: adapter.list_sent_invitations(
                    account_id=outside.account_id, cursor=cursor, limit=1
                )
            )
            return next((found for found in pending if found.provider_id == outside.stranger), None)

        pending = eventually(look)
        assert pending.invitation_id == receipt.invitation_id
        assert pending.text in {"", "Hello\nthere"}

    @needs(Capability.SENDS_INVITATIONS)
    def test_invitation_of_the_invited_and_the_connected(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SendsInvitations)
        for person, already in ((outside.invited, "invited"), (outside.connected, "connected")):
            with pytest.raises(ProviderError) as caught:
                adapter.send_invitation(account_id=outside.account_id, recipient_provider_id=person)
            assert caught.value.kind is ErrorKind.ALREADY_DONE
            assert caught.value.already == already

    @needs(Capability.SENDS_INVITATIONS)
    def test_withdrawing(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SendsInvitations)
        reader = require(outside.adapter, SyncsRelations)

        def pending() -> list[Any]:
            return everything(
                lambda cursor: reader.list_sent_invitations(account_id=outside.account_id, cursor=cursor)
            )

        invitation = next(found for found in pending() if found.provider_id == outside.invited)
        adapter.withdraw_invitation(account_id=outside.account_id, invitation_id=invitation.invitation_id)
        eventually(lambda: True if outside.invited not in {i.provider_id for i in pending()} else None)

    # --- Messages ---------------------------------------------------------------------------------

    def messages(self, outside: Outside, **options: Any) -> list[ChatMessage]:
        adapter = require(outside.adapter, SyncsMessages)
        return everything(
            lambda cursor: adapter.list_messages(
                account_id=outside.account_id, cursor=cursor, limit=1, **options
            )
        )

    @needs(Capability.SENDS_MESSAGES)
    def test_message_into_a_chat(self, outside: Outside) -> None:
        text = "Thanks!\nHere is a line with üñí 👍"
        receipt = require(outside.adapter, SendsMessages).send_message(
            account_id=outside.account_id, chat_id=outside.chat_id, text=text.replace("\n", "\r\n")
        )

        def look() -> ChatMessage | None:
            found = self.messages(outside, chat_id=outside.chat_id)
            return next((message for message in found if message.text == text), None)

        message = eventually(look)
        assert message.direction is Direction.OUTBOUND
        assert message.sender.provider_id == outside.own_user_id
        assert receipt.message_id in {"", message.message_id}

    @needs(Capability.SENDS_MESSAGES)
    def test_message_to_a_connection_uses_the_chat_there_is(self, outside: Outside) -> None:
        receipt = require(outside.adapter, SendsMessages).send_message(
            account_id=outside.account_id, recipient_provider_id=outside.connected, text="Hello again"
        )
        assert receipt.chat_id in {"", outside.chat_id}

    @needs(Capability.SENDS_MESSAGES)
    def test_message_to_a_stranger_skips_the_lead(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SendsMessages)
        with pytest.raises(ProviderError) as caught:
            adapter.send_message(
                account_id=outside.account_id, recipient_provider_id=outside.stranger, text="Hello"
            )
        assert caught.value.kind is ErrorKind.RECIPIENT
        assert not caught.value.transient

    # --- InMail -----------------------------------------------------------------------------------

    @needs(Capability.SENDS_INMAIL, Capability.SETTLES_SENDS)
    def test_inmail_reaches_strangers(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SendsInmail)
        text = "A word from outside\nof your network"
        intent = self.intent(outside, SendAction.INMAIL, text=text, recipient_provider_id=outside.stranger)
        receipt = adapter.send_inmail(
            account_id=outside.account_id,
            recipient_provider_id=outside.stranger,
            subject="An introduction",
            text=text.replace("\n", "\r\n"),
        )
        assert receipt.chat_id
        found = eventually(
            lambda: True if self.settled(outside, intent, late=False) is SettlementOutcome.SENT else None
        )
        assert found

    @needs(Capability.SENDS_INMAIL)
    def test_inmail_that_is_too_long(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SendsInmail)
        for subject, text in (("x" * 201, "Hello"), ("Hello", "x" * 1901), ("Hello", " ")):
            with pytest.raises(ProviderError) as caught:
                adapter.send_inmail(
                    account_id=outside.account_id,
                    recipient_provider_id=outside.stranger,
                    subject=subject,
                    text=text,
                )
            assert caught.value.kind is ErrorKind.VALIDATION

    @needs(Capability.SYNCS_MESSAGES)
    def test_reading_messages(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SyncsMessages)
        in_chat = self.messages(outside, chat_id=outside.chat_id)
        theirs = next(message for message in in_chat if message.text == outside.their_text)
        assert theirs.direction is Direction.INBOUND
        assert theirs.sender.provider_id == outside.connected
        assert theirs.message_id
        assert theirs.provider_message_id
        times = [message.sent_at for message in in_chat]
        assert times == sorted(times, reverse=True)
        assert theirs.ids & {key for message in self.messages(outside) for key in message.ids}
        after = self.messages(outside, after=theirs.sent_at)
        assert theirs.message_id not in {message.message_id for message in after}
        one = adapter.get_message(account_id=outside.account_id, message_id=theirs.message_id)
        assert one.text == outside.their_text

    @needs(Capability.SYNCS_MESSAGES)
    def test_polled_events_name_the_other_side(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SyncsMessages)
        chat = adapter.get_chat(account_id=outside.account_id, chat_id=outside.chat_id)
        theirs = next(
            message
            for message in self.messages(outside, chat_id=outside.chat_id)
            if message.text == outside.their_text
        )
        received = adapter.events_from_message(theirs, chat=chat).events[0]
        assert isinstance(received, events.MessageReceived)
        assert received.is_reply
        assert received.counterpart is not None
        assert received.counterpart.provider_id == outside.connected
        assert received.chat_id == outside.chat_id

    @needs(Capability.SYNCS_MESSAGES)
    def test_chats(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SyncsMessages)
        chats = everything(
            lambda cursor: adapter.list_chats(account_id=outside.account_id, cursor=cursor, limit=1)
        )
        assert outside.chat_id in {chat.chat_id for chat in chats}
        found = adapter.chats_with(account_id=outside.account_id, recipient_provider_id=outside.connected)
        assert outside.chat_id in {chat.chat_id for chat in found.items}
        people = adapter.chat_participants(account_id=outside.account_id, chat_id=outside.chat_id)
        assert outside.connected in {person.provider_id for person in people}
        adapter.mark_read(account_id=outside.account_id, chat_id=outside.chat_id)

    @needs(Capability.SYNCS_MESSAGES)
    def test_a_chat_that_does_not_exist(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SyncsMessages)
        with pytest.raises(ProviderError) as caught:
            adapter.get_chat(account_id=outside.account_id, chat_id="no-such-chat")
        assert caught.value.kind is ErrorKind.NOT_FOUND

    # --- Relations --------------------------------------------------------------------------------

    @needs(Capability.SYNCS_RELATIONS)
    def test_relations(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SyncsRelations)
        relations = everything(
            lambda cursor: adapter.list_relations(account_id=outside.account_id, cursor=cursor, limit=1)
        )
        relation = next(found for found in relations if found.provider_id == outside.connected)
        assert relation.public_identifier == outside.connected_slug
        assert relation.connected_at is not None
        ids = [found.provider_id for found in relations]
        assert len(ids) == len(set(ids))
        assert outside.stranger not in ids
        (event,) = adapter.events_from_relation(
            account_id=outside.account_id, relation=relation, seen_at=NOW
        ).events
        assert isinstance(event, events.RelationCreated)
        assert event.person.provider_id == outside.connected

    # --- Settling ---------------------------------------------------------------------------------

    def intent(self, outside: Outside, action: SendAction, **changes: Any) -> SendIntent:
        options: dict[str, Any] = {
            "action": action,
            "account_id": outside.account_id,
            "attempted_at": outside.now(),
        }
        return SendIntent(**options | changes)

    def settled(self, outside: Outside, intent: SendIntent, *, late: bool) -> SettlementOutcome:
        moment = intent.attempted_at + (timedelta(minutes=10) if late else timedelta(seconds=1))
        return require(outside.adapter, SettlesSends).settle(intent, now=moment).outcome

    @needs(Capability.SETTLES_SENDS, Capability.SENDS_MESSAGES)
    def test_what_was_sent_is_found(self, outside: Outside) -> None:
        intent = self.intent(
            outside, SendAction.MESSAGE, chat_id=outside.chat_id, text="Did this one arrive?"
        )
        require(outside.adapter, SendsMessages).send_message(
            account_id=outside.account_id, chat_id=outside.chat_id, text=intent.text
        )
        found = eventually(
            lambda: True if self.settled(outside, intent, late=False) is SettlementOutcome.SENT else None
        )
        assert found
        by_person = intent.model_copy(update={"chat_id": "", "recipient_provider_id": outside.connected})
        assert self.settled(outside, by_person, late=False) is SettlementOutcome.SENT
        invited = self.intent(outside, SendAction.INVITE, recipient_provider_id=outside.invited)
        assert self.settled(outside, invited, late=False) is SettlementOutcome.SENT

    @needs(Capability.SETTLES_SENDS, Capability.SENDS_MESSAGES)
    def test_what_was_not_sent_is_not_found(self, outside: Outside) -> None:
        require(outside.adapter, SendsMessages)
        for intent in (
            self.intent(outside, SendAction.INVITE, recipient_provider_id=outside.stranger),
            self.intent(outside, SendAction.MESSAGE, chat_id=outside.chat_id, text="Never sent"),
            self.intent(
                outside, SendAction.MESSAGE, recipient_provider_id=outside.stranger, text="Never sent"
            ),
        ):
            assert self.settled(outside, intent, late=False) is SettlementOutcome.UNDECIDED
            assert self.settled(outside, intent, late=True) is SettlementOutcome.NOT_SENT

    # --- Texts ------------------------------------------------------------------------------------

    def sms(self, outside: Outside, text: str, to: str = "") -> OutgoingSms:
        """A text from the account to ``to``, by default to somebody whom texts reach."""
        return OutgoingSms(
            send_id=str(uuid4()), to=to or outside.phone, text=text, from_number=outside.account_id
        )

    @needs(Capability.SENDS_SMS, Capability.SETTLES_SENDS)
    def test_a_text_leaves_and_is_found(self, outside: Outside) -> None:
        sms = self.sms(outside, "Hello\r\nüñí 👍 ")
        intent = self.intent(outside, SendAction.SMS, text=sms.text, recipient_phone=sms.to)
        assert self.settled(outside, intent, late=False) is SettlementOutcome.UNDECIDED
        assert self.settled(outside, intent, late=True) is SettlementOutcome.NOT_SENT
        receipt = require(outside.adapter, SendsSms).send_sms(account_id=outside.account_id, sms=sms)
        assert receipt.message_id
        assert receipt.provider_message_id == receipt.message_id
        assert receipt.chat_id == f"{outside.account_id}:{sms.to}"
        found = require(outside.adapter, SettlesSends).settle(intent, now=intent.attempted_at)
        assert found.outcome is SettlementOutcome.SENT
        assert found.receipt is not None
        assert found.receipt.message_id == receipt.message_id
        assert found.receipt.chat_id == receipt.chat_id
        known = intent.model_copy(update={"known_message_ids": frozenset({receipt.message_id})})
        assert self.settled(outside, known, late=True) is SettlementOutcome.NOT_SENT

    @needs(Capability.SENDS_SMS)
    def test_a_text_that_cannot_be_sent(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SendsSms)
        for sms, kind in (
            (self.sms(outside, "Hello", to=outside.lost_phone), ErrorKind.RECIPIENT),
            (self.sms(outside, " "), ErrorKind.VALIDATION),
            (self.sms(outside, "x" * 1601), ErrorKind.VALIDATION),
        ):
            with pytest.raises(ProviderError) as caught:
                adapter.send_sms(account_id=outside.account_id, sms=sms)
            assert caught.value.kind is kind
            assert not caught.value.opted_out

    # --- E-mails ----------------------------------------------------------------------------------

    def email(self, outside: Outside, text: str) -> OutgoingEmail:
        """An e-mail from the account to somebody whom mail reaches."""
        return OutgoingEmail(
            send_id=str(uuid4()),
            message_id=f"<{uuid4().hex}@{outside.account_id.rpartition('@')[2]}>",
            from_email=outside.account_id,
            from_name="Léo at Acme",
            to_email=outside.email,
            to_name="Ana",
            subject="Question, once more",
            text=text,
            html=f"<p>{text}</p>",
            headers={"List-Unsubscribe": "<https://app.test/u/1>"},
            tags=("campaign-1",),
        )

    @needs(Capability.SENDS_EMAIL)
    def test_an_email_leaves(self, outside: Outside) -> None:
        if not outside.email:
            pytest.skip("This world has nobody to write e-mails to.")
        email = self.email(outside, "Hello üñí 👍")
        receipt = require(outside.adapter, SendsEmail).send_email(account_id=outside.account_id, email=email)
        assert receipt.provider_message_id == email.message_id
        assert receipt.chat_id == email.message_id
        root = "<root@thread.test>"
        answer = self.email(outside, "Again").model_copy(
            update={"in_reply_to": root, "references": (root, "<second@thread.test>")}
        )
        again = require(outside.adapter, SendsEmail).send_email(account_id=outside.account_id, email=answer)
        assert again.chat_id == root
        assert again.message_id != receipt.message_id or not receipt.message_id

    # --- Webhooks ---------------------------------------------------------------------------------

    @needs(Capability.MANAGES_WEBHOOKS)
    def test_registrations(self, outside: Outside) -> None:
        adapter = require(outside.adapter, ManagesWebhooks)
        required = adapter.required_webhooks(url=outside.webhook_url, secret="a-long-enough-secret")
        assert required

        def check() -> tuple[Any, ...]:
            return adapter.check_webhooks(registered=adapter.list_webhooks(), required=required)

        assert len(check()) == len(required)
        for finding in check():
            assert finding.create is not None
            adapter.create_webhook(finding.create)
        assert check() == ()
        duplicate = adapter.create_webhook(required[0])
        (finding,) = check()
        assert finding.create is None
        assert len(finding.remove) == 1
        adapter.delete_webhook(finding.remove[0])
        assert check() == ()
        adapter.delete_webhook(finding.remove[0])
        # Where calls are not signed, a token is in the address.
        mine = [
            found.registration_id
            for found in adapter.list_webhooks()
            if found.url.partition("?")[0] == outside.webhook_url
        ]
        assert len({*mine, duplicate} - {finding.remove[0]}) == len(required)
        for registration_id in mine:
            adapter.delete_webhook(registration_id)
        assert len(check()) == len(required)

    @needs(Capability.RECEIVES_WEBHOOKS)
    def test_unproven_calls_are_refused(self, outside: Outside) -> None:
        adapter = require(outside.adapter, ReceivesWebhooks)
        for headers, secrets in (({}, ["s" * 20]), ({"X": "y"}, ["s" * 20]), ({}, [])):
            with pytest.raises(WebhookRefusedError):
                adapter.verify_webhook(url="", headers=headers, body=b"{}", secrets=secrets)

    @needs(Capability.RECEIVES_WEBHOOKS)
    @pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff\x00", b"{}", b'{"event": 5}'])
    def test_garbage_is_told_from_failure(self, outside: Outside, body: bytes) -> None:
        adapter = require(outside.adapter, ReceivesWebhooks)
        assert isinstance(adapter.webhook_type(body), str)
        adapter.webhook_key(body)
        told: object
        try:
            told = adapter.normalise(body, headers={}, received_at=NOW, knowledge=NoKnowledge()).events
        except ProviderError as error:
            told = error.kind
        assert told in ((), ErrorKind.VALIDATION)


class WebhookFixtures:
    """Every recorded call of a provider gives what its fixture says. Mixed in once per provider."""

    kind: ClassVar[str]

    def knowledge(self) -> MessageKnowledge:
        """What is known while a call is read; a subclass says more where its calls need it."""
        return NoKnowledge()

    def test_covers_the_vocabulary(self) -> None:
        """Every event that the provider's calls come to has a fixture."""
        if Capability.RECEIVES_WEBHOOKS not in registry.get(self.kind).capabilities:
            pytest.skip("It is never called.")
        covered = {event["kind"] for fixture in fixtures_of(self.kind) for event in fixture.expected}
        assert covered == registry.get(self.kind).emits

    def test_fixture(self, fixture: Fixture) -> None:
        adapter = require(
            registry.adapter_for(self.kind, credentials={}, base_url="https://unused.test"), ReceivesWebhooks
        )
        assert adapter.webhook_type(fixture.body) == fixture.event_type

        def read() -> events.Normalised:
            return adapter.normalise(
                fixture.body, headers=fixture.headers, received_at=NOW, knowledge=self.knowledge()
            )

        normalised = read()
        assert normalised == read()
        assert bool(normalised.ignored) == (not fixture.expected)
        assert len(normalised.events) == len(fixture.expected)
        for event, expected in zip(normalised.events, fixture.expected, strict=True):
            told = events.to_json(event) | {"dedupe_key": event.dedupe_key}
            assert {name: told.get(name) for name in expected} == expected
            # A mail is kept by its headers, not with its whole body.
            assert event.raw in fixture.raws or fixture.encoding == "multipart"
            assert events.from_json(events.to_json(event)) == event
