"""Every refusal of the socket, and what a good one gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError

from project.asgi import application
from project.core.realtime import Fragment, broker, consumers, rendering, sequencer, sockets
from project.core.realtime.blocking import in_database
from project.core.realtime.hub import current_hub
from project.core.realtime.models import StreamEvent
from project.core.realtime.protocol import MAX_COMMAND_LENGTH, CloseCode
from project.core.scoping import organization_scope
from project.tenancy.models import Client, Membership, User
from tests.core.realtime.conftest import Agency, render_clients, sign_in

pytestmark = pytest.mark.usefixtures("_hub_closed")

HOST = b"outbound.test"
#: Seconds; only a failing or starved run waits that long.
PATIENCE = 20


class Page:
    """A browser's end of a socket; acknowledges nothing by itself."""

    def __init__(self, slug: str, session: str = "", origin: str = "https://outbound.test") -> None:
        headers = [(b"host", HOST)]
        if origin:
            headers.append((b"origin", origin.encode()))
        if session:
            headers.append((b"cookie", f"sessionid={session}".encode()))
        self.received = 0
        self.socket = WebsocketCommunicator(application, f"/ws/o/{slug}/", headers=headers)

    async def open(self) -> Page:
        accepted, _ = await self.socket.connect(timeout=PATIENCE)
        assert accepted
        assert (await self.receive())["type"] == "welcome"
        return self

    async def send(self, **command: Any) -> None:
        await self.socket.send_to(text_data=json.dumps(command))

    async def receive(self, wanted: str | None = None) -> dict[str, Any]:
        """Return the next message, of the wanted type if given."""
        while True:
            message: dict[str, Any] = json.loads(await self.socket.receive_from(timeout=PATIENCE))
            self.received += 1
            if message["type"] == wanted or (wanted is None and message["type"] != "feed"):
                return message

    async def acknowledge(self) -> None:
        await self.send(type="ack", count=self.received)

    async def subscribe(self, *streams: str) -> dict[str, Any]:
        await self.send(type="subscribe", streams=streams, cursor=0)
        return await self.receive("subscribed")

    async def close_code(self) -> int:
        while True:
            message = await self.socket.receive_output(timeout=PATIENCE)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def close(self) -> None:
        await self.socket.disconnect(timeout=PATIENCE)


async def page_of(agency: Agency, user: User | None = None) -> Page:
    return await Page(agency.slug, await in_database(sign_in, user or agency.ana)).open()


async def refused_with(page: Page) -> int:
    accepted, _ = await page.socket.connect(timeout=PATIENCE)
    assert accepted, "closed with a code, so that the page can tell why"
    return await page.close_code()


# --- refused at the door ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    ["", "https://evil.test", "https://outbound.test.evil.test", "https://outbound.test:444", "null"],
)
async def test_another_origin_is_refused_before_the_handshake(agency: Agency, origin: str) -> None:
    page = Page(agency.slug, await in_database(sign_in, agency.ana), origin)
    accepted, _ = await page.socket.connect(timeout=PATIENCE)
    assert not accepted


async def test_no_session_closes_4401(agency: Agency) -> None:
    assert await refused_with(Page(agency.slug)) == CloseCode.NOT_SIGNED_IN == 4401
    assert await refused_with(Page(agency.slug, "a" * 32)) == CloseCode.NOT_SIGNED_IN


async def test_an_unknown_and_a_foreign_organization_close_alike(agency: Agency, rival: Agency) -> None:
    session = await in_database(sign_in, agency.ana)
    assert await refused_with(Page("nowhere", session)) == CloseCode.UNKNOWN_ORGANIZATION == 4404
    assert await refused_with(Page(rival.slug, session)) == CloseCode.UNKNOWN_ORGANIZATION


async def test_a_former_member_is_refused(agency: Agency) -> None:
    await in_database(_end_membership, agency, agency.ana)
    assert await refused_with(Page(agency.slug, await in_database(sign_in, agency.ana))) == 4404


# --- refused streams ------------------------------------------------------------------------------------


async def test_streams_are_authorised_one_by_one(agency: Agency, rival: Agency) -> None:
    page = await page_of(agency)
    other_person = f"user:{agency.ben.id}"
    own = f"user:{agency.ana.id}"
    answer = await page.subscribe(agency.stream, rival.stream, "nothing:here", "Bad Name", other_person, own)
    assert answer["streams"] == [agency.stream, own]
    assert {refusal["stream"]: refusal["reason"] for refusal in answer["refused"]} == {
        rival.stream: "forbidden",
        "nothing:here": "unknown",
        "Bad Name": "unknown",
        other_person: "forbidden",
    }
    await in_database(rival.rename, "Secret")
    await in_database(agency.rename, "Abisko")
    message = await page.receive("frames")
    assert len(message["frames"]) == 1
    assert "Abisko" in message["frames"][0]["html"]
    await page.close()


async def test_a_foreign_stream_inside_the_own_organization_carries_nothing_foreign(
    agency: Agency, rival: Agency
) -> None:
    """Even with the same stream name, channels are per organization."""
    page = await page_of(agency)
    await page.subscribe("organization")
    await in_database(rival.rename, "Secret", stream="organization")
    await in_database(agency.rename, "Abisko", stream="organization")
    message = await page.receive("frames")
    assert "Abisko" in message["frames"][0]["html"]
    await page.close()


async def test_the_number_of_streams_is_bounded(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "MAX_STREAMS", 1)
    page = await page_of(agency)
    answer = await page.subscribe("organization", agency.stream)
    assert answer["streams"] == ["organization"]
    assert answer["refused"] == [{"stream": agency.stream, "reason": "too_many"}]
    await page.close()


async def test_an_unsubscribed_stream_is_silent(agency: Agency) -> None:
    page = await page_of(agency)
    await page.subscribe(agency.stream, "organization")
    await page.send(type="unsubscribe", streams=[agency.stream])
    await page.receive("unsubscribed")
    await in_database(agency.rename, "Abisko")
    await in_database(agency.rename, "Narvik", stream="organization")
    message = await page.receive("frames")
    assert [frame["stream"] for frame in message["frames"]] == ["organization"]
    await page.close()


# --- refused commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '{"type": "delete_everything"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "streams": []}',
        '{"type": "subscribe", "streams": [1]}',
        '{"type": "ack", "count": 999}',
        '{"type": "ack", "count": "1"}',
        '{"type": "presence", "conversation": "x", "mode": "viewing"}',
    ],
)
async def test_a_malformed_command_closes_4400(agency: Agency, text: str) -> None:
    page = await page_of(agency)
    await page.socket.send_to(text_data=text)
    assert (await page.receive("error"))["reason"]
    assert await page.close_code() == CloseCode.BAD_COMMAND == 4400


async def test_binary_closes_4400(agency: Agency) -> None:
    page = await page_of(agency)
    await page.socket.send_to(bytes_data=b"\x00")
    assert await page.close_code() == CloseCode.BAD_COMMAND


async def test_an_oversized_command_closes_4413(agency: Agency) -> None:
    page = await page_of(agency)
    await page.socket.send_to(text_data="x" * (MAX_COMMAND_LENGTH + 1))
    assert await page.close_code() == CloseCode.TOO_LARGE == 4413


async def test_too_many_commands_close_4429(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "COMMANDS_PER_SECOND", 0.001)
    page = await page_of(agency)
    for _ in range(consumers.COMMAND_BURST + 1):
        await page.send(type="ping")
    assert await page.close_code() == CloseCode.TOO_MANY == 4429


# --- revoked while open -------------------------------------------------------------------------------------


async def test_a_membership_that_ends_closes_the_open_socket(agency: Agency) -> None:
    page = await page_of(agency)
    await page.subscribe(agency.stream)
    await in_database(_end_membership, agency, agency.ana)
    await in_database(broker.publish_membership_changed, agency.id, agency.ana.id)
    assert await page.close_code() == CloseCode.REVOKED == 4409


async def test_only_the_member_concerned_is_checked(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    page = await page_of(agency)
    checked: list[str] = []
    real = consumers._still_allowed
    monkeypatch.setattr(consumers, "_still_allowed", lambda *args: (checked.append(args[0]), real(*args))[1])
    await in_database(broker.publish_membership_changed, agency.id, agency.ben.id)
    await page.subscribe(agency.stream)
    await in_database(agency.rename, "Abisko")
    await page.receive("frames")
    assert checked == []
    await page.close()


async def test_signing_out_closes_the_open_socket_with_the_timer(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.05)
    session = await in_database(sign_in, agency.ana)
    page = await Page(agency.slug, session).open()
    await page.subscribe(agency.stream)
    await sync_to_async(SessionStore(session).delete)()
    assert await page.close_code() == CloseCode.REVOKED


async def test_a_stream_that_is_lost_is_taken_away_and_the_rest_stays(agency: Agency) -> None:
    page = await page_of(agency)
    await page.subscribe(agency.stream, "organization")
    await in_database(_delete_client, agency)
    await in_database(broker.publish_membership_changed, agency.id)
    assert await page.receive("refused") == {
        "type": "refused",
        "refused": [{"stream": agency.stream, "reason": "forbidden"}],
    }
    await in_database(agency.rename, "x")
    await in_database(agency.rename, "y", stream="organization")
    assert [frame["stream"] for frame in (await page.receive("frames"))["frames"]] == ["organization"]
    await page.close()


# --- what is pushed -----------------------------------------------------------------------------------------


async def test_a_change_reaches_every_subscriber_with_its_number(agency: Agency) -> None:
    pages = [await page_of(agency), await page_of(agency, agency.ben)]
    for page in pages:
        assert (await page.subscribe(agency.stream))["n"] == 0
    await in_database(agency.rename, "Abisko")
    for page in pages:
        message = await page.receive("frames")
        assert message["n"] == message["frames"][0]["n"] == 1
        await page.close()
    assert current_hub().rooms == {}, "the last socket closes the room"


async def test_two_hundred_sockets_of_one_process_share_one_rendering(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []

    def render(events: list[StreamEvent]) -> Iterator[Fragment]:
        rendered.append(len(events))
        return render_clients(events)

    monkeypatch.setitem(rendering._renderers, "client.changed", render)
    session = await in_database(sign_in, agency.ana)
    pages = [await Page(agency.slug, session).open() for _ in range(200)]
    for page in pages:
        await page.subscribe(agency.stream)
    await in_database(agency.rename, "Abisko")
    shown = [(await page.receive("frames"))["frames"][0]["html"] for page in pages]
    assert len(shown) == 200
    assert set(shown) == {f'<p id="client-{agency.client.id}" data-live="replace">Abisko</p>'}
    assert rendered == [1], "once for all viewers"
    for page in pages:
        await page.close()


async def test_a_new_subscriber_learns_how_far_the_stream_is(agency: Agency) -> None:
    await in_database(agency.rename, "Abisko")
    page = await page_of(agency)
    assert (await page.subscribe(agency.stream))["n"] == 1
    await page.close()


async def test_a_burst_comes_as_few_messages_in_order(agency: Agency) -> None:
    page = await page_of(agency)
    await page.subscribe(agency.stream)
    for n in range(10):
        await in_database(agency.rename, f"name {n}")
    numbers: list[int] = []
    while not numbers or numbers[-1] < 10:
        numbers += [frame["n"] for frame in (await page.receive("frames"))["frames"]]
    assert numbers == sorted(numbers)
    await page.close()


async def test_a_heartbeat_carries_the_latest_number(agency: Agency) -> None:
    page = await page_of(agency)
    await in_database(agency.rename, "Abisko")
    await page.subscribe(agency.stream)
    await current_hub().beat()
    assert await page.receive("heartbeat") == {"type": "heartbeat", "n": 1}
    await page.close()


# --- what is lost is noticed ----------------------------------------------------------------------------------


async def test_a_gap_in_the_numbers_tells_clients_to_catch_up(agency: Agency) -> None:
    page = await page_of(agency)
    await page.subscribe(agency.stream)
    await in_database(broker.publish_frames, agency.id, 5, 5, [])
    assert await page.receive("resync") == {"type": "resync", "n": 5, "reason": "gap"}
    await page.close()


async def test_a_lost_last_frame_is_noticed_by_the_heartbeat(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await page_of(agency)
    await page.subscribe(agency.stream)
    with monkeypatch.context() as patch:
        patch.setattr(broker, "_publish", lambda *args: None)
        await in_database(agency.rename, "Abisko")
    await current_hub().beat()
    assert await page.receive("resync") == {"type": "resync", "n": 1, "reason": "behind"}
    await page.close()


async def test_a_broken_subscription_is_taken_up_again_and_clients_told(agency: Agency) -> None:
    page = await page_of(agency)
    await page.subscribe(agency.stream)
    await current_hub().redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    assert (await page.receive("resync"))["reason"] == "reconnected"
    await in_database(agency.rename, "Abisko")
    assert "Abisko" in (await page.receive("frames"))["frames"][0]["html"]
    await page.close()


async def test_a_slow_reader_is_dropped_and_the_others_go_on(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_UNACKNOWLEDGED", 8)
    monkeypatch.setattr(sockets, "MAX_QUEUED", 4)
    slow, quick = await page_of(agency), await page_of(agency, agency.ben)
    for page in (slow, quick):
        await page.subscribe(agency.stream)
    for n in range(20):
        await in_database(agency.rename, f"name {n}")
        await quick.receive("frames")
        await quick.acknowledge()
    types = []
    while (message := await slow.socket.receive_output(timeout=PATIENCE))["type"] == "websocket.send":
        types.append(json.loads(message["text"])["type"])
    assert types[-1] == "resync"
    assert len(types) <= 10, "what was queued was thrown away"
    assert message["code"] == CloseCode.TOO_SLOW == 4408
    # Its cursor brings it back to where the others are.
    answer = await in_database(_catch_up, agency)
    assert "name 19" in answer.frames[-1].text
    assert answer.cursor == await in_database(sequencer.latest_number, agency.id) == 20
    await quick.close()


async def test_a_reader_that_acknowledges_gets_everything(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_UNACKNOWLEDGED", 4)
    page = await page_of(agency)
    await page.subscribe(agency.stream)
    await page.acknowledge()
    for n in range(12):
        await in_database(agency.rename, f"name {n}")
    numbers: list[int] = []
    while not numbers or numbers[-1] < 12:
        numbers += [frame["n"] for frame in (await page.receive("frames"))["frames"]]
        await page.acknowledge()
    assert numbers == sorted(set(numbers))
    await page.close()


def _catch_up(agency: Agency) -> Any:
    from project.core.realtime import catchup

    return catchup.since(agency.viewer(), 0, [agency.stream])


def _end_membership(agency: Agency, user: User) -> None:
    with organization_scope(agency.id):
        Membership.objects.filter(user=user).update(is_active=False)


def _delete_client(agency: Agency) -> None:
    with organization_scope(agency.id):
        Client.objects.filter(id=agency.client.id).delete()


async def test_a_room_that_cannot_be_opened_is_tried_again(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, socket = current_hub(), sockets.Socket(agency.ana.id, lambda: None)

    def away(organization_ids: object) -> dict[object, int]:
        raise OperationalError("PostgreSQL is away.")

    with monkeypatch.context() as patch:
        patch.setattr(sequencer, "published_numbers", away)
        with pytest.raises(OperationalError):
            await hub.join(agency.id, socket)
    assert hub.rooms == {}
    room = await hub.join(agency.id, socket)
    assert room.latest == 0
    await hub.leave(room, socket)
