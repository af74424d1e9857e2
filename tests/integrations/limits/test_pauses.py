"""What the network itself refuses: the action rests on that account only, for a stated time, and recovers by itself.

Also: how dispatch pays for what leaves.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import time_machine

from integrations.models import OutboundMessage, RequestSlots, SenderAccount
from integrations.providers.unipile.errors import from_response
from integrations.services import rates, senders
from integrations.tasks import dispatch_sender
from project.core.clock import now
from project.core.http import Redactor
from project.core.scoping import no_scope
from tests.integrations.conftest import Room
from tests.integrations.limits.conftest import MakeSender, used

QUOTAS = {"cannot_resend_yet": 4, "limit_exceeded": 24, "insufficient_credits": 24}


def run(room: Room, sender: SenderAccount) -> None:
    with no_scope():
        dispatch_sender.run(organization_id=str(room.agency.id), sender_id=str(sender.id))


@pytest.mark.parametrize("name", QUOTAS)
def test_a_quota_rests_one_action_of_one_account_and_ends_by_itself(
    room: Room, make_sender: MakeSender, name: str
) -> None:
    answer = httpx.Response(422, json={"status": 422, "type": f"errors/{name}", "title": "Cannot resend yet"})
    room.world.failures.append(from_response(answer, Redactor([]), send=True))
    with room.scope():
        other = make_sender(connection=room.connection)
        refused = room.queue(action="invite", body="Hello")
        room.queue(action="message", body="A message")
    assert refused is not None
    run(room, room.sender)
    hours = QUOTAS[name]
    with room.scope():
        refused.refresh_from_db()
        sender = room.sender.refreshed()
        until = senders.action_paused_until(sender, "invite", now())
        assert until is not None
        assert timedelta(hours=hours - 1) < until - now() <= timedelta(hours=hours)
        # The lead waits until then, with the reason; no unit is held meanwhile.
        assert (refused.state, refused.hold_code, refused.not_before) == ("queued", "throttled", until)
        assert refused.reservation is None
        assert used(sender=sender, action="invite", window="day") == 0
        # Other actions of the account and the same action of others go on.
        assert senders.sendable(sender, "message", now()) is None
        assert senders.sendable(other, "invite", now()) is None
        room.queue(action="invite", sender=other, body="From another")
    run(room, other)
    assert [entry["text"] for entry in room.world.sent] == ["A message", "From another"]
    with time_machine.travel(until + timedelta(seconds=1), tick=True):
        run(room, room.sender)
    with room.scope():
        assert refused.refreshed().state == "sent"


def test_an_hour_that_is_over_is_exchanged_for_the_one_of_now(room: Room, make_sender: MakeSender) -> None:
    with room.scope():
        rates.set_limit(sender=room.sender, action="message", window="hour", cap=1, actor=None)
        earlier = now() - timedelta(hours=1)
        taken = rates.reserve(sender=room.sender, action="message", at=earlier)
        assert isinstance(taken, rates.Reserved)
        room.queue(reservation=taken.reservation)
        second = room.queue()
    run(room, room.sender)
    run(room, room.sender)
    assert len(room.world.sent) == 1
    assert second is not None
    with room.scope():
        held = OutboundMessage.objects.get(state="queued")
        assert (held.hold_code, held.reservation) == ("limit", None)
        assert held.hold_reason == "The hourly limit of 1 (message) of this account is used up."
    with time_machine.travel(held.not_before + timedelta(seconds=1), tick=True):
        run(room, room.sender)
    assert len(room.world.sent) == 2


def test_a_send_does_not_stand_in_line_for_a_busy_connection(room: Room, settings: Any) -> None:
    with room.scope():
        RequestSlots.objects.create(connection=room.connection, next_slot_at=now() + timedelta(minutes=1))
        row = room.queue()
    run(room, room.sender)
    assert row is not None
    with room.scope():
        row.refresh_from_db()
        assert row.hold_reason == "The request rate of 50 a second of this connection is used up."
        assert timedelta(seconds=50) < row.not_before - now() < timedelta(seconds=60)
    with time_machine.travel(row.not_before + timedelta(seconds=1), tick=True):
        run(room, room.sender)
    assert len(room.world.sent) == 1
