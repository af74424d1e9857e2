"""REST objects as values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.base import NoKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.providers.unipile import parse
from integrations.values import AccountStatus, Direction, Distance, InvitationState, MessageKind
from tests.integrations.unipile import payloads
from tests.integrations.unipile.payloads import ACCOUNT, LEAD, SELF, without


def test_account() -> None:
    account = parse.account(payloads.account())
    assert account.account_id == ACCOUNT
    assert account.network == "linkedin"
    assert account.status is AccountStatus.OK
    assert account.own_user_ids == (SELF,)
    assert account.public_identifier == "maya-lindqvist"
    assert account.premium_features == ("sales_navigator",)
    assert account.created_at == datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)
    assert "proxy-pass" not in account.model_dump_json()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["OK"], AccountStatus.OK),
        (["OK", "CREDENTIALS"], AccountStatus.CREDENTIALS),
        (["CONNECTING", "OK"], AccountStatus.CONNECTING),
        (["ERROR", "STOPPED", "OK"], AccountStatus.ERROR),
        (["PERMISSIONS", "ERROR"], AccountStatus.PERMISSIONS),
        (["OK", "HIBERNATING"], AccountStatus.UNKNOWN),
        ([], AccountStatus.UNKNOWN),
    ],
)
def test_account_status_is_the_worst_of_its_sources(words: list[str], expected: AccountStatus) -> None:
    sources = [{"id": str(index), "status": word} for index, word in enumerate(words)]
    account = parse.account(payloads.account(sources=sources))
    assert account.status is expected
    assert [source.raw_status for source in account.sources] == words


def test_profile() -> None:
    profile = parse.profile(payloads.profile())
    assert (profile.provider_id, profile.public_identifier) == (LEAD, "tomas-weil")
    assert profile.distance is Distance.SECOND
    assert profile.raw_distance == "SECOND_DEGREE"
    assert profile.is_connected is False
    assert profile.invitation is InvitationState.SENT_PENDING


def test_profile_with_only_what_is_always_there() -> None:
    names = {"provider", "provider_id", "public_identifier", "first_name", "last_name", "object"}
    raw = {name: value for name, value in payloads.profile().items() if name in names}
    raw |= {"public_identifier": None, "last_name": None, "headline": "", "websites": []}
    profile = parse.profile(raw)
    assert profile.is_connected is None
    assert profile.invitation is InvitationState.UNKNOWN
    assert (profile.public_identifier, profile.last_name) == ("", "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"is_relationship": True}, True),
        ({"is_relationship": None, "network_distance": "FIRST_DEGREE"}, True),
        ({"is_relationship": None, "network_distance": "THIRD_DEGREE"}, False),
        ({"is_relationship": None, "network_distance": None}, None),
    ],
)
def test_connected(changes: dict[str, Any], expected: bool | None) -> None:
    assert parse.profile(payloads.profile(**changes)).is_connected is expected


@pytest.mark.parametrize(
    ("invitation", "expected"),
    [
        (None, InvitationState.NONE),
        ({}, InvitationState.NONE),
        ({"type": "SENT", "status": "IGNORED"}, InvitationState.SENT_IGNORED),
        ({"type": "SENT", "status": "WITHDRAWN"}, InvitationState.SENT_WITHDRAWN),
        ({"type": "RECEIVED", "status": "PENDING"}, InvitationState.RECEIVED),
        ({"type": "SENT", "status": "NEW_WORD"}, InvitationState.UNKNOWN),
    ],
)
def test_invitation_states(invitation: Any, expected: InvitationState) -> None:
    assert parse.profile(payloads.profile(invitation=invitation)).invitation is expected


def test_profile_details() -> None:
    works = [{"company": "Old", "position": "CFO"}, {"company": "Bright", "position": "COO", "current": True}]
    contact = {"emails": ["t@b.example"], "phones": ["+33 6"], "adresses": ["x"]}
    profile = parse.profile(payloads.profile(work_experience=works, contact_info=contact))
    assert (profile.company, profile.position) == ("Bright", "COO")
    assert (profile.emails, profile.phones) == (("t@b.example",), ("+33 6",))


def test_relation_has_its_id_under_another_name() -> None:
    relation = parse.relation(payloads.relation())
    assert relation.provider_id == LEAD
    assert relation.connected_at == datetime(2026, 2, 24, 14, 35, 52, tzinfo=UTC)
    assert parse.relation(payloads.relation(public_identifier=None)).public_identifier == "tomas-weil"


def test_sent_invitation_drops_its_secret() -> None:
    invitation = parse.sent_invitation(payloads.invitation())
    assert invitation.provider_id == LEAD
    assert invitation.sent_at == datetime(2026, 3, 9, 10, tzinfo=UTC)
    assert "do-not-log" not in invitation.model_dump_json()


def test_sent_invitation_with_nulls() -> None:
    names = (
        "invited_user",
        "invited_user_id",
        "invited_user_public_id",
        "parsed_datetime",
        "invitation_text",
    )
    invitation = parse.sent_invitation(payloads.invitation(**dict.fromkeys(names)))
    assert (invitation.provider_id, invitation.sent_at, invitation.text) == ("", None, "")


def test_chat() -> None:
    chat = parse.chat(payloads.chat())
    assert (chat.chat_id, chat.provider_chat_id, chat.counterpart_id) == (
        "c_Hq2mV",
        "2-MTc0exampleThread",
        LEAD,
    )
    assert chat.is_group is False
    assert chat.unread_count == 1
    group = parse.chat(without(payloads.chat(type=1, read_only=2), "attendee_provider_id"))
    assert (group.is_group, group.counterpart_id, group.read_only) == (True, "", True)
    assert parse.chat(without(payloads.chat(), "type")).is_group is None


def test_message() -> None:
    message = parse.message(payloads.message(), account_id=ACCOUNT, knowledge=NoKnowledge())
    assert message.direction is Direction.INBOUND
    assert (message.raw_direction, message.direction_rule) == ("0", "is_sender")
    assert message.ids == {"m_81xQ", "2-MTc0exampleMsg"}
    assert message.sender.provider_id == LEAD
    assert message.sender.distance is Distance.FIRST
    assert message.kind is MessageKind.MESSAGE
    assert message.delivered


@pytest.mark.parametrize(
    ("changes", "kind", "human"),
    [
        ({"message_type": "INVITATION"}, MessageKind.INVITATION_NOTE, True),
        ({"message_type": "INMAIL"}, MessageKind.INMAIL, True),
        ({"message_type": "INMAIL_REPLY"}, MessageKind.INMAIL_REPLY, True),
        ({"message_type": "INMAIL_ACCEPT"}, MessageKind.INMAIL_ACCEPT, False),
        ({"message_type": "INMAIL_DECLINE"}, MessageKind.INMAIL_DECLINE, False),
        ({"content_type": "sponsored"}, MessageKind.SPONSORED, False),
        ({"content_type": "linkedin_offer"}, MessageKind.SPONSORED, False),
        ({"message_type": None, "content_type": "inmail"}, MessageKind.INMAIL, True),
        ({"message_type": None}, MessageKind.MESSAGE, True),
        ({"message_type": "SOMETHING_NEW"}, MessageKind.MESSAGE, True),
        ({"is_event": 1, "event_type": 3}, MessageKind.SYSTEM, False),
    ],
)
def test_message_kinds(changes: dict[str, Any], kind: MessageKind, human: bool) -> None:
    message = parse.message(payloads.message(**changes), account_id=ACCOUNT, knowledge=NoKnowledge())
    assert (message.kind, message.is_human) == (kind, human)


def test_message_of_another_account_is_refused() -> None:
    with pytest.raises(ProviderError) as caught:
        parse.message(payloads.message(account_id="other"), account_id=ACCOUNT, knowledge=NoKnowledge())
    assert caught.value.kind is ErrorKind.CONFLICT


@pytest.mark.parametrize(
    "value",
    [
        {"id": "a1", "type": "img", "mimetype": "image/png", "url": "att://x", "size": {"width": 1}},
        [{"attachment_id": "a1", "attachment_type": "img", "attachment_url": "att://x"}],
    ],
)
def test_attachments_in_both_spellings(value: Any) -> None:
    (attachment,) = parse.attachments(value)
    assert (attachment.attachment_id, attachment.kind, attachment.url) == ("a1", "img", "att://x")


@pytest.mark.parametrize("value", [None, [], {}, "x", 3, [None, "x"]])
def test_no_attachments(value: Any) -> None:
    assert parse.attachments(value) == ()


def test_page_ends_at_a_null_or_missing_cursor() -> None:
    assert parse.page({"items": [payloads.chat()], "cursor": None}, parse.chat).cursor is None
    assert parse.page({"items": [], "cursor": ""}, parse.chat).cursor is None
    assert parse.page({}, parse.chat).items == ()
    assert parse.page({"items": [], "cursor": "abc"}, parse.chat).cursor == "abc"


def test_attendee() -> None:
    someone = parse.person(payloads.attendee())
    assert (someone.provider_id, someone.name, someone.member_urn) == (
        LEAD,
        "Tomas Weil",
        "urn:li:member:900111",
    )
    assert someone.is_self is False
    # The URL holds the member id, which is no public identifier.
    assert someone.public_identifier == ""
