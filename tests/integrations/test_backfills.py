"""Back-fills by API and by night: a campaign's connections (S4), ids of chats (S5), windows of inbound lists (S2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client as Browser

from campaigns.models import Campaign, CampaignSender, Enrollment, Lead, LeadChannel, Relation
from campaigns.services import historical
from inbox.models import Conversation
from inbox.services import chats
from integrations.domain_events import ChatFound, RelationsListed
from integrations.models import (
    LedgerDay,
    LedgerIncident,
    OutboundMessage,
    ProviderEvent,
    SenderAccount,
    SyncRun,
)
from integrations.providers.mailbox import presets
from integrations.sandbox.mailbox.control import PASSWORD
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.sandbox.twilio.state import ACCOUNT_SID, AUTH_TOKEN
from integrations.services import connections, healing, mailboxes, numbers, sync, sync_windows
from integrations.values import Chat, Page
from project.core import events as core_events
from project.core.clock import now
from project.core.scoping import no_scope
from tests.api.conftest import Program
from tests.integrations.conftest import Room
from tests.integrations.world import WorldAdapter
from tests.rows import Rows

NUMBER, THEIRS = "+13125550100", "+13125550142"
ERIK, JO = "erik.sand@kestrel.test", "jo.weil@globex.example"


# --- connections of a campaign, by API --------------------------------------------------------------


def relation(name: str, member: str) -> dict[str, Any]:
    return {
        "object": "UserRelation", "member_id": member, "first_name": name, "last_name": "Weil",
        "public_identifier": f"{name}-weil",
        "created_at": int((now() - timedelta(days=900)).timestamp() * 1000),
    }  # fmt: skip


def test_a_campaigns_connections_are_asked_for_matched_in_its_scope_and_again_changes_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    receivers = {"campaigns.historical": historical.on_relations_listed}
    monkeypatch.setitem(core_events._receivers, RelationsListed, receivers)
    agency = room.agency
    room.world.relations = [relation(name, f"ACoAAB{name}") for name in ("inside", "beside", "nobody")]
    with room.scope():
        rows = Rows(agency, agency.first)
        campaign, idle = rows.fresh(Campaign), rows.fresh(Campaign)
        CampaignSender.objects.create(campaign=campaign, sender=room.sender)
        leads = {}
        for name in ("inside", "beside"):
            leads[name] = rows.fresh(Lead, first_name=name)
            rows.fresh(LeadChannel, lead=leads[name], kind="linkedin", normalized=f"{name}-weil")
        rows.fresh(Enrollment, campaign=campaign, lead=leads["inside"])
    ops, viewer = Program(agency, agency.ops), Program(agency, agency.people["viewer"])
    path = f"campaigns/{campaign.id}/connections"
    assert viewer("POST", path, {})[0] == 403
    assert ops("POST", f"campaigns/{room.sender.id}/connections", {})[0] == 404
    assert ops("POST", path, {"sender_id": str(campaign.id)})[0] == 404
    assert ops("POST", path, {"sender_id": "nonsense"})[0] == 422
    status, refusal = ops("POST", f"campaigns/{idle.id}/connections", {})
    assert (status, refusal["code"]) == (409, "NO_ACCOUNT")
    status, (asked,) = ops("POST", path, {"sender_id": str(room.sender.id)})
    assert (status, asked["resource"], asked["sender_id"]) == (202, "connections", str(room.sender.id))
    status, refusal = ops("POST", path, {})
    assert (status, refusal["code"]) == (409, "SYNC_RUNNING")
    room.hints.run_all()
    result = ops("GET", f"sync-runs/{asked['id']}")[1]
    assert (result["state"], result["result"]["matched"], result["result"]["outside"]) == ("done", 1, 1)
    assert (result["result"]["unmatched"], result["result"]["people"]) == (1, ["nobody Weil"])
    with room.scope():
        assert Relation.objects.get().lead_id == leads["inside"].id
    assert ops("POST", path, {})[0] == 202
    room.hints.run_all()
    with room.scope():
        again = SyncRun.objects.order_by("-created_at")[0]
        assert (again.result.get("matched", 0), again.result["known"], again.created) == (0, 1, 0)
        assert Relation.objects.count() == 1


# --- ids of chats -----------------------------------------------------------------------------------


def test_chats_without_ids_are_found_every_night_one_by_one_and_go_on_where_they_stood(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(core_events._receivers, ChatFound, {"inbox.chat_found": chats.on_chat_found})
    monkeypatch.setattr(sync_windows, "CHATS_AT_ONCE", 2)
    asked: list[str] = []

    def chats_with(self: Any, *, account_id: str, recipient_provider_id: str, **_more: Any) -> Page[Chat]:
        asked.append(recipient_provider_id)
        if recipient_provider_id == "ACo-2":
            return Page(items=())
        group = Chat(chat_id="group", account_id=account_id, is_group=True)
        found = Chat(
            chat_id=f"chat-{recipient_provider_id}", account_id=account_id,
            provider_chat_id=f"2-{recipient_provider_id}", is_group=False,
        )  # fmt: skip
        return Page(items=(group, found))

    monkeypatch.setattr(WorldAdapter, "chats_with", chats_with)
    with room.scope():
        rows = Rows(room.agency, room.agency.first)
        made = [
            rows.fresh(
                Conversation, sender=room.sender, channel="linkedin", counterpart_id=f"ACo-{number}",
                chat_id="known" if number == 3 else "", provider_chat_id="",
            )
            for number in range(5)
        ]  # fmt: skip
        sync.request(sender=room.sender, resource="chats", trigger="test")
    room.hints.run_all()
    assert asked == ["ACo-0", "ACo-1", "ACo-2", "ACo-4"], "each once, and nobody whose chat is known"
    with room.scope():
        run = SyncRun.objects.get(resource="chats")
        assert (run.state, run.result, run.seen) == ("done", {"found": 3, "without": 1}, 4)
        assert run.claims > 1, "others have their turn in between"
        ids = {row.counterpart_id: (row.chat_id, row.provider_chat_id) for row in Conversation.objects.all()}
        assert ids["ACo-0"] == ("chat-ACo-0", "2-ACo-0")
        assert (ids["ACo-2"], ids["ACo-3"]) == (("", ""), ("known", ""))
        assert len(ids) == len(made)
        SyncRun.objects.all().delete()
        asked.clear()
        # By itself a day later, and on demand for those who are left.
        SenderAccount.objects.filter(id=room.sender.id).update(last_webhook_at=now())
        with time_machine.travel(now() + sync.CHATS_EVERY + timedelta(minutes=1), tick=True):
            SenderAccount.objects.filter(id=room.sender.id).update(last_webhook_at=now())
            for _ in range(4):
                sync.request_due()
                room.hints.run_all()
        assert asked == ["ACo-2"]


# --- windows of what came in ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxHandle]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def outside(running: SandboxHandle, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> SandboxHandle:
    running.reset(seed=None)
    settings.TWILIO_BASE_URL = running.twilio_url
    settings.MAILBOX_BASE_URL = running.mailbox_url
    settings.REQUEST_RATES = {}
    monkeypatch.setattr(presets, "_mx_hosts", lambda domain: [])
    return running


def text_number(room: Room, outside: SandboxHandle) -> SenderAccount:
    outside.rent_number(NUMBER, campaign_status="VERIFIED")
    connection = connections.create(
        provider="twilio", name="Texts", credentials={"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
    )
    return numbers.add(
        connection=connection, client=room.agency.first, account_id=NUMBER, actor=room.agency.admin
    )


def mailbox(room: Room, outside: SandboxHandle) -> SenderAccount:
    outside.call("POST", "/mailboxes", {"address": ERIK, "name": "Erik Sand", "password": PASSWORD})
    wanted = mailboxes.Wanted(address=ERIK, name="Erik Sand", password=PASSWORD)
    return mailboxes.add(client=room.agency.first, wanted=wanted, actor=None).sender


def arrives(provider: str, outside: SandboxHandle, word: str) -> None:
    """Somebody writes, and no webhook tells of it."""
    if provider == "twilio":
        outside.act(THEIRS, "reply", account_id=NUMBER, text=word)
        return
    raw = (
        f"From: Jo Weil <{JO}>\r\nTo: {ERIK}\r\nSubject: Hello\r\nMessage-ID: <{word}@globex.example>\r\n"
        f"Date: {now():%a, %d %b %Y %H:%M:%S} +0000\r\n\r\n{word}\r\n"
    )
    outside.call("POST", f"/mailboxes/{ERIK}/mails", {"raw": raw})


@pytest.mark.parametrize("provider", ["twilio", "mailbox"])
def test_a_window_of_what_came_in_is_filled_counted_and_healed(
    room: Room, outside: SandboxHandle, provider: str
) -> None:
    with room.scope():
        sender = (text_number if provider == "twilio" else mailbox)(room, outside)
        SyncRun.objects.all().delete()
        room.hints.lose()
        for word in ("first", "second"):
            arrives(provider, outside, word)
        today = now().replace(hour=0, minute=0, second=0, microsecond=0)
        window = {"since": today, "until": today + timedelta(days=1)}
        preview = sync.request(sender=sender, resource="history", trigger="test", since=window["since"],
                               until=today + timedelta(seconds=1))  # fmt: skip
        assert preview is not None
        room.hints.run_all()
        assert not texts(sender), "what lies outside of the window is left"
        sync.request(sender=sender, resource="history", trigger="test", **window)
        room.hints.run_all()
        assert texts(sender) == ["first", "second"]
        assert set(ProviderEvent.objects.filter(sender_id=sender.id).values_list("source", flat=True)) == {
            "history"
        }
        # One that no webhook and no poll has told opens an incident, which reading the day again heals.
        arrives(provider, outside, "third")
        sync.request(sender=sender, resource="ledger", trigger="test", **window)
        room.hints.run_all()
        line, incident = LedgerDay.objects.get(), LedgerIncident.objects.get()
        assert (line.listed, line.stored, line.missing) == (3, 2, 1)
        assert incident.samples[0]["text"] == "third"
        assert healing.heal(incident=incident, actor=room.agency.ops) is not None
        room.hints.run_all()
        line.refresh_from_db()
        incident.refresh_from_db()
        assert (line.stored, line.missing, incident.state) == (3, 0, "healed")
        assert texts(sender) == ["first", "second", "third"]


def texts(sender: SenderAccount) -> list[str]:
    rows = ProviderEvent.objects.filter(sender_id=sender.id, kind="message_received").order_by(
        "occurred_at", "id"
    )
    return [row.payload["text"] for row in rows]


def test_from_the_pages_connections_of_a_campaign_are_read_and_the_use_of_limits_is_raised(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        core_events._receivers, RelationsListed, {"campaigns.historical": historical.on_relations_listed}
    )
    agency = room.agency
    room.world.relations = [relation(name, f"ACoAAB{name}") for name in ("inside", "beside")]
    with room.scope():
        rows = Rows(agency, agency.first)
        campaign = rows.fresh(Campaign)
        CampaignSender.objects.create(campaign=campaign, sender=room.sender)
        for name in ("inside", "beside"):
            lead = rows.fresh(Lead, first_name=name)
            rows.fresh(LeadChannel, lead=lead, kind="linkedin", normalized=f"{name}-weil")
            if name == "inside":
                rows.fresh(Enrollment, campaign=campaign, lead=lead)
        rows.fresh(
            OutboundMessage, sender=room.sender, channel="linkedin", action="message", state="sent",
            sent_at=now(), already="", dedupe_key="drill",
        )  # fmt: skip
    part = {"HX-Request": "true"}
    admin, manager = Browser(), Browser()
    admin.force_login(agency.admin)
    manager.force_login(agency.manager)
    page, path = (agency.url(f"campaigns/{campaign.id}/{rest}") for rest in ("", "connections/"))
    assert 'id="match-connections"' not in manager.get(page).content.decode()
    assert manager.post(path).status_code == 403
    assert 'id="match-connections"' in admin.get(page).content.decode()
    assert "Reading 1 account;" in admin.post(path, headers=part).content.decode()
    busy = admin.post(path, headers=part)
    assert (busy.status_code, "is under way" in busy.content.decode()) == (409, True)
    room.hints.run_all()
    with room.scope():
        result = SyncRun.objects.get(resource="connections").result
        assert (result["matched"], result["outside"]) == (1, 1)
    account = agency.url(f"ops/sync/{room.sender.id}/")
    today = now().date().isoformat()
    assert 'id="usage-fill"' in admin.get(account).content.decode()
    days = {"since": today, "until": today}
    assert (
        '<b class="font-medium">1</b> daily count was too low'
        in admin.post(f"{account}usage/", days, headers=part).content.decode()
    )
    assert "nothing was raised" in admin.post(f"{account}usage/", days).content.decode()
    wrong = admin.post(f"{account}usage/", {"since": "yesterday", "until": today}, headers=part)
    assert (wrong.status_code, "Say the day as YYYY-MM-DD." in wrong.content.decode()) == (422, True)


def test_the_command_reads_connections_for_one_campaign_only(
    room: Room, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(
        core_events._receivers, RelationsListed, {"campaigns.historical": historical.on_relations_listed}
    )
    room.world.relations = [relation(name, f"ACoAAB{name}") for name in ("inside", "beside")]
    with room.scope():
        rows = Rows(room.agency, room.agency.first)
        campaign, idle = rows.fresh(Campaign), rows.fresh(Campaign)
        CampaignSender.objects.create(campaign=campaign, sender=room.sender)
        for name in ("inside", "beside"):
            lead = rows.fresh(Lead, first_name=name)
            rows.fresh(LeadChannel, lead=lead, kind="linkedin", normalized=f"{name}-weil")
            if name == "inside":
                inside = lead
                rows.fresh(Enrollment, campaign=campaign, lead=lead)

    def backfill(*words: str) -> None:
        with no_scope():
            call_command("backfill", *words, "--organization", room.agency.slug)

    backfill("connections", "--campaign", str(campaign.id))
    with room.scope():
        assert Relation.objects.get().lead_id == inside.id
    for words, said in (
        (("connections", "--campaign", str(idle.id)), "No LinkedIn account works for this campaign."),
        (("connections", "--campaign", str(room.sender.id)), "no such campaign"),
        (("messages", "--campaign", str(campaign.id)), "Only connections are read for a campaign."),
    ):
        with pytest.raises(SystemExit):
            backfill(*words)
        assert said in capsys.readouterr().err
