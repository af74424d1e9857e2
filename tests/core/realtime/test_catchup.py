"""Catching up by cursor: what was lost on the way is fetched, rendered once, and ends in the state of the database."""

from __future__ import annotations

import json
import random
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client as Browser

from project.core.clock import now
from project.core.realtime import catchup, emit, sequencer, stream_name
from project.core.realtime.models import StreamCounter, StreamEvent
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Client
from tests.core.realtime.conftest import Agency, Wire


def apply(screen: dict[str, str], frames: list[dict[str, Any]]) -> None:
    """What the browser does with fragments that replace by id."""
    for frame in frames:
        found = re.fullmatch(r'<p id="client-(.+?)" data-live="replace">(.*)</p>', frame["html"])
        assert found is not None
        screen[found[1]] = found[2]


def test_each_subject_comes_once_and_in_its_present_state(agency: Agency) -> None:
    for name in ("Abisko", "Narvik", "Bodø"):
        agency.rename(name)
    answer = catchup.since(agency.viewer(), 0, [agency.stream])
    assert answer.cursor == 3
    (frame,) = [json.loads(frame.text) for frame in answer.frames]
    assert frame["n"] == 3
    assert "Bodø" in frame["html"]
    assert catchup.since(agency.viewer(), 3, [agency.stream]).frames == []


def test_streams_that_may_not_be_seen_are_refused_and_left_out(agency: Agency, rival: Agency) -> None:
    rival.rename("Secret")
    agency.rename("Abisko")
    answer = catchup.since(agency.viewer(), 0, [rival.stream, "nothing:here", "Not a name", agency.stream])
    assert answer.refused == {rival.stream: "forbidden", "nothing:here": "unknown", "Not a name": "unknown"}
    assert len(answer.frames) == 1


def test_a_cursor_that_cannot_be_caught_up_answers_reset(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        agency.rename(name)
    assert catchup.since(agency.viewer(), 99, [agency.stream]).reset, "a cursor of another database"
    with platform_scope("test"):
        StreamEvent.objects.filter(number=1).update(created_at=now() - timedelta(days=8))
    sequencer.trim(now() - timedelta(days=7))
    assert catchup.since(agency.viewer(), 0, [agency.stream]).reset, "older than what is kept"
    assert not catchup.since(agency.viewer(), 1, [agency.stream]).reset
    monkeypatch.setattr(catchup, "MAX_EVENTS", 1)
    assert catchup.since(agency.viewer(), 1, [agency.stream]).reset, "too much to replay"
    with platform_scope("test"):
        assert StreamCounter.objects.get().last_number == 3


@pytest.mark.parametrize("seed", range(8))
def test_a_screen_that_lost_random_frames_equals_a_fresh_one_after_catching_up(
    agency: Agency, wire: Wire, seed: int
) -> None:
    dice = random.Random(seed)
    with organization_scope(agency.id):
        clients = [Client.objects.create(name=f"c{n}", slug=f"c{n}") for n in range(4)]
        screen = {str(client.id): client.name for client in clients}
    streams = [stream_name("conversation", client.id) for client in clients]
    cursor = sequencer.latest_number(agency.id)
    for step in range(30):
        chosen = dice.choice(clients)
        with organization_scope(agency.id), transaction.atomic():
            Client.objects.filter(id=chosen.id).update(name=f"{chosen.slug} at {step}")
            subject = ("client", chosen.id)
            emit(stream=stream_name("conversation", chosen.id), kind="client.changed", subject=subject)
        for message in wire.messages():
            frames = [json.loads(text) for _stream, text in message["frames"]]
            if dice.random() < 0.5 and message["first"] == cursor + 1:
                apply(screen, frames)
                cursor = message["last"]
        if dice.random() < 0.1:
            cursor = _catch_up(agency, screen, cursor, streams)
    _catch_up(agency, screen, cursor, streams)
    with organization_scope(agency.id):
        assert screen == {str(client.id): client.name for client in Client.objects.exclude(slug="kiruna")}


def _catch_up(agency: Agency, screen: dict[str, str], cursor: int, streams: list[str]) -> int:
    answer = catchup.since(agency.viewer(), cursor, streams)
    assert not answer.reset
    apply(screen, [json.loads(frame.text) for frame in answer.frames])
    return answer.cursor


class TestAddress:
    """``GET /o/<organization>/live/since``."""

    def get(self, agency: Agency, **query: str) -> Any:
        browser = Browser()
        browser.force_login(agency.ana, backend="django.contrib.auth.backends.ModelBackend")
        return browser.get(f"/o/{agency.slug}/live/since", query)

    def test_answers_frames_and_the_new_cursor(self, agency: Agency) -> None:
        agency.rename("Abisko")
        response = self.get(agency, cursor="0", streams=f"{agency.stream},nothing:here")
        assert response.status_code == 200
        body = response.json()
        assert body["cursor"] == 1
        assert body["reset"] is False
        assert body["refused"] == {"nothing:here": "unknown"}
        assert [frame["stream"] for frame in body["frames"]] == [agency.stream]
        assert response["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("cursor", ["", "-1", "twelve", "9" * 30])
    def test_a_cursor_that_is_no_number_answers_400(self, agency: Agency, cursor: str) -> None:
        assert self.get(agency, cursor=cursor, streams=agency.stream).status_code == 400

    def test_too_many_streams_answer_400(self, agency: Agency) -> None:
        streams = ",".join(f"conversation:{n}" for n in range(201))
        assert self.get(agency, cursor="0", streams=streams).status_code == 400

    def test_a_foreign_organization_answers_404(self, agency: Agency, rival: Agency) -> None:
        browser = Browser()
        browser.force_login(agency.ana, backend="django.contrib.auth.backends.ModelBackend")
        response = browser.get(f"/o/{rival.slug}/live/since", {"cursor": "0", "streams": rival.stream})
        assert response.status_code == 404

    def test_without_a_session_nothing_is_answered(self, agency: Agency) -> None:
        response = Browser().get(f"/o/{agency.slug}/live/since", {"cursor": "0", "streams": agency.stream})
        assert response.status_code in {302, 401}
