"""Sender accounts and connections: status, sign-in links, credentials, webhooks at the provider."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client as Browser

from integrations.errors import ErrorKind
from integrations.models import Connection, ConnectRequest, OutboundMessage, SendAttempt, SenderAccount
from integrations.services import connecting, connections, hygiene, senders
from integrations.services.adapters import credentials_of
from integrations.tasks import refresh_senders, retest_connections
from integrations.values import AccountStatus
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.scoping import no_scope
from project.tenancy.models import AuditEntry
from tests.integrations.conftest import Room
from tests.integrations.world import problem


def status_call(room: Room, word: str) -> None:
    room.post({"AccountStatus": {"account_id": "acc-1", "account_type": "LINKEDIN", "message": word}})
    room.hints.run_all()


def test_status_words_are_normalised_and_kept(room: Room) -> None:
    for word, status in [("CREDENTIALS", "credentials"), ("OK", "ok"), ("STOPPED", "stopped"), ("OK", "ok")]:
        status_call(room, word)
        with room.scope():
            sender = SenderAccount.objects.get()
            assert (sender.status, sender.status_raw) == (status, word)
    with room.scope():
        assert AuditEntry.objects.filter(action="sender.status_changed").count() == 4


def test_news_that_change_no_status_and_unknown_words_stop_nothing(room: Room) -> None:
    for word in ("SYNC_SUCCESS", "SOMETHING_NEW"):
        status_call(room, word)
        with room.scope():
            assert SenderAccount.objects.get().status == "ok"


def test_old_news_that_come_late_change_nothing(room: Room) -> None:
    with room.scope():
        from django.db import transaction

        with transaction.atomic():
            senders.report_status(
                room.sender, status=AccountStatus.CREDENTIALS, raw_status="CREDENTIALS", reported_at=now()
            )
            said = senders.report_status(
                room.sender,
                status=AccountStatus.OK,
                raw_status="OK",
                reported_at=now() - timedelta(minutes=1),
            )
        assert "Older" in said
        assert SenderAccount.objects.get().status == "credentials"


def test_lost_status_webhooks_are_made_up_for_by_asking(room: Room) -> None:
    with room.scope():
        SenderAccount.objects.update(status="credentials", status_reported_at=now() - timedelta(minutes=6))
    with no_scope():
        assert refresh_senders.run() == 1
    room.hints.run_all()
    with room.scope():
        assert SenderAccount.objects.get().status == "ok"


def test_a_removed_account_is_stored_as_removed(room: Room) -> None:
    room.world.gone = True
    with room.scope():
        senders.refresh(sender=room.sender)
        assert SenderAccount.objects.get().status == "deleted"


# --- sign-in links ----------------------------------------------------------------------------------


def notice(room: Room, reference: str, status: str = "CREATION_SUCCESS", account: str = "acc-2") -> Any:
    with no_scope():
        return Browser().post(
            f"{room.address}/connected",
            data=json.dumps({"status": status, "account_id": account, "name": reference}),
            content_type="application/json",
        )


def start(room: Room, **fields: Any) -> str:
    with room.scope():
        link = connecting.start(
            connection=room.connection,
            client=room.agency.second,
            return_path="/o/kestrel/senders/",
            actor=room.agency.manager,
            **fields,
        )
        assert link.url.startswith("https://")
    return str(room.world.last_link["reference"])  # type: ignore[attr-defined]


def test_a_used_link_makes_the_account_a_sender_once(room: Room) -> None:
    reference = start(room)
    assert room.world.last_link["notify_url"].endswith(f"{room.address}/connected")  # type: ignore[attr-defined]
    assert (notice(room, reference).status_code, notice(room, reference).content) == (200, b"known")
    with room.scope():
        made = SenderAccount.objects.get(provider_account_id="acc-2")
        assert (made.client_id, made.status, made.name) == (room.agency.second.id, "ok", "Maya Lindqvist")
        assert made.own_user_ids
        assert ConnectRequest.objects.get().sender_id == made.id
        assert reference not in json.dumps(list(ConnectRequest.objects.values("nonce_hash")), default=str)


@pytest.mark.parametrize("reference", ["", "guess", "x" * 500])
def test_a_notice_without_our_nonce_is_refused(room: Room, reference: str) -> None:
    start(room)
    assert notice(room, reference).status_code == 404
    with room.scope():
        assert SenderAccount.objects.count() == 1


def test_an_expired_link_and_a_failed_sign_in_make_nothing(room: Room) -> None:
    reference = start(room)
    assert notice(room, reference, status="CREATION_FAIL").content == b"noted"
    with time_machine.travel(now() + timedelta(hours=3), tick=True):
        assert notice(room, reference).status_code == 404
    with room.scope():
        assert SenderAccount.objects.count() == 1


def test_reconnecting_with_another_account_changes_nothing(room: Room) -> None:
    reference = start(room, sender=room.sender)
    assert notice(room, reference, status="RECONNECTED", account="acc-9").content == b"another account"
    assert notice(room, reference, status="RECONNECTED", account="acc-1").content == b"connected"
    with room.scope():
        assert SenderAccount.objects.count() == 1


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense", b"[]"])
def test_a_notice_that_is_none_is_refused(room: Room, body: bytes) -> None:
    answer = Browser().post(f"{room.address}/connected", data=body, content_type="application/json")
    assert answer.status_code == 400


# --- connections ------------------------------------------------------------------------------------


def test_credentials_are_encrypted_and_checked_on_entry(room: Room) -> None:
    with room.scope():
        stored = Connection.objects.get()
        assert "key-of-the-test-connection" not in stored.credentials
        assert credentials_of(stored)["api_key"] == "key-of-the-test-connection"
        room.world.credentials_ok = False
        check = connections.try_out(connection=stored, actor=room.agency.admin)
        assert (check.ok, check.lacks) == (False, ("The access token is wrong.",))
        assert Connection.objects.get().last_error == "The access token is wrong."
        assert "key-of-the-test-connection" not in json.dumps(
            list(AuditEntry.objects.values_list("data", flat=True))
        )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"provider": "nobody"}, "provider"),
        ({"credentials": {"api_key": " "}}, "api_key"),
        ({"base_url": "http://169.254.169.254/latest"}, "base_url"),
        ({"base_url": "http://localhost:6379"}, "base_url"),
        ({"base_url": "ftp://example.com"}, "base_url"),
    ],
)
def test_connections_that_cannot_work_are_refused(room: Room, values: dict[str, Any], field: str) -> None:
    given = {"provider": "unipile", "name": "x", "credentials": {"api_key": "abcdefgh"}, **values}
    with room.scope(), pytest.raises(Invalid) as refusal:
        connections.create(**given)
    assert refusal.value.field == field


def test_failing_connections_are_tried_again(room: Room) -> None:
    with room.scope():
        Connection.objects.update(status="failing", checked_at=now() - timedelta(minutes=6))
    with no_scope():
        assert retest_connections.run() == 1
    room.hints.run_all()
    with room.scope():
        assert Connection.objects.get().status == "ok"


def test_webhooks_are_registered_mended_and_left_alone(room: Room) -> None:
    with room.scope():
        made = connections.ensure_webhooks(connection=room.connection)
        assert {finding.problem.value for finding in made} == {"missing"}
        assert connections.ensure_webhooks(connection=room.connection) == ()
        for registration in room.world.registered:
            assert registration.url.endswith(room.address)
            assert registration.headers["Unipile-Auth"] == room.secret
            assert registration.headers["Content-Type"] == "application/json"
        count = len(room.world.registered)
        hygiene.rotate_secret(connection=room.connection, actor=room.agency.admin)
        assert len(room.world.registered) == count
        assert all(row.headers["Unipile-Auth"] != room.secret for row in room.world.registered)
        assert credentials_of(Connection.objects.get())["previous_webhook_secret"] == room.secret


# --- certification ----------------------------------------------------------------------------------


def test_certify_sends(room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    def certified(code: int) -> dict[str, Any]:
        with no_scope():
            try:
                call_command("certify_sends", "--json")
                ended = 0
            except SystemExit as exit_:
                ended = int(str(exit_.code))
        assert ended == code
        found: dict[str, Any] = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
        return found

    room.world.failures_after.append(problem(ErrorKind.INDETERMINATE))
    with room.scope():
        room.queue()
        room.queue()
    room.hints.run_all()
    first = certified(0)
    assert (first["checked"], first["sent"], len(first["ambiguous"])) == (2, 1, 1)
    with room.scope():
        SendAttempt.objects.filter(state="ambiguous").update(settle_after=None)
    assert len(certified(1)["given_up"]) == 1
    with room.scope():
        sent = OutboundMessage.objects.get(state="sent")
        SendAttempt.objects.create(outbound=sent, number=2, state="accepted")
    assert {finding["outbound_id"] for finding in certified(1)["twice"]} == {str(sent.id)}
