"""The installation's own mail: outbox, retries under one key, reports, Django's mail API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core import mail as django_mail
from django.core.mail import EmailMultiAlternatives, send_mail
from django.core.management import call_command
from django.test import Client as Browser
from svix.webhooks import Webhook

from integrations.mail_backends import KEY_HEADER, KIND_HEADER
from integrations.models import SystemMail
from integrations.sandbox.testing import API_KEY, SandboxHandle, running_sandbox
from integrations.services import system_mail
from project.core.clock import now
from project.core.scoping import no_scope
from tests.integrations.conftest import Hints

pytestmark = pytest.mark.django_db

THEM = "ana@prospect.example"
SECRET = "whsec_c2VjcmV0LW9mLXRoZS1pbnN0YWxsYXRpb24="


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(seed=None) as handle:
        yield handle


@pytest.fixture
def resend(sandbox: SandboxHandle, settings: Any, hints: Hints) -> SandboxHandle:
    """Mail leaves through the sandbox's Resend."""
    sandbox.clear_faults()
    sandbox.reset(seed="")
    settings.RESEND_BASE_URL = sandbox.resend_url
    settings.RESEND_API_KEY = API_KEY
    settings.RESEND_WEBHOOK_KEY = "key-of-the-installation"
    settings.RESEND_WEBHOOK_SECRETS = [SECRET]
    settings.EMAIL_BACKEND = settings.RESEND_BACKEND
    settings.DEFAULT_FROM_EMAIL = "Outbound <no-reply@mail.sandbox.example>"
    return sandbox


def write(**values: Any) -> SystemMail:
    made = system_mail.send(
        **{"to": THEM, "subject": "Your week", "text": "Numbers", "html": "<p>Numbers</p>", "kind": "report"}
        | values
    )
    assert made is not None
    return made


def report(payload: dict[str, Any], *, call_id: str = "msg_1", secret: str = SECRET) -> Any:
    """Post a report as Resend does, signed by Svix's own library."""
    body = json.dumps(payload)
    at = now()
    headers = {
        "svix-id": call_id,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign(call_id, at, body),
    }
    with no_scope():
        return Browser().post(
            "/webhooks/resend/key-of-the-installation",
            data=body.encode(),
            content_type="application/json",
            headers=headers,
        )


def event(kind: str, mail: SystemMail, **data: Any) -> dict[str, Any]:
    return {
        "type": f"email.{kind}",
        "created_at": now().isoformat(),
        "data": {"email_id": mail.provider_id, "to": [THEM], "from": "no-reply@mail.sandbox.example", **data},
    }


def emails(sandbox: SandboxHandle) -> list[dict[str, Any]]:
    return [call for call in sandbox.calls(provider="resend", writes=1) if call["path"] == "/emails"]


def test_a_mail_leaves_once_and_its_text_is_forgotten(resend: SandboxHandle, hints: Hints) -> None:
    made = write(key="report:2026-47:ana")
    assert (
        system_mail.send(to=THEM, subject="Again", text="x", kind="report", key="report:2026-47:ana") is None
    )
    assert made.content
    assert "Numbers" not in made.content
    assert hints.run_all() == 1
    made.refresh_from_db()
    assert made.state == SystemMail.State.SENT
    assert (made.transport, made.content, made.attempts) == ("resend", "", 1)
    (sent,) = emails(resend)
    assert sent["body"]["to"] == [THEM]
    assert sent["body"]["html"] == "<p>Numbers</p>"
    assert sent["headers"]["idempotency-key"] == str(made.id)
    assert system_mail.deliver(made.id) == ""


@pytest.mark.parametrize(
    "fault", [{"kind": "drop", "perform": True}, {"kind": "status", "status": 500, "perform": True}]
)
def test_an_unknown_outcome_is_tried_again_under_the_same_key(
    resend: SandboxHandle, hints: Hints, fault: dict[str, Any]
) -> None:
    made = write()
    resend.add_fault(**fault, path="/emails", times=1)
    hints.run_all()
    made.refresh_from_db()
    assert made.state == SystemMail.State.QUEUED
    assert made.not_before > now()
    with time_machine.travel(now() + timedelta(minutes=5), tick=True):
        assert system_mail.sweep() == 1
        hints.run_all()
    made.refresh_from_db()
    assert made.state == SystemMail.State.SENT
    assert len(emails(resend)) == 1, "the second request sent nothing"


def test_a_dead_worker_is_found_and_the_key_is_not_used_for_too_long(
    resend: SandboxHandle, hints: Hints
) -> None:
    made = write()
    hints.lose()
    assert system_mail._claim(made.id) is not None
    assert system_mail.deliver(made.id) == "", "somebody holds it"
    with time_machine.travel(now() + timedelta(minutes=3), tick=True):
        assert system_mail.sweep() == 1
    with time_machine.travel(now() + timedelta(hours=25), tick=True):
        assert system_mail.deliver(made.id) == SystemMail.State.FAILED
    assert emails(resend) == []


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"status": 429, "type": "rate_limit_exceeded", "retry_after": "7"}, SystemMail.State.QUEUED),
        ({"status": 429, "type": "daily_quota_exceeded"}, SystemMail.State.QUEUED),
        ({"status": 403, "type": "invalid_api_key"}, SystemMail.State.QUEUED),
        ({"status": 422, "type": "validation_error"}, SystemMail.State.FAILED),
        ({"status": 409, "type": "invalid_idempotent_request"}, SystemMail.State.SENT),
    ],
)
def test_refusals(resend: SandboxHandle, hints: Hints, fault: dict[str, Any], state: str) -> None:
    made = write()
    resend.add_fault("status", path="/emails", times=1, **fault)
    hints.run_all()
    made.refresh_from_db()
    assert made.state == state
    assert bool(made.error) == (state != SystemMail.State.SENT)


def test_reports_are_applied_once_in_any_order(resend: SandboxHandle, hints: Hints) -> None:
    made = write()
    hints.run_all()
    made.refresh_from_db()
    assert report(event("opened", made), call_id="msg_2").status_code == 200
    assert report(event("delivered", made), call_id="msg_1").content == b"applied"
    assert report(event("delivered", made), call_id="msg_1").content == b"repeated"
    made.refresh_from_db()
    assert made.state == SystemMail.State.DELIVERED
    assert [entry["kind"] for entry in made.events] == ["email.opened", "email.delivered"]
    bounce = {"type": "Permanent", "subType": "NoEmail", "message": "No such user."}
    report(event("bounced", made, bounce=bounce), call_id="msg_3")
    report(event("delivered", made), call_id="msg_4")
    made.refresh_from_db()
    assert made.state == SystemMail.State.BOUNCED
    assert "No such user." in made.error
    report(event("complained", made), call_id="msg_5")
    made.refresh_from_db()
    assert made.state == SystemMail.State.COMPLAINED


def test_a_report_may_come_before_our_answer(resend: SandboxHandle, hints: Hints) -> None:
    made = write()
    hints.lose()
    claimed = system_mail._claim(made.id)
    assert claimed is not None
    early = event("delivered", made, email_id="e-1", tags={"send_id": str(made.id)})
    assert report(early).content == b"applied"
    system_mail._sent(claimed, "e-1")
    made.refresh_from_db()
    assert (made.state, made.provider_id, made.content) == (SystemMail.State.DELIVERED, "e-1", "")


def test_what_is_not_proven_is_refused(resend: SandboxHandle, hints: Hints, settings: Any) -> None:
    made = write()
    hints.run_all()
    made.refresh_from_db()
    told = event("delivered", made)
    assert report(told, secret="whsec_b3RoZXItc2VjcmV0LW9mLW90aGVycw==").status_code == 401
    settings.RESEND_WEBHOOK_SECRETS = ["whsec_b3RoZXItc2VjcmV0LW9mLW90aGVycw==", SECRET]
    assert report(told).status_code == 200, "the old secret is accepted while it is being replaced"
    settings.RESEND_WEBHOOK_SECRETS = []
    assert report(told).status_code == 503
    with no_scope():
        assert Browser().post("/webhooks/resend/another-key", b"{}", "application/json").status_code == 404


def test_djangos_mail_api_leads_into_the_outbox(resend: SandboxHandle, hints: Hints) -> None:
    message = EmailMultiAlternatives(
        "Join Kestrel",
        "Come in",
        None,
        [THEM, "bo@prospect.example"],
        headers={KIND_HEADER: "invitation", KEY_HEADER: "invitation:1", "X-Other": "kept"},
        reply_to=["help@kestrel.example"],
    )
    message.attach_alternative("<p>Come in</p>", "text/html")
    message.attach("plan.txt", "a plan", "text/plain")
    assert message.send() == 1
    assert message.send() == 1, "the same key is the same mail"
    assert send_mail("Hello", "Text", "Me <me@mail.sandbox.example>", [THEM]) == 1
    hints.run_all()
    kinds = sorted(SystemMail.objects.values_list("kind", "state"))
    assert kinds == [("invitation", "sent"), ("invitation", "sent"), ("other", "sent")]
    first = emails(resend)[0]["body"]
    assert first["reply_to"] == "help@kestrel.example"
    assert first["attachments"][0]["filename"] == "plan.txt"
    assert KIND_HEADER not in first["headers"]
    assert first["headers"]["X-Other"] == "kept"


def test_without_resend_it_leaves_through_djangos_backend(hints: Hints) -> None:
    made = write(attachments=[("a.txt", b"a", "text/plain")], headers={"X-Other": "kept"})
    hints.run_all()
    made.refresh_from_db()
    assert (made.state, made.transport) == (SystemMail.State.SENT, "django")
    (sent,) = django_mail.outbox
    assert isinstance(sent, EmailMultiAlternatives)
    assert sent.to == [THEM]
    assert sent.extra_headers["Message-ID"].startswith(f"<{made.id.hex}@")
    assert sent.alternatives[0][0] == "<p>Numbers</p>"


def test_a_mail_server_that_is_away_is_tried_again(hints: Hints, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    made = write()
    hints.run_all()
    made.refresh_from_db()
    assert made.state == SystemMail.State.QUEUED
    assert "ConnectionRefused" in made.error


def test_the_command_lists_and_tries_out(capsys: pytest.CaptureFixture[str], hints: Hints) -> None:
    write(subject="A week")
    call_command("system_mail", test="me@example.test", stdout=StringIO())
    call_command("system_mail", to=THEM)
    told = capsys.readouterr().out
    assert "handed over" in told
    assert "'A week'" in told
    assert "me@example.test" not in told.split("handed over")[1]
