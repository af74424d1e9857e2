"""Search names what is there: what was deleted, taken back or edited away is neither found nor shown in a passage."""

from __future__ import annotations

import uuid
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client as Browser

from inbox.models import Conversation, Message
from inbox.search.finding import headlines
from inbox.search.query import parse
from inbox.services import departures, replies
from integrations.events import BaseEvent, MessageDeleted, MessageEdited
from integrations.services.events import record_event
from project.core.scoping import no_scope
from tests.api.conftest import Program
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread(world: World) -> Conversation:
    world.lead("Marta", "marta")
    world.says("marta", "Two xylophones, please", WORKING)
    return Conversation.objects.get()


def changed(
    world: World, kind: type[MessageDeleted] | type[MessageEdited], message: str, **values: str
) -> None:
    event: BaseEvent = kind(
        provider="unipile", account_id=world.sender.provider_account_id,
        occurred_at=WORKING + timedelta(minutes=5), message_id=f"api_{message}",
        provider_message_id=f"net_{message}", chat_id="chat_marta", provider_chat_id="thread_marta", **values,
    )  # fmt: skip
    record_event(event, sender=world.sender, source="webhook")


def found(world: World, client: Browser, text: str) -> list[int]:
    """How many conversations the page, and how many the API, finds for a word."""
    api = Program(world.agency, world.agency.agent)
    query = urlencode({"q": text, "view": "all"})
    with no_scope():
        client.force_login(world.agency.agent)
        page = client.get(
            world.agency.url(f"inbox/?{query}"), headers={"HX-Request": "true"}
        ).content.decode()
    rows = api("GET", "conversations?" + urlencode({"filter[query]": query}))[1]["items"]
    return [page.count(f"<mark>{text}</mark>"), len(rows)]


def test_a_deleted_message_is_found_and_shown_no_more(
    world: World, thread: Conversation, client: Browser
) -> None:
    assert found(world, client, "xylophones") == [1, 1]
    message = Message.objects.get()
    # An edit takes its words out of search, and a deletion all of them.
    changed(world, MessageEdited, "m1", text="Two marimbas, please")
    assert (found(world, client, "xylophones"), found(world, client, "marimbas")) == ([0, 0], [1, 1])
    changed(world, MessageDeleted, "m1")
    assert message.refreshed().body == "Two marimbas, please", "what was said is kept, and not shown"
    assert found(world, client, "marimbas") == [0, 0]
    assert headlines(parse("marimbas"), [message.id]) == {}, "found before it was deleted"
    with no_scope():
        page = client.get(world.agency.url("inbox/?view=all")).content.decode()
    assert "marimbas" not in page
    assert "marimbas" not in str(Program(world.agency, world.agency.agent)("GET", "conversations"))


def test_a_reply_that_was_taken_back_is_found_no_more_in_the_same_transaction(
    world: World, thread: Conversation, client: Browser
) -> None:
    agent = world.agency.agent
    sent = replies.send_reply(
        conversation_id=thread.id, author=agent, body="A glockenspiel is cheaper", client_token=uuid.uuid4(),
        seen_revision=thread.refreshed().revision, options=replies.Options(undo_seconds=10),
    )  # fmt: skip
    assert found(world, client, "glockenspiel") == [1, 1]
    with transaction.atomic():
        departures.take_back(message_id=sent.id, actor=agent)
        assert found(world, client, "glockenspiel") == [0, 0]
        # Among the messages of one person the index is not asked.
        assert found(world, client, "from:marta glockenspiel")[1] == 0
        assert headlines(parse("glockenspiel"), [sent.id]) == {}
        transaction.set_rollback(True)
    assert found(world, client, "glockenspiel") == [1, 1], "it was not taken back after all"
    departures.take_back(message_id=sent.id, actor=agent)
    assert found(world, client, "glockenspiel") == [0, 0]
    assert found(world, client, "xylophones") == [1, 1]
