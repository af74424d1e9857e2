"""Webhooks and polled records as events; direction by the rules, in their order."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations import events
from integrations.base import NoKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.providers.unipile import inbound, parse
from integrations.providers.unipile.adapter import UnipileAdapter
from integrations.values import AccountStatus, Direction, Distance, MessageKind
from tests.integrations.unipile import payloads
from tests.integrations.unipile.conftest import NOW, Knowledge
from tests.integrations.unipile.payloads import ACCOUNT, LEAD, SELF, body, person, received, without

Normalise = Callable[[Any], Normalised]


@pytest.fixture
def normalise(adapter: UnipileAdapter, knowledge: Knowledge) -> Normalise:
    return lambda payload: adapter.normalise(body(payload), headers={}, received_at=NOW, knowledge=knowledge)


def only(normalised: Normalised) -> Any:
    assert normalised.ignored == ""
    (event,) = normalised.events
    return event


def test_message_received(normalise: Normalise) -> None:
    payload = received()
    event = only(normalise(payload))
    assert isinstance(event, events.MessageReceived)
    assert event.direction is Direction.INBOUND
    assert (event.direction_rule, event.raw_direction) == ("is_sender", "False")
    assert event.text == "Sounds good, send details"
    assert (event.account_id, event.chat_id) == (ACCOUNT, "c_Hq2mV")
    assert event.counterpart is not None
    assert event.counterpart.provider_id == LEAD
    assert event.counterpart.distance is Distance.FIRST
    assert {someone.provider_id for someone in event.participants} == {SELF, LEAD}
    assert event.occurred_at.isoformat() == "2026-03-12T09:41:10+00:00"
    assert event.raw == payload
    assert event.is_reply
    assert event.implies_connection


# --- Direction -----------------------------------------------------------------------------------------


def sender(provider_id: str = LEAD, far: str | None = None) -> dict[str, Any]:
    if far is None:
        return person(provider_id)
    return person(provider_id, attendee_specifics={"network_distance": far})


@pytest.mark.parametrize(
    ("changes", "direction", "rule"),
    [
        # 1. The flag wins over everything, in any spelling.
        ({"is_sender": True, "sender": sender(LEAD)}, Direction.OUTBOUND, "is_sender"),
        ({"is_sender": 1}, Direction.OUTBOUND, "is_sender"),
        ({"is_sender": "false", "sender": sender(SELF)}, Direction.INBOUND, "is_sender"),
        # 2. The account's own id.
        ({"is_sender": None, "sender": sender(SELF)}, Direction.OUTBOUND, "user_id"),
        ({"is_sender": None, "sender": sender(LEAD)}, Direction.INBOUND, "user_id"),
        ({"is_sender": None, "sender": sender(SELF, "DISTANCE_1")}, Direction.OUTBOUND, "user_id"),
        # 3. Distance, where ids cannot be compared (other id space, or no own id).
        ({"is_sender": None, "sender": sender("ACwAABsales", "SELF")}, Direction.OUTBOUND, "self_distance"),
        (
            {"is_sender": None, "account_info": {"type": "LINKEDIN"}, "sender": sender(SELF, "SELF")},
            Direction.OUTBOUND,
            "self_distance",
        ),
    ],
)
def test_direction(normalise: Normalise, changes: dict[str, Any], direction: Direction, rule: str) -> None:
    event = only(normalise(received(**changes)))
    assert (event.direction, event.direction_rule) == (direction, rule)


def test_direction_by_absent_flag_and_stored_own_id(normalise: Normalise, knowledge: Knowledge) -> None:
    payload = without(received(sender=sender(SELF)), "is_sender", "account_info")
    knowledge.own.add(SELF)
    event = only(normalise(payload))
    assert (event.direction, event.direction_rule) == (Direction.OUTBOUND, "user_id")


def test_direction_by_a_message_we_sent(normalise: Normalise, knowledge: Knowledge) -> None:
    payload = without(received(), "is_sender", "account_info")
    knowledge.sent.add("m_81xQ")
    event = only(normalise(payload))
    assert (event.direction, event.direction_rule) == (Direction.OUTBOUND, "known_own")


@pytest.mark.parametrize(("flag", "direction"), [(1, Direction.OUTBOUND), (0, Direction.INBOUND)])
def test_direction_by_asking(
    api: respx.Router, normalise: Normalise, flag: int, direction: Direction
) -> None:
    api.get("/messages/m_81xQ").respond(json=payloads.message(is_sender=flag))
    event = only(normalise(without(received(), "is_sender", "account_info")))
    assert (event.direction, event.direction_rule) == (direction, "lookup")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, json={"type": "errors/resource_not_found", "title": "x", "status": 404}),
        httpx.Response(401, json={"type": "errors/disconnected_account", "title": "x", "status": 401}),
        httpx.Response(200, json=payloads.message(is_sender=None)),
        httpx.Response(200, json=payloads.message(account_id="somebody-else", is_sender=0)),
    ],
)
def test_what_cannot_be_known_stays_unknown(
    api: respx.Router, normalise: Normalise, answer: httpx.Response
) -> None:
    api.get("/messages/m_81xQ").mock(return_value=answer)
    event = only(normalise(without(received(), "is_sender", "account_info")))
    assert (event.direction, event.direction_rule) == (Direction.UNKNOWN, "none")
    assert not event.is_reply
    assert not event.implies_connection


def test_a_passing_failure_to_ask_is_raised(api: respx.Router, normalise: Normalise) -> None:
    api.get("/messages/m_81xQ").respond(503, json={"type": "errors/network_down"})
    with pytest.raises(ProviderError) as caught:
        normalise(without(received(), "is_sender", "account_info"))
    assert caught.value.transient


def test_ids_of_different_spaces_do_not_make_a_reply(api: respx.Router, normalise: Normalise) -> None:
    """A Sales Navigator id on one side says nothing: it may be the account itself."""
    api.get("/messages/m_81xQ").respond(json=payloads.message(is_sender=1))
    event = only(normalise(without(received(sender=sender("ACwAABself")), "is_sender")))
    assert (event.direction, event.direction_rule) == (Direction.OUTBOUND, "lookup")


def test_the_other_side_of_our_own_message(normalise: Normalise) -> None:
    payload = received(
        is_sender=True, sender=sender(SELF), attendees=[person(SELF, "Maya"), person(LEAD, "Tomas")]
    )
    event = only(normalise(payload))
    assert event.counterpart.provider_id == LEAD


def test_the_other_side_where_our_id_is_of_another_space(normalise: Normalise) -> None:
    payload = received(is_sender=True, sender=sender("ACwAABself"), attendees=[person(LEAD, "Tomas")])
    assert only(normalise(payload)).counterpart.provider_id == LEAD


def test_participants_spelling_and_groups(normalise: Normalise) -> None:
    payload = received(attendees=[], participants=[person(SELF, "Maya"), person("ACoAABthird", "Ida")])
    event = only(normalise(payload | {"is_group": True}))
    assert {someone.provider_id for someone in event.participants} == {SELF, LEAD, "ACoAABthird"}
    assert event.counterpart is None


# --- What is no reply ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"message_type": "INMAIL_ACCEPT"}, MessageKind.INMAIL_ACCEPT),
        ({"message_type": "INMAIL_DECLINE"}, MessageKind.INMAIL_DECLINE),
        ({"chat_content_type": "sponsored"}, MessageKind.SPONSORED),
        ({"chat_content_type": "linkedin_offer"}, MessageKind.SPONSORED),
    ],
)
def test_not_human(normalise: Normalise, changes: dict[str, Any], kind: MessageKind) -> None:
    event = only(normalise(received(**changes)))
    assert event.message_kind is kind
    assert not event.is_reply


@pytest.mark.parametrize("value", [1, True, "1"])
def test_system_lines_are_ignored(normalise: Normalise, value: Any) -> None:
    normalised = normalise(received(is_event=value))
    assert normalised.events == ()
    assert "system line" in normalised.ignored


def test_the_note_of_an_accepted_invitation_is_not_a_reply(normalise: Normalise) -> None:
    payload = received(
        is_sender=True, sender=sender(SELF), attendees=[person(LEAD)], message_type="INVITATION"
    )
    event = only(normalise(payload))
    assert not event.is_reply
    assert event.implies_connection


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (received(account_type="WHATSAPP"), "Whatsapp accounts"),
        ({"event": "mail_received", "account_id": ACCOUNT}, "mail_received"),
        ({"event": "message_translated", "account_id": ACCOUNT, "message_id": "m"}, "message_translated"),
        ({"hello": "world"}, "names no event"),
        ({}, "names no event"),
    ],
)
def test_unused_calls_are_ignored_with_a_reason(normalise: Normalise, payload: Any, reason: str) -> None:
    assert reason in normalise(payload).ignored


@pytest.mark.parametrize(
    "payload",
    [
        without(received(), "account_id"),
        without(received(), "message_id", "provider_message_id"),
        without(payloads.new_relation(), "account_id"),
        without(payloads.new_relation(), "user_provider_id", "user_public_identifier", "user_profile_url"),
        {"AccountStatus": {"account_id": ACCOUNT}},
        {"AccountStatus": {"message": "OK"}},
    ],
)
def test_incomplete_calls_are_refused_with_a_reason(normalise: Normalise, payload: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        normalise(payload)
    assert caught.value.kind is ErrorKind.VALIDATION


# --- The other events --------------------------------------------------------------------------------------


def test_reaction(normalise: Normalise) -> None:
    payload = received(event="message_reaction", reaction="👍", reaction_sender=person())
    event = only(normalise(payload))
    assert isinstance(event, events.MessageReaction)
    assert (event.reaction, event.reactor.provider_id) == ("👍", LEAD)
    assert normalise(received(event="message_reaction", reaction=None)).ignored


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("message_read", events.MessageRead),
        ("message_delivered", events.MessageDelivered),
        ("message_edited", events.MessageEdited),
        ("message_deleted", events.MessageDeleted),
    ],
)
def test_receipts_and_changes(normalise: Normalise, name: str, expected: type[events.MessageEvent]) -> None:
    event = only(normalise(received(event=name, message="New words")))
    assert isinstance(event, expected)
    assert event.message_ids == {"m_81xQ", "2-MTc0exampleMsg"}


def test_bare_receipt(normalise: Normalise) -> None:
    event = only(normalise({"event": "message_read", "account_id": ACCOUNT, "message_id": "m_81xQ"}))
    assert event.occurred_at == NOW
    assert not event.time_is_exact


def test_new_relation(normalise: Normalise) -> None:
    event = only(normalise(payloads.new_relation()))
    assert isinstance(event, events.RelationCreated)
    assert (event.person.provider_id, event.person.public_identifier) == (LEAD, "tomas-weil")
    assert event.person.name == "Tomas Weil"
    assert event.occurred_at == NOW
    assert not event.time_is_exact


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("OK", AccountStatus.OK),
        ("ERROR", AccountStatus.ERROR),
        ("STOPPED", AccountStatus.STOPPED),
        ("CREDENTIALS", AccountStatus.CREDENTIALS),
        ("CONNECTING", AccountStatus.CONNECTING),
        ("PERMISSIONS", AccountStatus.PERMISSIONS),
        ("CREATION_SUCCESS", AccountStatus.OK),
        ("CREATION_FAIL", AccountStatus.ERROR),
        ("RECONNECTED", AccountStatus.OK),
        ("SYNC_SUCCESS", None),
        ("DELETED", AccountStatus.DELETED),
        ("SOMETHING_NEW", AccountStatus.UNKNOWN),
    ],
)
def test_account_status(normalise: Normalise, word: str, status: AccountStatus | None) -> None:
    event = only(normalise(payloads.status(word)))
    assert isinstance(event, events.AccountStatusChanged)
    assert (event.status, event.raw_status) == (status, word)


# --- Keys -----------------------------------------------------------------------------------------------


def poll(**changes: Any) -> Normalised:
    message = parse.message(payloads.message(**changes), account_id=ACCOUNT, knowledge=NoKnowledge())
    return inbound.from_message(message, chat=parse.chat(payloads.chat()))


def keys(normalised: Normalised) -> dict[str, str]:
    return {event.kind: event.dedupe_key for event in normalised.events}


def test_one_fact_has_one_key_by_webhook_and_poll(normalise: Normalise) -> None:
    polled = poll(
        is_sender=1,
        sender_id=SELF,
        seen=1,
        delivered=1,
        edited=1,
        deleted=1,
        reactions=[{"value": "👍", "sender_id": LEAD, "is_sender": False}],
    )
    by_poll = keys(polled)
    names = {
        "message_received": {},
        "message_read": {},
        "message_delivered": {},
        "message_edited": {},
        "message_deleted": {},
        "message_reaction": {"reaction": "👍", "reaction_sender": person()},
    }
    assert set(by_poll) == set(names)
    assert len(set(by_poll.values())) == len(names)
    for name, changes in names.items():
        # Unipile's own message id may differ between the two ways.
        event = only(normalise(received(event=name, message_id="m_other", **changes)))
        assert event.dedupe_key == by_poll[name], name


def test_relation_has_one_key_by_webhook_and_poll(normalise: Normalise) -> None:
    relation = parse.relation(payloads.relation())
    polled = only(inbound.from_relation(relation, account_id=ACCOUNT, seen_at=NOW))
    assert polled.dedupe_key == only(normalise(payloads.new_relation())).dedupe_key
    assert polled.time_is_exact


def test_keys_differ_by_account(normalise: Normalise) -> None:
    assert only(normalise(received())).dedupe_key != only(normalise(received(account_id="other"))).dedupe_key


def test_equal_account_status_later_is_news(adapter: UnipileAdapter) -> None:
    call = body(payloads.status("CREDENTIALS"))
    first = adapter.normalise(call, headers={}, received_at=NOW, knowledge=NoKnowledge()).events[0]
    later = adapter.normalise(
        call, headers={}, received_at=NOW + timedelta(seconds=1), knowledge=NoKnowledge()
    ).events[0]
    assert first.dedupe_key != later.dedupe_key
    assert adapter.webhook_key(call) is None


def test_delivery_keys(adapter: UnipileAdapter) -> None:
    reaction = received(event="message_reaction", reaction="👍", reaction_sender=person())
    calls = [
        received(),
        received(message_id="m_2", provider_message_id="2-other"),
        received(event="message_read"),
        reaction,
        reaction | {"reaction": "🎉"},
        received(event="message_edited", message="a"),
        received(event="message_edited", message="b"),
        payloads.new_relation(),
    ]
    found = [adapter.webhook_key(body(call)) for call in calls]
    assert None not in found
    assert len(set(found)) == len(calls)
    shuffled = dict(reversed(received().items()))
    assert adapter.webhook_key(body(shuffled)) == found[0]
    assert adapter.webhook_key(body({"event": "new_thing"})) is None
    assert adapter.webhook_key(b"\xff") is None


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (received(), "message_received"),
        (payloads.status("CREDENTIALS"), "account_status.credentials"),
        ({}, ""),
    ],
)
def test_type_of_a_call(adapter: UnipileAdapter, payload: Any, name: str) -> None:
    assert adapter.webhook_type(body(payload)) == name
    assert adapter.webhook_type(b"not json") == ""


def test_long_ids_keep_keys_short() -> None:
    key = events.dedupe_key("message_received", "a" * 150, "b" * 150)
    assert len(key) <= events.MAX_KEY_LENGTH
    assert key != events.dedupe_key("message_received", "a" * 150, "b" * 149 + "c")
    assert events.dedupe_key("k", "a:b", "c") != events.dedupe_key("k", "a", "b:c")


# --- Polled records --------------------------------------------------------------------------------------


def test_polled_message_names_the_other_side() -> None:
    event = poll(is_sender=1, sender_id=SELF).events[0]
    assert isinstance(event, events.MessageReceived)
    assert event.direction is Direction.OUTBOUND
    assert event.counterpart is not None
    assert event.counterpart.provider_id == LEAD


def test_receipts_are_told_for_our_messages_only() -> None:
    assert set(keys(poll(seen=1, delivered=1))) == {"message_received"}


@pytest.mark.parametrize("changes", [{"is_event": 1}, {"hidden": 1}])
def test_polled_system_lines_are_ignored(changes: dict[str, Any]) -> None:
    assert poll(**changes).ignored


def test_polled_null_flag_falls_back_to_own_id() -> None:
    class Own(NoKnowledge):
        def own_user_ids(self, account_id: str) -> frozenset[str]:
            return frozenset({SELF})

    raw = payloads.message(is_sender=None, sender_id=SELF)
    assert parse.message(raw, account_id=ACCOUNT, knowledge=Own()).direction_rule == "user_id"
    unknown = parse.message(raw, account_id=ACCOUNT, knowledge=NoKnowledge())
    assert unknown.direction is Direction.UNKNOWN


def test_events_survive_the_ledger(normalise: Normalise) -> None:
    for event in (*poll(seen=1, is_sender=1).events, only(normalise(received()))):
        stored = json.loads(json.dumps(events.to_json(event)))
        assert events.from_json(stored) == event
        assert events.from_json(stored).dedupe_key == event.dedupe_key


# --- Anything at all ---------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(sorted({*received(), "participants", "reaction", "reaction_sender", "AccountStatus"}))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(names, json_values, max_size=8), st.booleans())
def test_no_payload_breaks_it(changes: dict[str, Any], whole: bool) -> None:
    payload = (received() if whole else {"event": "message_received"}) | changes
    adapter = UnipileAdapter(credentials={}, base_url="")
    raw = json.dumps(payload).encode()
    adapter.webhook_type(raw)
    adapter.webhook_key(raw)
    try:
        normalised = adapter.normalise(raw, headers={}, received_at=NOW, knowledge=NoKnowledge())
    except ProviderError:
        return
    assert bool(normalised.events) != bool(normalised.ignored)
    for event in normalised.events:
        assert len(event.dedupe_key) <= events.MAX_KEY_LENGTH
        assert events.from_json(json.loads(json.dumps(events.to_json(event), allow_nan=False))) == event
